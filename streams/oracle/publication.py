"""Which facts were published, on time or late, given how far the log had been read at each event.

DEFINITIONS.md sections 1 and 6. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from streams.domain.facts import Fact
from streams.oracle.assertions import Assertions, Place
from streams.oracle.conversation import Statement
from streams.oracle.waits import WaitCorrection, correction

AssertionsOf = Callable[[Sequence[Statement]], Assertions]


class Entry(NamedTuple):
    """A statement at its place in the log; `watermark` as it stood when the statement was read."""

    watermark: int | None
    statement: Statement
    place: int = 0

    @property
    def late(self) -> bool:
        """Whether time had already passed it."""
        return self.watermark is not None and self.statement.time <= self.watermark


class Erased(NamedTuple):
    """From which place of the log on a life was erased, and the watermark there."""

    place: int
    watermark: int | None


class Published(NamedTuple):
    """What was published of one life, and how late events changed who was waiting.

    `customers`: whose its visits and resolved closes are, by the facts' ids, as it was known when
    they were published. `known`: W + 1 (ms) of the late ones, by id; the others were known at their
    own time.
    """

    facts: list[Fact]
    corrections: list[WaitCorrection]
    customers: dict[str, str]
    known: dict[str, int]


def published(
    entries: Sequence[Entry],
    watermark: int | None,
    assertions_of: AssertionsOf,
    erased: Erased | None = None,
) -> Published:
    """All that was published of one conversation's life until the final `watermark`.

    `entries` in log order; `assertions_of` says all that follows from some of its statements. What
    was published after it was `erased` is nobody's.
    """
    if watermark is None:
        return Published([], [], {}, {})
    ledger = _Ledger()
    if erased is None and not any(entry.late for entry in entries):
        # Nothing late: all that bears on a fact had been read when W reached its time.
        ledger.reach(watermark, assertions_of([entry.statement for entry in entries]))
        return Published(ledger.written, [], ledger.customers, {})
    corrections: list[WaitCorrection] = []
    read: list[Statement] = []
    known: set[Statement] = set()
    for entry in entries:
        if erased is not None and not ledger.nobodys and entry.place >= erased.place:
            _withhold(ledger, erased, assertions_of(read))
        repeated = entry.statement in known
        if entry.watermark is not None and entry.late and not repeated:
            before = assertions_of(read)
            after = assertions_of([*read, entry.statement])
            ledger.reach(entry.watermark, before)
            ledger.correct(after)
            corrected = correction(
                entry.watermark + 1,
                [fact for fact in before.facts if fact.time <= entry.watermark],
                [fact for fact in after.facts if fact.time <= entry.watermark],
            )
            if corrected is not None and corrected.time <= watermark:
                corrections.append(corrected)
        if not repeated:
            read.append(entry.statement)
            known.add(entry.statement)
    if erased is not None and not ledger.nobodys:
        _withhold(ledger, erased, assertions_of(read))
    ledger.reach(watermark, assertions_of(read))
    return Published(ledger.written, corrections, ledger.customers, ledger.known)


def _withhold(ledger: _Ledger, erased: Erased, told: Assertions) -> None:
    """Publish what was published before the erasure; the rest is nobody's."""
    if erased.watermark is not None:
        ledger.reach(erased.watermark, told)
    ledger.nobodys = True


class _Ledger:
    """The published facts of one life, place by place, and all that was written."""

    def __init__(self) -> None:
        self.written: list[Fact] = []
        self.customers: dict[str, str] = {}
        self.known: dict[str, int] = {}
        self.nobodys = False
        self._standing: dict[Place, tuple[Fact, Fact]] = {}
        self._unused_revision: dict[Place, int] = {}
        self._reached: int | None = None

    def reach(self, watermark: int, told: Assertions) -> None:
        """Publish, on time, what lies after the last watermark reached and up to this one."""
        for fact in told.facts:
            if fact.time <= watermark and (self._reached is None or fact.time > self._reached):
                self._assert(fact, told.customers.get(fact.place), late=False)
        self._reached = watermark

    def correct(self, told: Assertions) -> None:
        """Make the published past what `told` says it was."""
        assert self._reached is not None
        past = {fact.place: fact for fact in told.facts if fact.time <= self._reached}
        changed = [
            place for place, (plain, _) in self._standing.items() if past.get(place) != plain
        ]
        for place in changed:
            _, as_written = self._standing.pop(place)
            retraction = replace(as_written, retracts=True, late=True)
            self.written.append(retraction)
            self.known[retraction.id] = self._reached + 1
        for place, fact in past.items():
            if place not in self._standing:
                self._assert(fact, told.customers.get(place), late=True)

    def _assert(self, fact: Fact, customer: str | None, *, late: bool) -> None:
        revision = self._unused_revision.get(fact.place, 0)
        self._unused_revision[fact.place] = revision + 1
        as_written = replace(fact, revision=revision, late=late)
        self._standing[fact.place] = (fact, as_written)
        self.written.append(as_written)
        if late:
            assert self._reached is not None
            self.known[as_written.id] = self._reached + 1
        if customer is not None and not self.nobodys:
            self.customers[as_written.id] = customer
