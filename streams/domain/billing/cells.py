"""Counters of one contract by grouping, key and period. DEFINITIONS.md sections 8 and 10.

Times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from streams.domain.billing.periods import BillingCalendar, Span
from streams.domain.calendar_period import Period
from streams.domain.contract import ContractBook, Dimension
from streams.domain.delta import slice_end_of
from streams.domain.facts import Fact

# Producers state what they like, so what is remembered of it is limited.
_MOST_PLACES: Final = 4_096
_MOST_DAYS: Final = 7
FACTS: Final = "#"
"""How many facts (or horizons) counted for a key: it exists as long as there is one."""
OPENED: Final = "#opened"
"""How many escalations opened in the period."""
WAITED: Final = "#waited"
"""How many who have been served were waiting at the period's end."""
Grouping = tuple[Dimension, ...]
Values = tuple[str, ...]
Cell = tuple[Grouping, Values, Period, int]
"""Grouping, its values, and the period by its kind and end."""
Wanted = Mapping[Grouping, tuple[Period, ...]]


class Sums:
    """What one cell has counted."""

    __slots__ = ("cell", "changed", "counts")

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.counts: defaultdict[str, int] = defaultdict(int)
        self.changed = False


class Cells:
    """The counters of the groupings that are `wanted`, each over its kinds of period."""

    def __init__(self, book: ContractBook, calendar: BillingCalendar, wanted: Wanted) -> None:
        self._book = book
        self._calendar = calendar
        self._wanted = wanted
        self._sums: dict[Cell, Sums] = {}
        self._changed: list[Sums] = []
        self._keys: dict[tuple[Grouping, Period, int], set[Values]] = defaultdict(set)
        # In which periods escalations opened, and when the first did of what is dropped.
        self._opened: dict[tuple[Grouping, Period, Values], set[int]] = defaultdict(set)
        self.escalated: dict[tuple[Grouping, Values], int] = {}
        # The days that were asked for last, and the cells of a day's places.
        self._days: list[Span] = []
        self._places: dict[tuple[int | str, ...], tuple[Sums, ...]] = {}

    def add(self, end: int, fact: Fact, counts: Iterable[tuple[str, int]], sign: int) -> None:
        """Count for the keys of a fact, in the periods of the slice that ends at `end`."""
        for sums in self._of(fact, end):
            held = sums.counts
            for name, number in counts:
                held[name] += sign * number
            held[FACTS] += sign
            if not sums.changed:
                self._touch(sums)

    def _touch(self, sums: Sums) -> None:
        if not sums.changed:
            sums.changed = True
            self._changed.append(sums)

    def add_wait(self, opened: Fact, ended: int | None, sign: int) -> None:
        """An escalation opened, and (None: not yet) is over."""
        for sums in self._of(opened, slice_end_of(opened.time)):
            sums.counts[OPENED] += sign
            self._note_opened(sums)
            self._touch(sums)
            if ended is None or not opened.detail["eligible"]:
                continue
            grouping, values, kind, at = sums.cell
            while at < ended:
                waited = self._at((grouping, values, kind, at))
                waited.counts[WAITED] += sign
                self._touch(waited)
                at = self._calendar.at(kind, at + 1).end

    def _note_opened(self, sums: Sums) -> None:
        grouping, values, kind, end = sums.cell
        ends = self._opened[grouping, kind, values]
        if sums.counts[OPENED] > 0:
            ends.add(end)
        else:
            ends.discard(end)

    def has_escalated(self, grouping: Grouping, values: Values, kind: Period, by: int) -> bool:
        """Whether a key had an escalation by the end of a period."""
        if self.escalated.get((grouping, values), by + 1) <= by:
            return True
        ends = self._opened.get((grouping, kind, values))
        return ends is not None and min(ends, default=by + 1) <= by

    def keys(self, grouping: Grouping, kind: Period, end: int) -> set[Values]:
        """The values of a grouping that something was counted for in a period."""
        return self._keys.get((grouping, kind, end), set())

    def counts(self, cell: Cell) -> Mapping[str, int]:
        """What a cell has counted."""
        sums = self._sums.get(cell)
        return {} if sums is None else sums.counts

    def values_of(self, fact: Fact) -> Iterator[tuple[Grouping, Values]]:
        """The keys that a fact counts for."""
        terms = self._book.version(fact.contract, fact.version)
        for grouping in self._wanted:
            if grouping in terms.groupings:
                yield grouping, tuple(terms.bounded(n, getattr(fact, n)) for n in grouping)

    def _of(self, fact: Fact, end: int) -> tuple[Sums, ...]:
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
        found = self._places.get(place)
        if found is None:
            if len(self._places) >= _MOST_PLACES:
                self._places.clear()
            found = self._places[place] = tuple(
                self._at((grouping, values, kind, self._calendar.at(kind, end).end))
                for grouping, values in self.values_of(fact)
                for kind in self._wanted[grouping]
            )
        return found

    def _day_of(self, end: int) -> int:
        """The end of the day: of that, the shortest period, all others are the same."""
        for day in self._days:
            if day.start < end <= day.end:
                return day.end
        self._days = [self._calendar.at("1d", end), *self._days[:_MOST_DAYS]]
        return self._days[0].end

    def _at(self, cell: Cell) -> Sums:
        sums = self._sums.get(cell)
        if sums is None:
            sums = self._sums[cell] = Sums(cell)
            self._keys[cell[0], cell[2], cell[3]].add(cell[1])
        return sums

    def drop_before(self, period: Period, until: int) -> list[Cell]:
        """Forget the periods of a kind that ended at `until` or earlier; their cells."""
        dropped = [cell for cell in self._sums if cell[2] == period and cell[3] <= until]
        for cell in dropped:
            grouping, values, _, end = cell
            sums = self._sums.pop(cell)
            if sums.counts.get(OPENED, 0) > 0:
                first = self.escalated.get((grouping, values), end)
                self.escalated[grouping, values] = min(first, end)
            self._keys.pop((grouping, period, end), None)
            ends = self._opened.get((grouping, period, values))
            if ends is not None:
                ends.discard(end)
        self._changed = [sums for sums in self._changed if sums.cell in self._sums]
        self._places.clear()
        return dropped

    # -- storing -------------------------------------------------------------------------------

    def take_changed(self) -> list[tuple[Cell, Mapping[str, int]]]:
        """What the cells have counted that changed since the last call, for whoever stores them."""
        changed, self._changed = self._changed, []
        for sums in changed:
            sums.changed = False
        return [(sums.cell, sums.counts) for sums in changed]

    def restore(self, cell: Cell, counts: Mapping[str, int]) -> None:
        """Go on with what an earlier process counted."""
        sums = self._at(cell)
        sums.counts.update(counts)
        if OPENED in counts:
            self._note_opened(sums)
