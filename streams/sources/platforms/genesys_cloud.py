"""Genesys Cloud: events and details of conversations, and the messages in them.

What they honestly say:

- An ACD session is the wait for a human: `handoff.queued` where it begins. Its end says how:
  answered, abandoned or flowed out. Genesys knows of no earlier wish for a human, but a bot's.
- `user.start` is the alert, not the answer: `handoff.offered`. The agent is connected where the ACD
  session ends ANSWERED (events), or where their interaction begins (details).
- Off voice the takeover is the agent's first message. It is in neither events nor details, but in
  v2.conversations.messages and the messages that the platform keeps (_genesys_messages.py).
- A bot flow (BOT, DIGITALBOT) is an AI; a menu (IVR) is not. How it exited may be a failure; an
  outcome that its designer set to SUCCESS is a claim, which nobody has verified.
- Events do not say whether a callback follows when a caller hangs up; details do.
- A customer is the external contact, else the address or number that the contact came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from streams.domain.events import (
    Channel,
    ContactEnded,
    ContactStarted,
    EndedBy,
    HandoffConnected,
    HandoffDequeued,
    HandoffOffered,
    HandoffQueued,
    HandoffTimedOut,
)
from streams.sources.adapter import Contact, Ignored, Item, Platform, Talk
from streams.sources.coverage import YES, Feed
from streams.sources.payload import UUID, Payload
from streams.sources.platforms._genesys_conversation import conversation_detail
from streams.sources.platforms._genesys_flows import bot_ended, bot_served, outcome
from streams.sources.platforms._genesys_messages import (
    conversation_contact,
    conversation_messages,
    message_contact,
    one_message,
)
from streams.sources.platforms._genesys_words import DIRECTIONS, MESSAGES, both

_TOPIC = "v2.detail.events.conversation."
_MESSAGES_TOPIC = re.compile(
    r"v2\.(?:(?:users|routing\.queues)\.[^.]+\.conversations\.messages"
    r"|conversations\.messages\.[^.]+)"
)
_BOTS = {"BOT": True, "DIGITALBOT": True}
_MENUS = (
    *("INBOUNDCALL", "OUTBOUNDCALL", "INQUEUECALL", "SECURECALL", "INBOUNDEMAIL"),
    *("SURVEYINVITE", "INBOUNDSHORTMESSAGE", "INBOUNDCHAT", "WORKFLOW", "COMMONMODULE"),
    *("INQUEUEEMAIL", "INQUEUESHORTMESSAGE", "VOICE", "VOICEMAIL", "VOICESURVEY", "WORKITEM"),
)


_MEDIA: dict[str, Channel] = both(
    {
        "voice": "voice",
        "callback": "voice",
        "chat": "chat",
        "email": "email",
        "message": "messaging",
    }
)
_OUTCOMES = {"ANSWERED": "answered", "ABANDON": "abandoned", "FLOW_OUT": "flow_out"}
_TRANSFERS = (
    *("TRANSFER", "CONFERENCE_TRANSFER", "CONSULT_TRANSFER", "FORWARD_TRANSFER"),
    *("NO_ANSWER_TRANSFER", "NOT_AVAILABLE_TRANSFER"),
)
_GONE: dict[str, EndedBy] = {
    "ENDPOINT": "customer",
    "CLIENT": "customer",
    "PEER": "unknown",
    "SYSTEM": "system",
    "TIMEOUT": "system",
    "ERROR": "system",
    "TRANSPORT_FAILURE": "system",
    "UNCALLABLE": "system",
    "SPAM": "system",
    "OTHER": "unknown",
    "UNKNOWN": "unknown",
}


def _parts(payload: Payload) -> Iterable[Payload]:
    for several in ("conversations", "entities"):
        if payload.present(several):
            return payload.items(several)
    envelope = payload.at("detail") if payload.present("detail.eventBody") else payload
    return [envelope.at("eventBody") if envelope.present("eventBody") else payload]


def _kind(part: Payload) -> str | None:
    topic = part.parent.text("topicName") if part.parent else None
    if topic is not None and _MESSAGES_TOPIC.fullmatch(topic):
        return "conversation messages"
    if part.present("participants"):
        return "conversation detail" if part.present("conversationId") else _by_rest(part)
    if part.present("messengerType") and part.present("conversationId"):
        return "message"
    if topic is None or not topic.startswith(_TOPIC):
        return None
    # After the conversation's id.
    return topic.removeprefix(_TOPIC).partition(".")[2]


def _by_rest(part: Payload) -> str | None:
    """A conversation as /api/v2/conversations/messages/{id} gives it has no topic."""
    wrote = any(each.present("messages") for each in part.items("participants"))
    return "conversation messages" if wrote else None


def _contact(part: Payload) -> Contact:
    kind = _kind(part)
    if kind == "conversation messages":
        return conversation_contact(part)
    if kind == "message":
        return message_contact(part)
    them = next(
        (each for each in part.items("participants") if each.text("purpose") == "customer"),
        next(part.items("participants"), part),
    )
    session = next(them.items("sessions"), part)
    outbound = session.present("outboundCampaignId")
    who = (
        them.key("externalContactId")
        or next((each.key() for each in part.items("conversationExternalContactIds")), None)
        or session.key("ani", "addressFrom", "remote")
    )
    return Contact(
        conversation=part.id(UUID, "conversationId"),
        channel=session.word(MESSAGES, "messageType") or session.word(_MEDIA, "mediaType"),
        channel_subtype="callback" if session.text("mediaType") == "callback" else None,
        customer_key=who,
        direction="outbound"
        if outbound
        else part.word(DIRECTIONS, "originatingDirection", "direction")
        or session.word(DIRECTIONS, "direction"),
        language=session.label("flow.startingLanguage"),
    )


def _at(event: Payload) -> tuple[int | None, str]:
    """When it happened, and in which session."""
    return event.moment("eventTime"), event.id(UUID, "sessionId") or "session"


def _started(event: Payload, talk: Talk) -> Iterator[Item]:
    yield talk.tell(ContactStarted, *_at(event))


def _ended(event: Payload, talk: Talk) -> Iterator[Item]:
    ended_by = event.word(_GONE, "disconnectType", silent=_TRANSFERS)
    # A transfer ends the session, not the contact; nor does the part that waits to be called back.
    if ended_by is not None and event.text("mediaType") != "CALLBACK":
        yield talk.tell(ContactEnded, *_at(event), ended_by=ended_by)


def _queued(event: Payload, talk: Talk) -> Iterator[Item]:
    at, session = _at(event)
    if talk.direction != "outbound":
        queue = event.id(UUID, "queueId")
        priority = event.whole("routingPriority")
        yield talk.tell(
            HandoffQueued, at, session, handoff_id=session, queue_id=queue, priority=priority
        )


def _dequeued(event: Payload, talk: Talk) -> Iterator[Item]:
    at, session = _at(event)
    left = event.word(_OUTCOMES, "acdOutcome")
    if left is None or talk.direction == "outbound":
        return
    yield talk.tell(HandoffDequeued, at, session, handoff_id=session, outcome=left)
    agent = event.key("answeredUserId")
    if left == "answered" and agent is not None and event.text("mediaType") != "CALLBACK":
        yield talk.tell(HandoffConnected, at, session, handoff_id=session, agent_id=agent)


def _alerted(event: Payload, talk: Talk) -> Iterator[Item]:
    at, session = _at(event)
    # Without a queue it is a call to a colleague, or one that an agent dials.
    if event.present("queueId") and talk.direction != "outbound":
        agent = event.key("userId")
        yield talk.tell(HandoffOffered, at, session, handoff_id=session, agent_id=agent)


def _user_ended(event: Payload, talk: Talk) -> Iterator[Item]:
    at, session = _at(event)
    talked = event.whole("interactingDurationMs", most=10**9) or 0
    alerted = event.whole("alertingDurationMs", most=10**9) or 0
    if event.present("queueId") and alerted > 0 and talked == 0 and talk.direction != "outbound":
        agent = event.key("userId")
        yield talk.tell(HandoffTimedOut, at, session, handoff_id=session, agent_id=agent)


def _flow_started(event: Payload, talk: Talk) -> Iterator[Item]:
    if event.word(_BOTS, "flowType", silent=_MENUS):
        yield bot_served(event, talk, *_at(event))


def _flow_ended(event: Payload, talk: Talk) -> Iterator[Item]:
    if event.word(_BOTS, "flowType", silent=_MENUS):
        yield from bot_ended(event, talk, *_at(event))


def _flow_outcome(event: Payload, talk: Talk) -> Iterator[Item]:
    if event.word(_BOTS, "flowType", silent=_MENUS):
        yield from outcome(event, talk, _at(event)[1])


_MESSAGES_TOO = "send v2.conversations.messages.{id} (or a queue's) beside the detail events"
_AFTER = Ignored("the agent's work after the contact")
_NOTHING = Ignored("no milestone of a contact")

PLATFORM = Platform(
    name="genesys-cloud",
    title="Genesys Cloud",
    reads="v2.detail.events.conversation.{id}.* by notifications or EventBridge"
    " (developer.genesys.cloud/notificationsalerts/notifications/available-topics) and"
    " /api/v2/analytics/conversations/details (developer.genesys.cloud/analyticsdatamanagement);"
    " v2.conversations.messages.{id} (of a user or queue too), /api/v2/conversations/messages/{id}"
    " and its messages",
    kind=_kind,
    contact=_contact,
    parts=_parts,
    kinds={
        "customer.start": _started,
        "customer.end": _ended,
        "acd.start": _queued,
        "acd.end": _dequeued,
        "user.start": _alerted,
        "user.end": _user_ended,
        "flow.start": _flow_started,
        "flow.end": _flow_ended,
        "flow.outcome": _flow_outcome,
        "conversation detail": conversation_detail,
        "conversation messages": conversation_messages,
        "message": one_message,
        "acw": _AFTER,
        "wrapup": _AFTER,
        "attributes": _NOTHING,
        "callback": Ignored("the callback's own sessions say it"),
        "contact.center": _NOTHING,
        "voicemail.start": _NOTHING,
        "voicemail.end": _NOTHING,
        "outbound": _NOTHING,
    },
    feeds={
        "escalation latency": Feed(
            "partly",
            "off voice the agent's first message is in neither events nor details",
            _MESSAGES_TOO,
        ),
        "answer service level": Feed(
            "partly",
            "as escalation latency",
            _MESSAGES_TOO,
        ),
        "abandonment": Feed(
            "partly",
            "of events alone, a caller who asked to be called back looks gone",
            "read the conversations' details too: they know of the callback",
        ),
        "first response": Feed(
            "partly",
            "messages are in neither events nor details",
            _MESSAGES_TOO,
        ),
        "containment": Feed(
            "partly",
            "off voice neither events nor details tell that the customer has spoken to the bot",
            _MESSAGES_TOO,
        ),
        "recontact": Feed(
            "partly",
            "without an external contact a customer is an address or number, another on each media",
            "link external contacts (identity resolution)",
        ),
        "verified resolution": Feed(
            "no",
            "a flow outcome of SUCCESS is the designer's claim; nothing proves it",
            "emit resolution.evidence from the system of record",
        ),
        "failure reasons": Feed(
            "partly",
            "a flow's exit reason tells failures of recognition, errors, and requests; no others",
            "emit ai.failure_signalled from the bot's own branches",
        ),
        "handoff context": Feed(
            "no",
            "participant data have no agreed names",
            "emit handoff.requested with a context",
        ),
        "customer repeated": Feed("no", "no event says it", "emit it from speech analytics"),
        "quality assurance": Feed(
            "partly",
            "details carry evaluations of agents, none of bots, and no automatic fail",
            "emit qa.evaluated for the bot's conversations",
        ),
        "satisfaction": YES,
        "compliance": Feed("no", "not in these payloads", "emit compliance.exception"),
        "cost": Feed("no", "not in these payloads", "emit cost.recorded"),
    },
)
