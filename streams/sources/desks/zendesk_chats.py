"""Zendesk's chats: the history of an audit's ChatStartedEvent, or the rows of an export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from streams.domain.events import (
    Author,
    ContactEnded,
    ContactStarted,
    CsatReceived,
    HandoffAccepted,
    HandoffQueued,
    HandoffRequested,
)
from streams.sources.adapter import Handler, Ignored, Item, Talk
from streams.sources.desks.zendesk_payloads import SCORES, marked, said, when
from streams.sources.payload import Payload


def _who(event: Payload) -> Author | None:
    """Who wrote in a chat: what really sent the message, else the actor's form."""
    sent = event.parsed("original_message")
    if sent.text("source.type") == "zd:answerBot":
        return "ai"
    actor = event.text("actor_id") or ""
    if actor in ("__system", "__trigger"):
        return "automation"
    staff = actor.startswith("agent:") and actor != "agent:"
    number = event.at("actor_id").after("agent:") if staff else event.at("actor_id")
    author = marked(number)
    if author is not None or staff:
        return author or "human"
    return None if number.key() is None or actor == "agent:" else "customer"


def _chat(event: Payload, talk: Talk) -> Iterator[Item]:
    at_ms, place = when(event), event.whole("chat_index")
    # Not every form gives a message an id.
    key = None if event.present("message_id", "id") else f"{at_ms}.{place}"
    yield said(event, talk, at_ms, _who(event), event.key("actor_id"), key)


def _chat_transfer(event: Payload, talk: Talk) -> Iterator[Item]:
    at_ms, by = when(event), _who(event)
    handoff = f"{talk.id}/{at_ms}"
    asked_by = by if by in ("ai", "human", "customer") else "system"
    yield talk.tell(HandoffRequested, at_ms, handoff_id=handoff, requested_by=asked_by)
    if by != "human":
        yield talk.tell(HandoffQueued, at_ms, handoff_id=handoff)


def _chat_join(event: Payload, talk: Talk) -> Iterator[Item]:
    at_ms, by, agent = when(event), _who(event), event.key("actor_id")
    if by == "customer":
        yield talk.tell(ContactStarted, at_ms, "joined", direction="inbound")
    elif by == "human" and agent is not None:
        yield talk.tell(HandoffAccepted, at_ms, handoff_id=f"{talk.id}/{at_ms}", agent_id=agent)


def _chat_rated(event: Payload, talk: Talk) -> Iterator[Item]:
    score = event.word(SCORES, "new_rating", "rating")
    if score is not None:
        survey = f"{talk.id}/chat"
        yield talk.tell(
            CsatReceived, when(event), survey_id=survey, score=score, scale_min=0, scale_max=1
        )


def _chat_ended(event: Payload, talk: Talk) -> Iterator[Item]:
    yield talk.tell(ContactEnded, when(event))


_HOUSEKEEPING: Final = Ignored("the chat's own housekeeping: neither answer nor activity")

CHAT_KINDS: Final[dict[str, Handler | Ignored]] = {
    "ChatMessage": _chat,
    "ChatDepartmentTransfer": _chat_transfer,
    "ChatJoin": _chat_join,
    "ChatRating": _chat_rated,
    "ChatEnd": _chat_ended,
    "ChatEndedEvent": _chat_ended,
    **dict.fromkeys(
        (
            *("ChatLeave", "ChatNameChanged", "ChatEmailChanged", "ChatPhoneChanged"),
            *("ChatFileAttachment", "ChatRequestRating", "ChatComment", "ChatTag"),
            *("ChatMessageStatus", "ChatNote"),
        ),
        _HOUSEKEEPING,
    ),
}
