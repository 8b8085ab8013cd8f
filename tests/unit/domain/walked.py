"""What the stream's walk says of a literal log about one conversation, as literal values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from streams.domain.contract import ContractBook
from streams.domain.events import epoch_ms
from streams.domain.facts import Fact, FactKind
from streams.domain.interaction import Interaction, Pace, fold
from streams.domain.walk import walk
from streams.domain.wire import decode_event
from tests.log_builder import CONTRACT, EPOCH_MS
from tests.unit.oracle.verdicts import BOOK

HOUR = 3_600


def remembered(records: Iterable[bytes], book: ContractBook = BOOK) -> Interaction:
    """All records as one conversation."""
    state = Interaction()
    pace = Pace(book.versions(CONTRACT)[0].inactivity_ms)
    for raw in records:
        event = decode_event(raw, book)
        fold(state, event, epoch_ms(event.time), pace)
    return state


def walked(*records: bytes, until: int, book: ContractBook = BOOK) -> list[Fact]:
    """Every fact up to `until` (ms)."""
    facts, _ = walk(remembered(records, book), CONTRACT, "c1", book, None, until)
    return facts


def of_kind(facts: Iterable[Fact], kind: FactKind) -> list[Fact]:
    return [fact for fact in facts if fact.kind == kind]


def seconds(time: int) -> float:
    """A time in ms as seconds into the test, as T() takes them."""
    return (time - EPOCH_MS) / 1000


def timeline(facts: Iterable[Fact]) -> list[tuple[float, str]]:
    """Every fact as (seconds, kind)."""
    return [(seconds(fact.time), fact.kind) for fact in facts]


def waits(facts: Iterable[Fact]) -> list[tuple[str, float]]:
    """Every ended escalation as (outcome, latency in seconds)."""
    ended = of_kind(facts, "escalation_ended")
    return [(fact.detail["outcome"], fact.detail["latency_ms"] / 1000) for fact in ended]


def opened(facts: Iterable[Fact]) -> list[tuple[float, float]]:
    """Every opened escalation as (known, T0) in seconds."""
    return [
        (seconds(fact.time), seconds(fact.detail["t0"]))
        for fact in of_kind(facts, "escalation_opened")
    ]


def only(facts: Iterable[Fact], kind: FactKind) -> dict[str, Any]:
    """What the one fact of that kind carries."""
    (fact,) = of_kind(facts, kind)
    return fact.detail


def episodes(facts: Iterable[Fact]) -> list[tuple[float, str, str | None, bool | None]]:
    """Every ended episode as (seconds, cause, outcome, safe)."""
    return [
        (seconds(f.time), f.detail["cause"], f.detail["outcome"], f.detail["safe"])
        for f in of_kind(facts, "episode_ended")
    ]


def finals(facts: Iterable[Fact]) -> list[str]:
    """What every matured episode came to."""
    return [fact.detail["outcome"] for fact in of_kind(facts, "episode_matured")]
