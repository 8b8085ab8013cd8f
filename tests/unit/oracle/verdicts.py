"""Short ways to ask for a verdict on a literal log and to read it as literal values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from streams.contract_files import load_contracts
from streams.domain.breach_record import BreachRecord
from streams.domain.contract import Clause, ContractBook, Terms
from streams.domain.facts import Fact
from streams.domain.window_value import WindowValue
from streams.oracle.judge import Verdict, judge
from tests.log_builder import CONTRACT, EPOCH_MS

BOOK = load_contracts([Path(__file__).parents[3] / "deploy/contracts/telco-2026.yaml"])
TERMS: Terms = BOOK.versions(CONTRACT)[0]


def book_with(*clauses: Clause, **terms: Any) -> ContractBook:
    """telco-2026 with other clauses, or other terms by name."""
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
