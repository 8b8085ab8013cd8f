"""What a trace shows of an event: closed lists, versions and counts, by type.

A list of what may be shown, not of what may not: free text (raw reasons), customer keys and message
ids stay out, and agents are numbered in the order in which they come.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from streams.domain.events import EVENT_TYPES, Event

_VERSIONS = ("agent_version", "prompt_version", "model", "knowledge_version")
# What any event may state.
COMMON = (
    "channel_subtype",
    "market",
    "language",
    "journey",
    "intent",
    "supplier",
    "direction",
    "test",
)
_FIELDS: dict[str, tuple[str, ...]] = {
    "contact.ended": ("ended_by",),
    "message.sent": ("author", "visibility", "agent_id", "customer_repeated_info"),
    "ai.turn": (*_VERSIONS, "confidence_ppm", "duration_ms"),
    "ai.tool_call": ("tool", "outcome", "side_effect", "duration_ms"),
    "ai.failure_signalled": ("signal", "detector_version", *_VERSIONS),
    "handoff.requested": ("requested_by", "required_skills", "failure_reason", "fields_present"),
    "handoff.queued": ("queue_id", "priority"),
    "handoff.dequeued": ("outcome", "queue_id"),
    "handoff.offered": ("agent_id", "attempt"),
    "handoff.declined": ("agent_id", "attempt"),
    "handoff.timed_out": ("agent_id", "attempt"),
    "handoff.accepted": ("agent_id", "skills", "qualified"),
    "handoff.connected": ("agent_id", "skills", "qualified"),
    "handoff.first_human_message": ("agent_id", "customer_repeated_info"),
    "handoff.returned": ("to",),
    "resolution.claimed": ("claimed_by", "query_type"),
    "resolution.evidence": ("kind", "owner", "result"),
    "resolution.disputed": ("party",),
    "resolution.reopened": ("same_journey", "trivial"),
    "resolution.recontacted": ("same_journey", "trivial"),
    "qa.evaluated": ("evaluator", "subject", "status", "score_ppm", "automatic_fail", "form"),
    "csat.received": ("subject", "score", "scale_min", "scale_max"),
    "compliance.exception": ("rule_id", "severity", "regulation"),
    "compliance.closed": ("rule_id", "severity", "regulation"),
    "cost.recorded": ("component", "amount_micros", "currency"),
    "business.outcome": ("kind", "value_micros", "currency"),
}
_PREFIX = "baton."
_TYPES = {cls: tag.removeprefix(_PREFIX) for tag, cls in EVENT_TYPES.items()}


def type_of(event: Event) -> str:
    """The event's type without `baton.`."""
    return _TYPES[type(event)]


class Agents:
    """Numbers for the human agents of one conversation."""

    def __init__(self, ids: Iterable[str | None] = ()) -> None:
        self._numbers: dict[str, int] = {}
        for each in ids:
            self.name(each)

    def name(self, agent_id: str | None) -> str | None:
        """What stands for an agent; None for none."""
        if not agent_id:
            return None
        return f"agent {self._numbers.setdefault(agent_id, len(self._numbers) + 1)}"


def said_by(event: Event, agents: Agents) -> dict[str, Any]:
    """What the event says, fields that it leaves out excepted; what all events say comes last."""
    data: Any = getattr(event, "data", None)
    said: dict[str, Any] = {}
    for name in (*_FIELDS.get(type_of(event), ()), *COMMON):
        if name == "fields_present":
            value: Any = data.context.fields_present
        else:
            value = getattr(data, name, None)
        if name == "agent_id":
            name, value = "agent", agents.name(value)
        if value is None or value == () or (name in ("test", "automatic_fail") and not value):
            continue
        said[name] = sorted(set(value)) if isinstance(value, tuple) else value
    return said
