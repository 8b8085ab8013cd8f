"""Salesforce messaging: MessagingSession, AgentWork and ConversationEntry, queried or as changes.

A conversation is a messaging session, whose id all three carry. What the records honestly say:

- AgentWork is routed work: RequestDateTime is `handoff.queued`, the assignment an offer, its
  acceptance no more than accepted. The takeover is the agent's first message (ConversationEntry).
  Work that an agent handed on (TransferRequesterId) is requested by human; a bot's is no handoff.
- AbandonedDateTime is abandonment. A canceled item need not be: how the session ended says it.
- A session's AgentType says whether a bot served it; EndedByType who ended it.
- The channel is messaging for all, for only the session knows which (channel_subtype); an option
  may say chat. A customer is the contact, else the messaging user, who is another on each channel.
- A change carries the changed fields only: of AgentWork it needs WorkItemId beside them (event
  enrichment), else it names no conversation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from streams.domain.events import (
    AiTurn,
    Author,
    Channel,
    ContactEnded,
    ContactStarted,
    EndedBy,
    HandoffAccepted,
    HandoffDeclined,
    HandoffDequeued,
    HandoffOffered,
    HandoffQueued,
    HandoffRequested,
    HandoffTimedOut,
    MessageSent,
)
from streams.sources.adapter import (
    NOT_TO_THE_CUSTOMER,
    PRIVATE_NOTE,
    Contact,
    Ignored,
    Item,
    Platform,
    Talk,
)
from streams.sources.coverage import YES, Feed
from streams.sources.payload import UUID, Payload


def _ids(prefix: str) -> re.Pattern[str]:
    """Ids of one object in their form of 15 characters; 18 only add a checksum."""
    return re.compile(rf"({prefix}[a-zA-Z0-9]{{12}})(?:[A-Z0-5]{{3}})?")


_SESSION, _WORK, _ENTRY, _QUEUE = _ids("0Mw"), _ids("0Bz"), _ids("0ii"), _ids("00G")
_ENTRY_ID = re.compile(rf"{_ENTRY.pattern}|({UUID.pattern})")

_DIRECTIONS = {
    "InboundInitiated": "inbound",
    "Help": "inbound",
    "OptIn": "inbound",
    "AgentInitiated": "outbound",
    "TriggeredOutbound": "outbound",
}
_ENDED_BY: dict[str, EndedBy] = {
    "EndUser": "customer",
    "Agent": "human",
    "Bot": "ai",
    "System": "system",
}
_SILENT = ("Router",)
_AUTHORS: dict[str, Author] = {
    "EndUser": "customer",
    "Agent": "human",
    "Bot": "ai",
    "Chatbot": "ai",
    "System": "system",
}
_BOTS = {"Bot": True, "BotToAgent": True, "Agent": False, "System": False}
_CHANNEL_TYPES = {
    name: name
    for name in (
        *("Alexa", "AppleBusinessChat", "EmbeddedMessaging", "Facebook", "GoogleHome", "Line"),
        *("Omega", "Phone", "Text", "Voice", "WeChat", "WebChat", "WhatsApp", "Custom"),
    )
}
# The others are messaging.
_VOICE: dict[str, Channel] = {"Phone": "voice", "Voice": "voice"}
_SPOKEN = {"Text", "MESSAGE", "Message", "StaticContentMessage"}
_ESCALATED = {"BotEscalated"}


def _parts(payload: Payload) -> Iterable[Payload]:
    for several in ("records", "conversationEntries"):
        if payload.present(several):
            return payload.items(several)
    for envelope in ("payload", "data.payload"):
        if payload.present(f"{envelope}.ChangeEventHeader"):
            return [payload.at(envelope)]
    return [payload]


def _kind(record: Payload) -> str | None:
    change = record.text("ChangeEventHeader.changeType")
    if change is not None and change not in ("CREATE", "UPDATE"):
        return "deletion or gap"
    name = record.text("attributes.type", "ChangeEventHeader.entityName")
    if name is None:
        # An export without types: the prefix of the id says which.
        number = record.text("Id") or ""
        if _SESSION.fullmatch(number):
            name = "MessagingSession"
        elif _WORK.fullmatch(number):
            name = "AgentWork"
        elif record.present("ActorType", "sender", "senderRole"):
            name = "ConversationEntry"
    if name == "ConversationEntry" and "Supervisor" in (
        record.text("ActorType"),
        record.parsed("sender").text("role"),
    ):
        return PRIVATE_NOTE
    if name == "AgentWork" and record.present("WorkItemId"):
        item = record.text("WorkItemId") or ""
        return name if _SESSION.fullmatch(item) else "AgentWork of another kind"
    return name


def _id(record: Payload, form: re.Pattern[str]) -> str | None:
    """The record's own id, which a change carries in its header."""
    changed = next(record.items("ChangeEventHeader.recordIds"), None)
    return record.id(form, "Id") or (changed.id(form) if changed is not None else None)


def _contact(record: Payload) -> Contact:
    named = record.text("attributes.type", "ChangeEventHeader.entityName")
    if named == "MessagingSession" or _SESSION.fullmatch(record.text("Id") or ""):
        session = _id(record, _SESSION)
    else:
        session = record.id(_SESSION, "WorkItemId", "ConversationId")
        for related in record.items("relatedRecords", "related_records"):
            session = session or related.id(_SESSION)
    return Contact(
        conversation=session,
        channel=record.word(_VOICE, "ChannelType", silent=_CHANNEL_TYPES) or "messaging",
        channel_subtype=record.word(_CHANNEL_TYPES, "ChannelType"),
        customer_key=record.key("EndUserContactId", "MessagingEndUserId"),
        direction=record.word(_DIRECTIONS, "Origin"),
        recorded_ms=record.moment("ChangeEventHeader.commitTimestamp"),
    )


def _session(record: Payload, talk: Talk) -> Iterator[Item]:
    started = record.moment("StartTime")
    if started is not None:
        yield talk.tell(ContactStarted, started, "session")
        if record.word(_BOTS, "AgentType"):
            yield talk.tell(AiTurn, started, "session")
    ended = record.moment("EndTime")
    if ended is not None:
        ended_by = record.word(_ENDED_BY, "EndedByType") or "unknown"
        yield talk.tell(ContactEnded, ended, "session", ended_by=ended_by)


def _work(record: Payload, talk: Talk) -> Iterator[Item]:
    key = _id(record, _WORK) or "work"
    who = {"handoff_id": key, "agent_id": record.key("UserId")}
    if record.present("BotId"):
        accepted = record.moment("AcceptDateTime", "AcceptDatetime")
        if accepted is not None:
            yield talk.tell(AiTurn, accepted, key)
        return
    requested = record.moment("RequestDateTime")
    if requested is not None and record.present("TransferRequesterId"):
        yield talk.tell(HandoffRequested, requested, key, handoff_id=key, requested_by="human")
    elif requested is not None:
        queue = record.id(_QUEUE, "OriginalQueueId")
        yield talk.tell(HandoffQueued, requested, key, handoff_id=key, queue_id=queue)
    status = record.text("Status")
    refused = HandoffTimedOut if status == "DeclinedOnPushTimeout" else HandoffDeclined
    for kind, at in (
        (HandoffOffered, record.moment("AssignedDateTime")),
        (HandoffAccepted, record.moment("AcceptDateTime", "AcceptDatetime")),
        (refused, record.moment("DeclineDateTime", "DeclineDatetime")),
    ):
        if at is not None and (kind is not HandoffAccepted or who["agent_id"] is not None):
            yield talk.tell(kind, at, key, **who)
    abandoned = record.moment("AbandonedDateTime")
    if abandoned is not None:
        yield talk.tell(HandoffDequeued, abandoned, key, handoff_id=key, outcome="abandoned")


def _entry(record: Payload, talk: Talk) -> Iterator[Item]:
    key = record.id(_ENTRY_ID, "Id", "identifier")
    at = record.moment(
        *("EntryTime", "serverReceivedTimestamp", "transcriptedTimestamp"),
        *("transcripted_timestamp", "clientTimestamp", "client_timestamp"),
    )
    kind = record.text("EntryType", "entryType", "entry_type") or "Text"
    if kind in _ESCALATED:
        yield talk.tell(HandoffRequested, at, key, handoff_id=talk.id, requested_by="ai")
        return
    if kind not in _SPOKEN:
        return
    sender = record.parsed("sender")
    author = record.word(_AUTHORS, "ActorType", silent=_SILENT) or sender.word(
        _AUTHORS, "role", silent=_SILENT
    )
    if author is not None:
        agent = record.key("ActorId") or sender.key("subject")
        yield talk.tell(
            MessageSent,
            at,
            key,
            author=author,
            message_id=key,
            agent_id=agent if author == "human" else None,
        )


PLATFORM = Platform(
    name="salesforce",
    title="Salesforce messaging",
    reads="MessagingSession, AgentWork, ConversationEntry (developer.salesforce.com/docs/platform/"
    "object-reference), as query results or Change Data Capture events, and conversation entries of"
    " enhanced channels (developer.salesforce.com/docs/service/messaging-object-model)",
    kind=_kind,
    contact=_contact,
    parts=_parts,
    kinds={
        "MessagingSession": _session,
        "AgentWork": _work,
        "ConversationEntry": _entry,
        # Supervisors' entries are flags and whispers between colleagues.
        PRIVATE_NOTE: NOT_TO_THE_CUSTOMER,
        "AgentWork of another kind": Ignored("a case, call or lead, not a messaging session"),
        "deletion or gap": Ignored("what was said stays said; a gap says nothing"),
        "MessagingEndUser": Ignored("a person's record, not a contact"),
        "UserServicePresence": Ignored("of an agent's shift, not of a contact"),
        "PendingServiceRouting": Ignored("AgentWork says when work was requested"),
    },
    feeds={
        "escalation latency": YES,
        "answer service level": YES,
        "abandonment": YES,
        "first response": YES,
        "containment": YES,
        "recontact": Feed(
            "partly",
            "a messaging user who is no contact yet is another customer on each channel",
            "link messaging users to contacts before the session ends",
        ),
        "verified resolution": Feed(
            "no",
            "no record claims or proves a resolution; a closed case is neither",
            "emit resolution.claimed and .evidence",
        ),
        "failure reasons": Feed(
            "no",
            "BotEscalated says that the bot gave up, not why",
            "emit ai.failure_signalled from the bot's dialogs",
        ),
        "handoff context": Feed(
            "no",
            "no record says what was handed over",
            "emit handoff.requested with a context from the escalation flow",
        ),
        "customer repeated": Feed("no", "no record says it", "emit it from QA or a classifier"),
        "quality assurance": Feed("no", "not in these records", "emit qa.evaluated"),
        "satisfaction": Feed(
            "no",
            "surveys are records of their own (SurveyInvitation, SurveyResponse)",
            "emit csat.requested and .received from them",
        ),
        "compliance": Feed("no", "not in these records", "emit compliance.exception"),
        "cost": Feed("no", "not in these records", "emit cost.recorded"),
    },
)
