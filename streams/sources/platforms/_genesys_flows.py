"""What a bot flow of Genesys Cloud says of the AI, live or in the detail of a conversation."""

from __future__ import annotations

from collections.abc import Iterator

from streams.domain.events import (
    AiFailureSignalled,
    AiTurn,
    FailureReason,
    ResolutionClaimed,
)
from streams.sources.adapter import Item, Talk
from streams.sources.payload import UUID, Payload

_FAILURES: dict[str, FailureReason] = {
    "RECOGNITION_FAILURE_DISCONNECT": "no_match",
    "RECOGNITION_FAILURE_EXIT": "no_match",
    "FLOW_ERROR_DISCONNECT": "tool_error",
    "FLOW_ERROR_EXIT": "tool_error",
    "SESSION_EXPIRE_DISCONNECT": "timeout",
    "AgentRequestedByUser": "human_requested",
    "AGENT_REQUESTED_BY_USER": "human_requested",
}
# Ways of leaving a flow that are no failure.
_QUIET = ("DISCONNECT", "FLOW_DISCONNECT", "TRANSFER", "USER_EXIT", "FLOW_EXIT")
_REASONS = {reason: reason for reason in (*_FAILURES, *_QUIET)}
_OUTCOMES = {"SUCCESS": True, "FAILURE": False}


def bot_served(flow: Payload, talk: Talk, at_ms: int | None, key: str) -> Item:
    """An AI serves the customer from `at_ms` on."""
    version = flow.label("flowVersion")
    name = flow.id(UUID, "flowId")
    return talk.tell(AiTurn, at_ms, key, agent_name=name, agent_version=version)


def bot_ended(flow: Payload, talk: Talk, at_ms: int | None, key: str) -> Iterator[Item]:
    """Why the bot's flow ended, where that is a failure."""
    reason = flow.word(_REASONS, "exitReason")
    if reason in _FAILURES:
        yield talk.tell(
            AiFailureSignalled,
            at_ms,
            key,
            signal=_FAILURES[reason],
            raw_reason=reason,
            agent_version=flow.label("flowVersion"),
        )


def outcome(each: Payload, talk: Talk, key: str) -> Iterator[Item]:
    """A flow outcome that its designer set to SUCCESS is the AI's claim of a resolution."""
    if each.word(_OUTCOMES, "flowOutcomeValue"):
        at = each.moment("flowOutcomeEndTimestamp", "flowOutcomeEndTime", "eventTime")
        claim = f"{key}.{each.id(UUID, 'flowOutcomeId')}"
        yield talk.tell(ResolutionClaimed, at, claim, claimed_by="ai", claim_id=claim)
