"""What each clause's indicator came to over calendar periods, from the facts that stand.

Facts that a late event corrected count as corrected: a period is settled by what is known in the
end, not by what was published first. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from streams.domain.calendar_period import Period, period_name, period_of
from streams.domain.contract import Clause, ContractBook
from streams.domain.facts import Fact
from streams.oracle.counters import counted
from streams.oracle.indicators import (
    WAITING_COUNTS,
    Key,
    Versions,
    escalation_of,
    is_containment,
    judges,
    ratio_of,
    slice_end,
)
from streams.oracle.links import link_counts

Place = tuple[str, int, str, int, int]


@dataclass(frozen=True, slots=True)
class Span:
    """One calendar period: (start, end], and what people call it."""

    kind: Period
    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class Value:
    """An indicator over a period for one key; `denominator` 0 where it is unknown."""

    key: Key
    numerator: int
    denominator: int


def standing_facts(facts: Iterable[Fact], contract: str) -> list[Fact]:
    """The facts of one contract that hold in the end, by time: the last revision of each place,
    none where that is a retraction.
    """
    latest: dict[Place, Fact] = {}
    for fact in facts:
        if fact.contract == contract:
            place = (fact.conversation, *_of_place(fact))
            last = latest.get(place)
            # At one revision the assertion comes first, its retraction after it.
            if last is None or (fact.revision, fact.retracts) > (last.revision, last.retracts):
                latest[place] = fact
    held = [fact for fact in latest.values() if not fact.retracts]
    return sorted(held, key=lambda fact: (fact.time, fact.id))


def _of_place(fact: Fact) -> tuple[int, str, int, int]:
    life, kind, episode, ordinal = fact.place
    return (life, kind, episode, ordinal)


def spans_of(kind: Period, zone: str, begin: int, end: int) -> list[Span]:
    """The periods that [begin, end] touches, in order."""
    found: list[Span] = []
    boundary = slice_end(begin)
    while not found or found[-1].end < end:
        start, until = period_of(kind, zone, boundary)
        found.append(Span(kind, start, until, period_name(kind, zone, boundary)))
        boundary = until + 1
    return found


class PeriodValues:
    """Counters of one contract's facts by grouping, key and period, up to the time `end`.

    `customers` says by id whose the visits and resolved closes among them are.
    """

    def __init__(
        self,
        facts: Sequence[Fact],
        customers: Mapping[str, str],
        book: ContractBook,
        zone: str,
        end: int,
    ) -> None:
        self._facts = facts
        self._versions = Versions(book)
        self._each = counted(facts, self._versions, customers)
        self._each += link_counts(facts, customers, end)
        self._zone = zone
        self._end = end
        self._counted: dict[
            tuple[tuple[str, ...], Period], dict[tuple[int, Key], Counter[str]]
        ] = {}

    def of(self, clause: Clause, span: Span) -> list[Value]:
        """The clause's indicator over one period, for every key that it judges, by key."""
        counted = self._counts(clause, span.kind)
        at = min(span.end, self._end)
        waiting, escalated = self._waits(clause, at)
        keys = {key for end, key in counted if end == span.end} | set(waiting)
        values = []
        for key in sorted(keys):
            if not judges(clause, key):
                continue
            counts: Mapping[str, int] = counted.get((span.end, key), Counter())
            if clause.indicator in WAITING_COUNTS:
                counts = {**counts, "waiting": waiting[key]}
            pair = _ratio(clause, counts)
            if is_containment(clause.indicator) and key not in escalated:
                pair = (0, 0)
            values.append(Value(key, *pair))
        return values

    def _counts(self, clause: Clause, kind: Period) -> dict[tuple[int, Key], Counter[str]]:
        wanted = (tuple(clause.grouping), kind)
        found = self._counted.get(wanted)
        if found is None:
            found = self._counted[wanted] = defaultdict(Counter)
            for one in self._each:
                if clause.grouping in self._versions.of(one.fact).groupings:
                    key = self._versions.key(one.fact, clause.grouping)
                    ends = _end_of(kind, self._zone, one.end)
                    found[ends, key].update(one.counts)
        return found

    def _waits(self, clause: Clause, at: int) -> tuple[Counter[Key], set[Key]]:
        """Who was waiting at `at` by key, and the keys that had escalated at all by then."""
        open_ones: dict[tuple[str, int, int, int], Key] = {}
        escalated: set[Key] = set()
        if not is_containment(clause.indicator):
            return Counter(), escalated
        told = [fact for fact in self._facts if fact.time <= at]
        # A clamped one ends in the millisecond in which it opens, in either order here.
        ended = {escalation_of(fact) for fact in told if fact.kind == "escalation_ended"}
        for fact in told:
            if fact.kind != "escalation_opened":
                continue
            if clause.grouping in self._versions.of(fact).groupings:
                key = self._versions.key(fact, clause.grouping)
                escalated.add(key)
                if fact.detail["eligible"] and escalation_of(fact) not in ended:
                    open_ones[escalation_of(fact)] = key
        return Counter(open_ones.values()), escalated


@lru_cache(maxsize=65_536)
def _end_of(kind: Period, zone: str, boundary: int) -> int:
    # Many facts share a minute.
    return period_of(kind, zone, boundary)[1]


def _ratio(clause: Clause, counts: Mapping[str, int]) -> tuple[int, int]:
    return ratio_of(counts, clause.indicator, clause.reason) if counts else (0, 0)


def worst_of(clause: Clause, values: Iterable[Value]) -> Value | None:
    """The value farthest from the promise among those with the clause's least volume; without any,
    the one with the most volume; None where there is no value at all.
    """
    known = [value for value in values if value.denominator > 0]
    enough = [value for value in known if value.denominator >= clause.minimum_volume]
    if not enough:
        return max(known, key=lambda value: value.denominator, default=None)
    worst = enough[0]
    for value in enough[1:]:
        # Cross-multiplied: exact, and denominators are positive.
        here = value.numerator * worst.denominator
        there = worst.numerator * value.denominator
        if (here > there) if clause.at_most else (here < there):
            worst = value
    return worst
