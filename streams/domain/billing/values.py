"""What clauses that have credits came to in their periods, from the facts that stand.

DEFINITIONS.md section 10, kept up to date fact by fact. What nothing can change any more is folded
into the sums of its periods. Times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
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

# Producers state what they like, so what is remembered of it is limited.
_MOST_PLACES = 4_096
_MOST_DAYS = 7
# How many facts (or horizons) counted for a key: it exists as long as there is one.
_FACTS = "#"
# How many waited at the period's end, of those that nothing can change any more.
_WAITED = "#waited"
_Counted = tuple[int, Fact, tuple[tuple[str, int], ...]]
_Values = tuple[str, ...]
Cell = tuple[tuple[Dimension, ...], _Values, Period, int]
"""Grouping, its values, and the period by its kind and end."""


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
    """Counters of one contract by grouping, key and period, of the clauses that have credits.

    `link_ms`: how long after a close it may still change whether the customer came back; None:
    nothing is folded. `touched` are the cells that changed, for whoever stores them.
    """

    def __init__(
        self, book: ContractBook, calendar: BillingCalendar, link_ms: int | None = None
    ) -> None:
        self._book = book
        self._link_ms = link_ms
        self._calendar = calendar
        wanted: dict[tuple[Dimension, ...], set[Period]] = defaultdict(set)
        for terms in calendar.versions:
            for clause in terms.clauses:
                money = terms.commercial
                credit = None if money is None else money.credit_of(clause.id)
                if credit is not None and credit.bands:
                    wanted[clause.grouping].add(clause.period or calendar.kind)
        self._wanted = {grouping: tuple(sorted(kinds)) for grouping, kinds in wanted.items()}
        self.waits = any(
            clause.indicator in NEEDS_ESCALATION and clause.grouping in self._wanted
            for terms in calendar.versions
            for clause in terms.clauses
        )
        self._counts: dict[Cell, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._keys: dict[tuple[tuple[Dimension, ...], Period, int], set[_Values]] = defaultdict(set)
        # The days that were asked for last, and the cells of a day's places.
        self._days: list[Span] = []
        self._places: dict[tuple[int | str, ...], tuple[Cell, ...]] = {}
        self._waits: dict[tuple[str, int, int, int], _Wait] = defaultdict(_Wait)
        self._customers: dict[bytes, _Customer] = defaultdict(_Customer)
        self._moved: set[bytes] = set()
        # When each visit and close can be forgotten (ms).
        self._overdue: list[tuple[int, bytes, str]] = []
        # When a key first escalated, of the waits that are folded.
        self.escalated: dict[tuple[tuple[Dimension, ...], _Values], int] = {}
        self.touched: set[Cell] = set()

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
                if sign > 0:
                    self._link(told.customer, fact)
                else:
                    self._customers[told.customer].told.pop(fact.id, None)
                self._moved.add(told.customer)
            if self.waits and fact.kind in ("escalation_opened", "escalation_ended"):
                self._wait(fact, sign)

    def _link(self, customer: bytes, fact: Fact) -> None:
        self._customers[customer].told[fact.id] = fact
        if self._link_ms is not None:
            heappush(self._overdue, (fact.time + self._link_ms, customer, fact.id))

    def _wait(self, fact: Fact, sign: int) -> None:
        wait = self._waits[fact.conversation, fact.life, fact.episode, fact.ordinal]
        if fact.kind == "escalation_opened":
            wait.opened = fact if sign > 0 else None
        else:
            wait.ended = fact.time if sign > 0 else None
        if wait == _Wait():
            del self._waits[fact.conversation, fact.life, fact.episode, fact.ordinal]

    def _add(self, end: int, fact: Fact, counts: Iterable[tuple[str, int]], sign: int) -> None:
        for cell in self._cells(fact, end):
            held = self._counts[cell]
            for name, number in counts:
                held[name] += sign * number
            held[_FACTS] += sign
            self.touched.add(cell)

    def _cells(self, fact: Fact, end: int) -> tuple[Cell, ...]:
        """The cells that count a fact whose slice ends at `end` (ms)."""
        place = (
            self._day_of(end),
            fact.version,
            fact.channel,
            fact.market,
            fact.journey,
            fact.supplier,
            fact.prompt_version,
            fact.model,
            fact.knowledge_version,
        )
        cells = self._places.get(place)
        if cells is None:
            if len(self._places) >= _MOST_PLACES:
                self._places.clear()
            cells = self._places[place] = tuple(self._cells_of(fact, end))
        return cells

    def _day_of(self, end: int) -> int:
        """The end of the day: of that, the shortest period, all others are the same."""
        for day in self._days:
            if day.start < end <= day.end:
                return day.end
        self._days = [self._calendar.at("1d", end), *self._days[:_MOST_DAYS]]
        return self._days[0].end

    def _cells_of(self, fact: Fact, end: int) -> Iterator[Cell]:
        terms = self._book.version(fact.contract, fact.version)
        for grouping, kinds in self._wanted.items():
            if grouping not in terms.groupings:
                continue
            values = tuple(terms.bounded(name, getattr(fact, name)) for name in grouping)
            for kind in kinds:
                cell = (grouping, values, kind, self._calendar.at(kind, end).end)
                self._keys[grouping, kind, cell[3]].add(values)
                yield cell

    def _cell(self, cell: Cell) -> dict[str, int]:
        grouping, values, kind, until = cell
        self._keys[grouping, kind, until].add(values)
        self.touched.add(cell)
        return self._counts[cell]

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

    def rename(self, customer: bytes, name: bytes) -> None:
        """Let a customer be called `name` from now on."""
        held = self._customers.pop(customer, None)
        if held is None:
            return
        known = self._customers[name]
        known.told |= held.told
        known.counted += held.counted
        if customer in self._moved:
            self._moved.discard(customer)
            self._moved.add(name)
        self._overdue = [
            (due, name if whose == customer else whose, fact) for due, whose, fact in self._overdue
        ]
        heapify(self._overdue)

    def forget(self, reached: int) -> None:
        """Fold the visits and closes that nothing known after `reached` (ms) can change."""
        gone: set[bytes] = set()
        while self._overdue and self._overdue[0][0] <= reached:
            _, customer, name = heappop(self._overdue)
            held = self._customers.get(customer)
            if held is not None and held.told.pop(name, None) is not None:
                gone.add(customer)
        for customer in gone:
            held = self._customers[customer]
            held.counted = [one for one in held.counted if one[1].id in held.told]
            if not held.told:
                del self._customers[customer]

    def fold_wait(self, opened: Fact, ended: Fact | None) -> None:
        """A wait is over, and nothing can change it any more."""
        self._waits.pop((opened.conversation, opened.life, opened.episode, opened.ordinal), None)
        terms = self._book.version(opened.contract, opened.version)
        for grouping, kinds in self._wanted.items():
            if grouping not in terms.groupings:
                continue
            values = tuple(terms.bounded(name, getattr(opened, name)) for name in grouping)
            first = self.escalated.get((grouping, values), opened.time)
            self.escalated[grouping, values] = min(first, opened.time)
            if ended is None or not opened.detail["eligible"]:
                continue
            for kind in kinds:
                at = self._calendar.at(kind, opened.time).end
                while at < ended.time:
                    self._cell((grouping, values, kind, at))[_WAITED] += 1
                    at = self._calendar.at(kind, at + 1).end

    def drop_before(self, period: Period, until: int) -> list[Cell]:
        """Forget the periods of a kind that ended at `until` (ms) or earlier; their cells."""
        dropped = [cell for cell in self._counts if cell[2] == period and cell[3] <= until]
        for cell in dropped:
            grouping, _, kind, end = cell
            del self._counts[cell]
            self.touched.discard(cell)
            self._keys.pop((grouping, kind, end), None)
        self._places.clear()
        return dropped

    # -- storing -------------------------------------------------------------------------------

    def counts(self, cell: Cell) -> Mapping[str, int]:
        """What a cell has counted."""
        return self._counts.get(cell, {})

    def restore_cell(self, cell: Cell, counts: Mapping[str, int]) -> None:
        """Go on with what an earlier process counted."""
        self._cell(cell).update(counts)

    def restore(self, told: Told, reached: int) -> None:
        """Go on with a fact that was counted before, up to `reached` (ms)."""
        fact = told.fact
        if not self._wanted:
            return
        close = fact.kind == "episode_ended" and fact.detail["resolved"] is True
        links = close or fact.kind == "customer_visited"
        folded = self._link_ms is not None and fact.time + self._link_ms <= reached
        if told.customer is not None and links and not folded:
            self._link(told.customer, fact)
        if self.waits and fact.kind in ("escalation_opened", "escalation_ended"):
            self._wait(fact, 1)

    def restored(self) -> None:
        """All is restored: what customers came back from is in the cells already."""
        for held in self._customers.values():
            held.counted = list(_links(sorted(held.told.values(), key=_link_order)))
        self.touched = set()

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
            waiting, escalated = self._waiting(grouping, span)
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
        self, grouping: tuple[Dimension, ...], span: Span
    ) -> tuple[dict[_Values, int], set[_Values]]:
        """How many wait at a period's end by key, and the keys that had escalated by then."""
        at = span.end
        waiting: dict[_Values, int] = defaultdict(int)
        for values in self._keys.get((grouping, span.kind, at), ()):
            waited = self._counts[grouping, values, span.kind, at].get(_WAITED, 0)
            if waited:
                waiting[values] = waited
        escalated = {
            values
            for (of, values), first in self.escalated.items()
            if of == grouping and first <= at
        }
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
