"""Short ways to ask for a verdict on a literal log and to read it as literal values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streams.domain.breach_record import BreachRecord
from streams.domain.contract import Clause, ContractBook, Terms
from streams.domain.facts import Fact
from streams.domain.window_value import WindowValue
from streams.oracle.judge import Verdict, judge
from tests.log_builder import CONTRACT, EPOCH_MS

_WITHIN: dict[str, Any] = {
    "indicator": "escalation_within",
    "grouping": ("channel",),
    "window_ms": 3_600_000,
    "target_ppm": 800_000,
    "hysteresis_ppm": 10_000,
    "minimum_volume": 20,
}
_WAIT: dict[str, Any] = {"indicator": "escalation_wait", "grouping": ("channel",)}
# Terms of the tests' own: what is shipped may change, what they state may not.
TERMS = Terms(
    contract=CONTRACT,
    version=1,
    effective_from_ms=1_767_196_800_000,
    effective_to_ms=1_798_732_800_000,
    time_zone="Asia/Singapore",
    inactivity_ms=7_200_000,
    escalation_expiry_ms=259_200_000,
    verification_ms=21_600_000,
    thresholds_ms={"chat": 120_000, "email": 14_400_000, "messaging": 600_000, "voice": 60_000},
    required_context=frozenset({"issue", "attempts"}),
    groupings=((), ("channel",), ("market",), ("journey",)),
    scope={
        "channel": frozenset({"voice", "chat", "email", "messaging"}),
        "market": frozenset({"SG", "MY", "PH"}),
        "journey": frozenset({"billing", "outage", "plan_change", "activation", "roaming"}),
        "supplier": frozenset({"northcall"}),
    },
    clauses=(
        Clause(id="voice-wait", where=(("channel", "voice"),), **_WAIT),
        Clause(id="chat-wait", where=(("channel", "chat"),), **_WAIT),
        Clause(id="voice-within", where=(("channel", "voice"),), **_WITHIN),
        Clause(id="chat-within", where=(("channel", "chat"),), **_WITHIN),
        Clause(
            id="safe-containment",
            indicator="containment_safe",
            grouping=(),
            window_ms=3_600_000,
            target_ppm=850_000,
            hysteresis_ppm=10_000,
            minimum_volume=50,
            severity="ticket",
        ),
        Clause(
            id="ai-tool-errors",
            indicator="failure_share",
            grouping=(),
            window_ms=3_600_000,
            target_ppm=300_000,
            hysteresis_ppm=20_000,
            minimum_volume=20,
            severity="ticket",
            reason="tool_error",
        ),
    ),
)
BOOK = ContractBook([TERMS])


def book_with(*clauses: Clause, **terms: Any) -> ContractBook:
    """These terms with other clauses, or other terms by name."""
    return ContractBook([replace(TERMS, **{"clauses": clauses or TERMS.clauses, **terms})])


def judged(
    *records: bytes | int, until: int, lateness_ms: int = 0, book: ContractBook = BOOK
) -> Verdict:
    """The verdict once the watermark has reached `until`."""
    return judge([*records, until + lateness_ms], book, lateness_ms=lateness_ms)


def at(time: int) -> float:
    """A time in ms as seconds into the test, as T() takes them."""
    return (time - EPOCH_MS) / 1000


def facts(verdict: Verdict, kind: str) -> list[Fact]:
    return [fact for fact in verdict.facts if fact.kind == kind]


def timeline(verdict: Verdict) -> list[tuple[float, str]]:
    """Every fact as (seconds, kind)."""
    return [(at(fact.time), fact.kind) for fact in verdict.facts]


def waits(verdict: Verdict) -> list[tuple[float, str, int, bool | None]]:
    """Every ended escalation as (seconds, outcome, latency in ms, within)."""
    return [
        (at(f.time), f.detail["outcome"], f.detail["latency_ms"], f.detail["within"])
        for f in facts(verdict, "escalation_ended")
    ]


def episodes(verdict: Verdict) -> list[tuple[float, str, str | None, bool | None]]:
    """Every ended episode as (seconds, cause, outcome, safe)."""
    return [
        (at(f.time), f.detail["cause"], f.detail["outcome"], f.detail["safe"])
        for f in facts(verdict, "episode_ended")
    ]


def matured(verdict: Verdict) -> list[tuple[float, str]]:
    return [(at(f.time), f.detail["outcome"]) for f in facts(verdict, "episode_matured")]


def late(verdict: Verdict) -> list[tuple[str, float, str, int]]:
    """Every late fact as ("+" or "-", seconds, kind, revision)."""
    return [
        ("-" if f.retracts else "+", at(f.time), f.kind, f.revision)
        for f in verdict.facts
        if f.late
    ]


def window(verdict: Verdict, length: str = "1h", **key: str) -> WindowValue:
    """The one window of that key and length."""
    wanted = tuple(key.items())
    (found,) = [w for w in verdict.windows if w.key == wanted and w.window == length]
    return found


def told(records: tuple[BreachRecord, ...]) -> list[tuple[float, str, str, int, int]]:
    """Breach records as (seconds, clause, status, numerator, denominator)."""
    return [(at(r.time), r.clause, r.status, r.numerator, r.denominator) for r in records]


def told_of(verdict: Verdict, kind: str, *names: str) -> list[tuple[Any, ...]]:
    """Every fact of a kind as (seconds, the named parts of its detail ...)."""
    return [(at(f.time), *(f.detail[name] for name in names)) for f in facts(verdict, kind)]


def places(verdict: Verdict, kind: str) -> list[tuple[int, int]]:
    """(episode, ordinal) of every fact of a kind."""
    return [(f.episode, f.ordinal) for f in facts(verdict, kind)]
