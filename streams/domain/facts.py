"""Facts: what Baton publishes about one conversation, and how they are written.

The kinds and what each carries: DEFINITIONS.md section 6. Computing them is interaction.py's; the
batch judge computes them in its own way and shares only this record type.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Literal, get_args

import msgspec
import orjson

FactKind = Literal[
    "ai_failure",
    "customer_visited",
    "response_given",
    "response_missed",
    "escalation_opened",
    "escalation_overdue",
    "escalation_ended",
    "episode_ended",
    "episode_matured",
    "qa_evaluated",
    "csat_requested",
    "csat_received",
    "compliance_opened",
    "compliance_overdue",
    "compliance_closed",
    "cost_recorded",
    "resolution_disputed",
]
FACT_KINDS: tuple[FactKind, ...] = get_args(FactKind)
# Kinds about something that a note says (section 3), not about the course of an episode.
NOTE_KINDS: frozenset[FactKind] = frozenset(FACT_KINDS[FACT_KINDS.index("qa_evaluated") :])
SOURCE = "/baton"
# Times in a fact's detail.
_WRITTEN_AS_TIMES = ("t0", "due_at")
_EPOCH_DAY = date(1970, 1, 1).toordinal()
# What a format specification costs is most of what writing a time costs.
_SECONDS = tuple(f"{second:02d}" for second in range(60))
_MILLIS = tuple(f".{milli:03d}Z" for milli in range(1000))


class Fact(msgspec.Struct, frozen=True):
    """One fact. `time` in ms since 1970 UTC; `detail` by kind (section 6), times in it in ms too.

    `life` is the UTC day, in days since 1970, on which the conversation's life began (section 2);
    `episode` 0 stands for none.

    | kind | detail |
    |---|---|
    | ai_failure | reason, first |
    | customer_visited | |
    | response_given | t0, by, first, latency_ms, within (bool or None) |
    | response_missed | t0, threshold_ms |
    | escalation_opened | t0, eligible, excluded |
    | escalation_overdue | t0, threshold_ms |
    | escalation_ended | t0, outcome, latency_ms, service_latency_ms (or None), within (bool or |
    | | None), overdue, clamped, the legs requested_ms, queued_ms, offered_ms, accepted_ms, |
    | | answer (word or None), removed_within, context_complete (bools or None) |
    | episode_ended | cause, eligible, outcome (None unless eligible), safe (None unless |
    | | outcome is escalated), excluded, repeated, resolved (None unless eligible) |
    | episode_matured | outcome, human, claimed, resolved, returned, first_contact, qa_ai, |
    | | qa_human, claimed_at (or None), query_type (or None), proven |
    | qa_evaluated | subject, evaluator, passed |
    | csat_requested | |
    | csat_received | subject, satisfied |
    | compliance_opened | rule_id, severity, due_at (or None) |
    | compliance_overdue | rule_id, severity |
    | compliance_closed | rule_id, severity, age_ms |
    | cost_recorded | component, amount_micros, currency |
    | resolution_disputed | party |
    """

    kind: FactKind
    contract: str
    version: int
    conversation: str
    life: int
    episode: int
    ordinal: int
    time: int
    channel: str
    market: str
    journey: str
    supplier: str
    prompt_version: str
    model: str
    knowledge_version: str
    detail: dict[str, Any]
    revision: int = 0
    late: bool = False
    retracts: bool = False

    @property
    def place(self) -> tuple[int, str, int, int]:
        """What the fact is about within its conversation: life, kind, episode, ordinal."""
        return (self.life, self.kind, self.episode, self.ordinal)

    @property
    def id(self) -> str:
        """Deterministic: the same fact has the same id however often it is published."""
        stem = (
            f"{self.contract}:{self.conversation}:{life_date(self.life)}:{self.kind}"
            f":{self.episode}:{self.ordinal}:{self.revision}"
        )
        return f"{stem}:retract" if self.retracts else stem


def rfc3339(time_ms: int) -> str:
    """Milliseconds since 1970 UTC as RFC 3339 with milliseconds and Z."""
    minutes, millis = divmod(time_ms, 60_000)
    return _minute(minutes) + _SECONDS[millis // 1000] + _MILLIS[millis % 1000]


@lru_cache(maxsize=4096)
def _minute(minutes: int) -> str:
    # What is written together happened together: most of it shares its minute with a neighbour.
    return datetime.fromtimestamp(minutes * 60, UTC).isoformat()[:17]


@lru_cache(maxsize=1024)
def life_date(life: int) -> str:
    """A life's day (days since 1970) as it is written: 2026-06-01."""
    return date.fromordinal(_EPOCH_DAY + life).isoformat()


def encode_fact(fact: Fact) -> bytes:
    """The fact as a structured CloudEvent; equal facts give equal bytes."""
    data = {
        "contract": fact.contract,
        "contract_version": fact.version,
        "life": life_date(fact.life),
        "episode": fact.episode,
        "ordinal": fact.ordinal,
        "revision": fact.revision,
        "late": fact.late,
        "retracts": fact.retracts,
        "channel": fact.channel,
        "market": fact.market,
        "journey": fact.journey,
        "supplier": fact.supplier,
        "prompt_version": fact.prompt_version,
        "model": fact.model,
        "knowledge_version": fact.knowledge_version,
        **fact.detail,
    }
    for name in _WRITTEN_AS_TIMES:
        if data.get(name) is not None:
            data[name] = rfc3339(data[name])
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": fact.id,
            "source": SOURCE,
            "type": f"baton.fact.{fact.kind}",
            "time": rfc3339(fact.time),
            "subject": fact.conversation,
            "datacontenttype": "application/json",
            "data": data,
        }
    )
