"""Intercom: conversations with their parts, by webhook or from the API, and Fin's own events.

What they honestly say:

- Fin is the AI (`from_ai_agent`, or an author marked as bot); any other bot is a workflow, an
  automation. Admins are humans, users, leads and contacts customers. A message that an admin sends
  to many (`campaigns_initiated`, `automated`) opens a contact outwards and answers nobody.
- T0: Fin's escalation, or the assignment by a bot or workflow to a team or admin. T1 is an admin's
  `comment`. An assignment to an admin is an offer, to oneself an acceptance; from a human to a team
  it is a return to the queue, from a human to another a transfer. A `note` is neither answer nor
  activity; one that reopens says that the matter is open again, no more.
- Fin claims: `assumed_resolution` (the customer went silent) and `confirmed_resolution`, which is
  evidence by the customer as Fin's vendor reads it (owner: supplier). The state bears no time: it
  is that of Fin's last answer in the payload, and without one in it the claim is left out.
- `close` by an admin is a human's claim and the end, by a bot or workflow the end alone (mostly a
  timer's). `open` reopens what was closed.
- Ratings: asked at `created_at`, given at `updated_at`; Fin's are the AI's.
- Whole conversations repeat earlier parts: the same events under the same ids.

Fin Agent API events (`event_name`) name another system's conversation, with the reason of an
escalation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from streams.domain.events import (
    AiFailureSignalled,
    Author,
    Channel,
    ContactEnded,
    ContactStarted,
    CsatReceived,
    CsatRequested,
    EndedBy,
    HandoffAccepted,
    HandoffOffered,
    HandoffQueued,
    HandoffRequested,
    HandoffReturned,
    MessageSent,
    ResolutionClaimed,
    ResolutionEvidence,
    ResolutionReopened,
)
from streams.sources.adapter import Contact, Item, Platform, Talk
from streams.sources.coverage import YES, Feed, no_feeds
from streams.sources.desks.fin import FIN_KINDS
from streams.sources.desks.intercom_ignored import IGNORED_KINDS
from streams.sources.payload import CONVERSATION, Payload

_CHANNELS: Final[dict[str, Channel]] = {
    **dict.fromkeys(("conversation", "push", "inapp", "chat", "post", "note"), "chat"),
    **dict.fromkeys(("email",), "email"),
    **dict.fromkeys(("phone_call", "phone_switch", "phone"), "voice"),
    **dict.fromkeys(
        ("facebook", "instagram", "twitter", "whatsapp", "sms", "telegram", "line"), "messaging"
    ),
}
_DELIVERED: Final[dict[str, Author | None]] = {
    "customer_initiated": "customer",
    "admin_initiated": "human",
    "campaigns_initiated": "campaign",
    "automated": "automation",
    "operator_initiated": "automation",
}
_AUTHORS: Final[dict[str, Author]] = {
    **dict.fromkeys(("user", "lead", "contact"), "customer"),
    **dict.fromkeys(("admin", "teammate"), "human"),
    **dict.fromkeys(("bot", "operator", "workflow", "team"), "automation"),
    "fin": "ai",
}
_ENDED_BY: Final[dict[Author, EndedBy]] = {
    "customer": "customer",
    "human": "human",
    "ai": "ai",
    "automation": "automation",
}
_MESSAGES: Final = ("comment", "quick_reply", "open", "assign_and_reopen", "assign_and_unsnooze")
_CLAIMS: Final = dict.fromkeys(("assumed_resolution", "confirmed_resolution"), True)


def _conversation(payload: Payload) -> Payload:
    return payload.at("data.item") if payload.present("data.item") else payload


def _parts(payload: Payload) -> Iterator[Payload]:
    yield payload
    conversation = _conversation(payload)
    if conversation.text("type") == "conversation":
        yield from conversation.items("conversation_parts.conversation_parts")


def _kind(part: Payload) -> str | None:
    if part.outer is not part or part.present("part_type"):
        kind = part.text("part_type")
        return None if kind is None else f"part.{kind}"
    event = part.text("event_name")
    if event is not None:
        return event
    conversation = _conversation(part)
    if conversation.text("type") == "conversation" or conversation.present("source.type"):
        return "conversation"
    # Webhooks about other things are told by their topic.
    return part.text("topic")


def _contact(part: Payload) -> Contact:
    conversation = part.outer if part.outer is not part else _conversation(part)
    people = [each.key("id") for each in conversation.items("contacts.contacts")]
    people += [conversation.key("user.id"), conversation.key("user_id")]
    if conversation.word(_AUTHORS, "source.author.type") == "customer":
        people.append(conversation.key("source.author.id"))
    subtype = conversation.label("source.type", "conversation_message.type")
    channel = conversation.word(_CHANNELS, "source.type", "conversation_message.type")
    return Contact(
        conversation=(
            part.id(CONVERSATION, "conversation_id")
            or (conversation.id(CONVERSATION, "id") if conversation is not part else None)
            or part.id(CONVERSATION, "id")
        ),
        channel=channel or "chat",
        channel_subtype=subtype,
        customer_key=next((key for key in people if key is not None), None),
    )


def _author(part: Payload) -> Author:
    if part.marked("bot", "author.id", "author_id"):
        return "ai"
    if part.marked("automation", "author.id", "author_id"):
        return "automation"
    if part.flag("author.from_ai_agent") or part.flag("author.is_ai_answer"):
        return "ai"
    return part.word(_AUTHORS, "author.type", "author_type") or "system"


def _opened(payload: Payload, talk: Talk) -> Iterator[Item]:
    conversation = _conversation(payload)
    at_ms = conversation.moment("created_at")
    sent_as = conversation.word(_DELIVERED, "source.delivered_as", "source_delivered_as")
    first = conversation.at("source") if conversation.present("source") else None
    first = first or conversation.at("conversation_message")
    author = sent_as or _author(first)
    direction = "inbound" if author == "customer" else "outbound"
    yield talk.tell(ContactStarted, at_ms, "opened", direction=direction)
    if author != "system":
        agent = first.key("author.id") if author == "human" else None
        key = first.id(CONVERSATION, "id")
        yield talk.tell(MessageSent, at_ms, "source", author=author, message_id=key, agent_id=agent)
    yield from _rated(conversation, talk)
    yield from _claimed(conversation, talk)


def _rated(conversation: Payload, talk: Talk) -> Iterator[Item]:
    given = conversation.at("conversation_rating")
    asked_ms = given.moment("requested_at", "created_at")
    if asked_ms is not None:
        yield talk.tell(CsatRequested, asked_ms, "rating", survey_id=f"{talk.id}/rating")
    score = given.whole("rating")
    if score is not None:
        at_ms = given.moment("updated_at", "created_at")
        subject = "human" if given.present("teammate.id") else "overall"
        yield _score(talk, at_ms, "rating", score, subject)
    fin = conversation.at("ai_agent")
    score = fin.whole("rating")
    if score is not None:
        asked_ms = fin.moment("created_at")
        yield talk.tell(CsatRequested, asked_ms, "fin", survey_id=f"{talk.id}/fin")
        yield _score(talk, fin.moment("updated_at", "created_at"), "fin", score, "ai")


def _score(talk: Talk, at_ms: int | None, survey: str, score: int, subject: str) -> Item:
    return talk.tell(
        CsatReceived,
        at_ms,
        survey,
        survey_id=f"{talk.id}/{survey}",
        score=score,
        scale_min=1,
        scale_max=5,
        subject=subject,
    )


def _claimed(conversation: Payload, talk: Talk) -> Iterator[Item]:
    state = conversation.text("ai_agent.resolution_state")
    if state is None:
        return
    answers = [
        each
        for each in conversation.items("conversation_parts.conversation_parts")
        if each.text("part_type") in _MESSAGES and _author(each) == "ai"
    ]
    if not answers:
        return
    last = max(answers, key=lambda each: each.moment("created_at") or 0)
    at_ms, key = last.moment("created_at"), last.id(CONVERSATION, "id")
    if state in _CLAIMS:
        yield talk.tell(ResolutionClaimed, at_ms, key, claimed_by="ai")
    if state == "confirmed_resolution":
        yield talk.tell(
            ResolutionEvidence, at_ms, key, kind="customer_confirmed", owner="supplier", result=True
        )
    elif state == "negative_feedback":
        yield talk.tell(
            AiFailureSignalled, at_ms, key, signal="negative_feedback", raw_reason=state
        )


def _said(part: Payload, talk: Talk) -> Iterator[Item]:
    at_ms, key, author = part.moment("created_at"), part.id(CONVERSATION, "id"), _author(part)
    if author == "system" or (part.present("redacted") and not part.present("body")):
        return
    agent = part.key("author.id", "author_id") if author == "human" else None
    yield talk.tell(MessageSent, at_ms, key, author=author, message_id=key, agent_id=agent)


def _assigned(part: Payload, talk: Talk) -> Iterator[Item]:
    """Who passed the conversation to whom."""
    if part.present("body"):
        yield from _said(part, talk)
    at_ms, key, by = part.moment("created_at"), part.id(CONVERSATION, "id"), _author(part)
    to = part.text("assigned_to.type", "assigned_to_type")
    agent = part.key("assigned_to.id", "assigned_to_id")
    handoff: dict[str, Any] = {"handoff_id": f"{talk.id}/{key or at_ms}"}
    # Of what is closed it is tidying up: nobody waits, and it would begin another episode.
    closed = part.text("state") == "closed"
    if closed or agent is None or to not in ("admin", "team", "teammate"):
        return
    if part.marked("bot", "assigned_to.id", "assigned_to_id"):
        yield talk.tell(HandoffReturned, at_ms, key, to="ai", **handoff)
        return
    itself = agent == part.key("author.id", "author_id")
    if to != "team" and by == "human" and itself:
        yield talk.tell(HandoffAccepted, at_ms, key, agent_id=agent, **handoff)
        return
    asked_by = by if by in ("ai", "human", "customer") else "system"
    yield talk.tell(HandoffRequested, at_ms, key, requested_by=asked_by, **handoff)
    if to != "team":
        yield talk.tell(HandoffOffered, at_ms, key, agent_id=agent, **handoff)
    elif by == "human":
        yield talk.tell(HandoffReturned, at_ms, key, to="queue", **handoff)
    else:
        yield talk.tell(HandoffQueued, at_ms, key, queue_id=agent, **handoff)


def _closed(part: Payload, talk: Talk) -> Iterator[Item]:
    if part.present("body"):
        yield from _said(part, talk)
    at_ms, key, by = part.moment("created_at"), part.id(CONVERSATION, "id"), _author(part)
    if by == "human":
        yield talk.tell(ResolutionClaimed, at_ms, key, claimed_by="human")
    yield talk.tell(ContactEnded, at_ms, key, ended_by=_ENDED_BY.get(by, "unknown"))


def _reopened(part: Payload, talk: Talk) -> Iterator[Item]:
    at_ms, key = part.moment("created_at"), part.id(CONVERSATION, "id")
    yield talk.tell(ResolutionReopened, at_ms, key)
    if part.text("part_type") == "note_and_reopen":
        return
    if part.present("assigned_to.id", "assigned_to_id"):
        yield from _assigned(part, talk)
    elif part.present("body"):
        yield from _said(part, talk)


PLATFORM = Platform(
    name="intercom",
    title="Intercom",
    reads=(
        "webhook notifications with topic conversation.*, conversations as the API returns them,"
        " and events of the Fin Agent API;"
        " https://developers.intercom.com/docs/references/webhooks/webhook-models"
    ),
    parts=_parts,
    kind=_kind,
    contact=_contact,
    kinds={
        "conversation": _opened,
        "part.comment": _said,
        "part.quick_reply": _said,
        **dict.fromkeys(
            ("part.assignment", "part.assign_and_unsnooze", "part.default_assignment"), _assigned
        ),
        "part.close": _closed,
        **dict.fromkeys(("part.open", "part.assign_and_reopen", "part.note_and_reopen"), _reopened),
        **FIN_KINDS,
        **IGNORED_KINDS,
    },
    feeds={
        **no_feeds("not in these events, or as text only, which is not read", "use streams.emit"),
        "escalation latency": YES,
        "answer service level": YES,
        "abandonment": Feed(
            "no",
            "a customer who leaves a chat leaves no event",
            "escalations that nobody answers expire by the contract's escalationExpiry",
        ),
        "first response": YES,
        "containment": YES,
        "recontact": Feed(
            "partly",
            "a visitor who is a lead in one conversation and a user in another is two customers",
            "identify visitors in the Messenger, so that leads are merged into users",
        ),
        "verified resolution": Feed(
            "partly",
            "Fin's claims, and confirmations as Fin reads them; the state bears no time of its own",
            "send resolution.evidence from the system of record",
        ),
        "failure reasons": Feed(
            "partly",
            "the reason of an escalation is in the Fin Agent API's events only; else negative"
            " feedback",
            "use the Fin Agent API's webhook, or mark the rules' names",
        ),
        "satisfaction": YES,
    },
)
