"""Events of Intercom's Fin Agent API: Fin in another system's conversations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from streams.domain.events import (
    AiFailureSignalled,
    CsatRequested,
    FailureReason,
    HandoffRequested,
    MessageSent,
    ResolutionClaimed,
)
from streams.sources.adapter import Handler, Ignored, Item, Talk
from streams.sources.payload import CONVERSATION, Payload

_REASONS: Final[dict[str, FailureReason]] = {
    "Escalation requested by user": "human_requested",
    "Escalation rule matched": "policy_block",
    "Routed to team": "policy_block",
    "Conversation finished without resolution": "no_match",
}


def _fin_status(event: Payload, talk: Talk) -> Iterator[Item]:
    at_ms = event.moment("created_at_ms")
    status = event.text("status")
    if status == "resolved":
        yield talk.tell(ResolutionClaimed, at_ms, claimed_by="ai")
    elif status == "escalated":
        rule = (event.text("reason") or "").startswith("Escalation rule: ")
        reason: FailureReason | None = "policy_block" if rule else event.word(_REASONS, "reason")
        raw = event.label("reason") if reason is not None and not rule else None
        yield talk.tell(AiFailureSignalled, at_ms, signal=reason or "unknown", raw_reason=raw)
        yield talk.tell(
            HandoffRequested,
            at_ms,
            handoff_id=f"{talk.id}/{at_ms}",
            requested_by="customer" if reason == "human_requested" else "ai",
            failure_reason=reason,
        )


def _fin_replied(event: Payload, talk: Talk) -> Iterator[Item]:
    key = event.id(CONVERSATION, "message.id")
    at_ms = event.moment("message.timestamp_ms", "created_at_ms")
    yield talk.tell(MessageSent, at_ms, key, author="ai", message_id=key)


def _fin_survey(event: Payload, talk: Talk) -> Iterator[Item]:
    at_ms = event.moment("created_at_ms")
    yield talk.tell(CsatRequested, at_ms, "fin", survey_id=f"{talk.id}/fin")


FIN_KINDS: Final[dict[str, Handler | Ignored]] = {
    "fin_status_updated": _fin_status,
    "fin_replied": _fin_replied,
    "csat_requested": _fin_survey,
    "fin_reply_chunk": Ignored("a piece of a reply that fin_replied gives whole"),
}
