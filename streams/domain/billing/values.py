"""What clauses that have credits came to in their periods, from the facts that stand.

DEFINITIONS.md section 10, kept up to date fact by fact. Times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from streams.domain.billing.periods import BillingCalendar, Span
from streams.domain.billing.records import Told
from streams.domain.calendar_period import Period
from streams.domain.contract import Clause, ContractBook, Dimension
from streams.domain.counters import counted
from streams.domain.delta import slice_end_of
from streams.domain.facts import Fact
from streams.domain.indicators import NEEDS_ESCALATION, ratio
from streams.domain.links import HORIZONS_MS

# How many facts (or horizons) counted for a key: it exists as long as there is one.
_FACTS = "#"
_Counted = tuple[int, Fact, tuple[tuple[str, int], ...]]
_Values = tuple[str, ...]
_Cell = tuple[tuple[Dimension, ...], _Values, Period, int]


class ClauseValue(NamedTuple):
    """A clause over one period for the key that counts."""

    key: tuple[str, ...]
    numerator: int
    denominator: int


@dataclass(slots=True)
class _Wait:
    opened: Fact | None = None
    ended: int | None = None


@dataclass(slots=True)
class _Customer:
    """A customer's standing visits and resolved closes, and what they count for at the moment."""

    told: dict[str, Fact] = field(default_factory=dict)
    counted: list[_Counted] = field(default_factory=list)


class ClauseValues:
    """Counters of one contract by grouping, key and period, of the clauses that have credits."""

    def __init__(self, book: ContractBook, calendar: BillingCalendar) -> None:
        self._book = book
        self._calendar = calendar
        wanted: dict[tuple[Dimension, ...], set[Period]] = defaultdict(set)
        for terms in calendar.versions:
            for clause in terms.clauses:
                money = terms.commercial
                credit = None if money is None else money.credit_of(clause.id)
                if credit is not None and credit.bands:
                    wanted[clause.grouping].add(clause.period or calendar.kind)
        self._wanted = {grouping: tuple(sorted(kinds)) for grouping, kinds in wanted.items()}
        self._counts: dict[_Cell, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._keys: dict[tuple[tuple[Dimension, ...], Period, int], set[_Values]] = defaultdict(set)
        self._waits: dict[tuple[str, int, int, int], _Wait] = defaultdict(_Wait)
        self._customers: dict[bytes, _Customer] = defaultdict(_Customer)
        self._moved: set[bytes] = set()

    def change(self, before: Told | None, after: Told | None) -> None:
        """A fact stands no longer, and another stands in its place (None: none)."""
        if not self._wanted:
            return
        for told, sign in ((before, -1), (after, 1)):
            if told is None:
                continue
            fact = told.fact
            counts = counted(fact, self._book)
            close = fact.kind == "episode_ended" and fact.detail["resolved"] is True
            if close and told.customer is None:
                counts = [*counts, ("unlinked", 1)]
            if counts:
                self._add(slice_end_of(fact.time), fact, counts, sign)
            if told.customer is not None and (close or fact.kind == "customer_visited"):
                links = self._customers[told.customer].told
                if sign > 0:
                    links[fact.id] = fact
                else:
                    links.pop(fact.id, None)
                self._moved.add(told.customer)
            if fact.kind in ("escalation_opened", "escalation_ended"):
                self._wait(fact, sign)

    def _wait(self, fact: Fact, sign: int) -> None:
        wait = self._waits[fact.conversation, fact.life, fact.episode, fact.ordinal]
        if fact.kind == "escalation_opened":
            wait.opened = fact if sign > 0 else None
        else:
            wait.ended = fact.time if sign > 0 else None

    def _add(self, end: int, fact: Fact, counts: Iterable[tuple[str, int]], sign: int) -> None:
        terms = self._book.version(fact.contract, fact.version)
        for grouping, kinds in self._wanted.items():
            if grouping not in terms.groupings:
                continue
            values = tuple(terms.bounded(name, getattr(fact, name)) for name in grouping)
            for kind in kinds:
                until = self._calendar.at(kind, end).end
                cell = self._counts[grouping, values, kind, until]
                for name, number in counts:
                    cell[name] += sign * number
                cell[_FACTS] += sign
                self._keys[grouping, kind, until].add(values)

    def settle(self) -> None:
        """Count again what customers came back from, of those whose visits or closes changed."""
        for customer in self._moved:
            held = self._customers[customer]
            for end, close, counts in held.counted:
                self._add(end, close, counts, -1)
            held.counted = list(_links(sorted(held.told.values(), key=_link_order)))
            for end, close, counts in held.counted:
                self._add(end, close, counts, 1)
        self._moved = set()

    def worst(self, clause: Clause, span: Span) -> ClauseValue | None:
        """The key farthest from the promise among those with the clause's least volume; without
        any, the one with the most volume; None where nothing is known. Call `settle` before.
        """
        known = [value for value in self._values(clause, span) if value.denominator > 0]
        enough = [value for value in known if value.denominator >= clause.minimum_volume]
        if not enough:
            return max(known, key=lambda value: value.denominator, default=None)
        worst = enough[0]
        for value in enough[1:]:
            here = value.numerator * worst.denominator
            there = worst.numerator * value.denominator
            if (here > there) if clause.at_most else (here < there):
                worst = value
        return worst

    def _values(self, clause: Clause, span: Span) -> Iterator[ClauseValue]:
        """By key; what is waited for counts at the period's end."""
        grouping = clause.grouping
        waiting: dict[_Values, int] = {}
        escalated: set[_Values] = set()
        if clause.indicator in NEEDS_ESCALATION:
            waiting, escalated = self._waiting(grouping, span.end)
        keys = self._keys.get((grouping, span.kind, span.end), set()) | waiting.keys()
        for values in sorted(keys):
            if not clause.admits(values):
                continue
            if clause.indicator in NEEDS_ESCALATION and values not in escalated:
                continue
            cell = self._counts.get((grouping, values, span.kind, span.end), {})
            held = cell.get(_FACTS, 0) > 0
            if held or values in waiting:
                counts = {**cell, "waiting": waiting.get(values, 0)} if waiting else cell
                yield ClauseValue(values, *ratio(clause.indicator, counts, clause.reason))

    def _waiting(
        self, grouping: tuple[Dimension, ...], at: int
    ) -> tuple[dict[_Values, int], set[_Values]]:
        """How many wait at `at` by key, and the keys that had escalated by then."""
        waiting: dict[_Values, int] = defaultdict(int)
        escalated: set[_Values] = set()
        for wait in self._waits.values():
            fact = wait.opened
            if fact is None or fact.time > at:
                continue
            terms = self._book.version(fact.contract, fact.version)
            if grouping not in terms.groupings:
                continue
            values = tuple(terms.bounded(name, getattr(fact, name)) for name in grouping)
            escalated.add(values)
            if fact.detail["eligible"] and (wait.ended is None or wait.ended > at):
                waiting[values] += 1
        return waiting, escalated


def _link_order(fact: Fact) -> tuple[int, bool, str, int, int]:
    return (fact.time, fact.kind == "episode_ended", *_episode(fact))


def _episode(fact: Fact) -> tuple[str, int, int]:
    return (fact.conversation, fact.life, fact.episode)


def _links(told: Sequence[Fact]) -> Iterator[_Counted]:
    """Section 7a over a customer's visits and closes in their order."""
    closes: list[tuple[Fact, Fact | None]] = []
    for fact in told:
        if fact.kind == "episode_ended":
            closes.append((fact, None))
        elif closes and closes[-1][1] is None and _episode(closes[-1][0]) != _episode(fact):
            closes[-1] = (closes[-1][0], fact)
    for close, back in closes:
        for name, horizon in HORIZONS_MS.items():
            at = close.time + horizon
            counts = [(f"links.{name}", 1)]
            if back is not None and back.time <= at:
                counts.append((f"returned.{name}", 1))
                if back.journey == close.journey != "unknown":
                    counts.append((f"returned_same.{name}", 1))
            yield slice_end_of(at), close, tuple(counts)
