"""One published key: its slices, the sums over them, who waits, what is breached.

DEFINITIONS.md sections 8 and 9.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from streams.domain.breach_record import BreachRecord
from streams.domain.breaches import KeyBreaches
from streams.domain.calendar_sums import Calendar, CalendarSums
from streams.domain.contract import ContractBook
from streams.domain.delta import (
    ENDED,
    OPENED,
    OVERDUE,
    REOPENED,
    REOPENED_OVERDUE,
    WITHDRAWN,
    EscalationId,
    Key,
    Timed,
    slice_end_of,
)
from streams.domain.histogram import bucket_of, quantiles_ms
from streams.domain.rolling_sums import RollingSums
from streams.domain.sums import Sums
from streams.domain.window_value import PERCENTS, WINDOW_LENGTHS_MS, WindowValue

RETENTION_MS = max(WINDOW_LENGTHS_MS.values())
_LONGEST = max(WINDOW_LENGTHS_MS, key=WINDOW_LENGTHS_MS.__getitem__)
Change = tuple[int, int, Timed]  # time, kind, what
_time_of = itemgetter(0)


@dataclass(slots=True)
class Slice(Sums):
    """One minute of one key; `taken` is the last watermark applied from each source partition."""

    taken: dict[int, int] = field(default_factory=dict)


def apply_change(waiting: dict[EscalationId, Timed], kind: int, timed: Timed) -> None:
    """Who waits after one change."""
    if kind in (OPENED, REOPENED):
        waiting[timed.escalation] = timed
    elif kind in (WITHDRAWN, ENDED):
        waiting.pop(timed.escalation, None)


_NOTHING = Sums()


@dataclass(slots=True, eq=False)
class KeyWindows:
    """Everything about one published key; there is one object a key, equal to itself alone.

    `boundary` is the last one at which something moved: until the next, sums are as of it.
    `periods` are the sums of calendar periods. `changes` are waits not yet judged.
    """

    key: Key
    periods: CalendarSums
    slices: dict[int, Slice] = field(default_factory=dict)
    waiting: dict[EscalationId, Timed] = field(default_factory=dict)  # as of the watermark
    waited: dict[EscalationId, Timed] = field(default_factory=dict)  # as of the last boundary
    since: list[Change] = field(default_factory=list)  # what turns `waited` into `waiting`
    first_end: int | None = None  # of the first slice that anything was published in
    first_escalation_end: int | None = None
    judged: int | None = None  # the time up to which this key's stored state was judged
    breaches: KeyBreaches = field(default_factory=KeyBreaches)
    boundary: int | None = None
    changes: list[Change] = field(default_factory=list)
    _eligible: int = 0  # of `waited`
    _rolling: dict[str, RollingSums] = field(
        default_factory=lambda: {n: RollingSums(length) for n, length in WINDOW_LENGTHS_MS.items()}
    )

    @property
    def calendar(self) -> Calendar:
        """The calendar of the contract."""
        return self.periods.calendar

    @property
    def window_names(self) -> tuple[str, ...]:
        """Rolling windows, then calendar periods."""
        return (*WINDOW_LENGTHS_MS, *self.calendar.periods)

    def slide(self, boundary: int) -> None:
        """Move to `boundary` (ms), whose slice enters."""
        self.boundary = boundary
        self.periods.slide(boundary, self.slices.get(boundary))

    def expire(self, end: int) -> bool:
        """Give up the slice that ends at `end`; whether there was one."""
        if end not in self.slices:
            return False
        self.sums(_LONGEST)  # lets go of it while it is there
        self.periods.settle(end, self.slices.pop(end))
        return True

    def restore(self, closed: int | None) -> None:
        """Make what is derived from the stored fields; `closed` is the last boundary closed."""
        self._eligible = sum(timed.eligible for timed in self.waited.values())
        self.waiting = dict(self.waited)
        for _, kind, timed in self.since:
            apply_change(self.waiting, kind, timed)
        self.boundary = closed
        if closed is not None:
            self.periods.restore(closed, self.slices)

    def due(self, time: int) -> list[Change]:
        """Take out the changes of waits up to `time` (ms), in their order."""
        changes = self.changes
        if not changes:
            return []
        changes.sort()
        due = changes[: bisect_right(changes, time, key=_time_of)]
        del changes[: len(due)]
        return due

    def judge_waits(self, book: ContractBook, due: list[Change]) -> list[BreachRecord]:
        """Let changes of waits happen, one moment after another; the breaches that come of them."""
        self.since += due
        records: list[BreachRecord] = []
        for moment, changes in groupby(due, _time_of):
            records += self._at_moment(book, moment, changes)
        return records

    def _at_moment(
        self, book: ContractBook, moment: int, changes: Iterable[Change]
    ) -> list[BreachRecord]:
        withdrawn: list[EscalationId] = []
        overdue: list[tuple[EscalationId, int]] = []
        ended: list[EscalationId] = []
        for _, kind, timed in changes:
            apply_change(self.waiting, kind, timed)
            if kind == OPENED and self.first_escalation_end is None:
                self.first_escalation_end = slice_end_of(moment)
            if kind == WITHDRAWN:
                withdrawn.append(timed.escalation)
            elif kind in (OVERDUE, REOPENED_OVERDUE):
                overdue.append((timed.escalation, timed.t0))
            elif kind == ENDED:
                ended.append(timed.escalation)
        if not (withdrawn or overdue or ended):
            return []
        return self.breaches.at_moment(book, self.key, moment, withdrawn, overdue, ended)

    def settle(self) -> None:
        """Bring `waited` up to what has been judged; called when that is a boundary."""
        for _, kind, timed in self.since:
            apply_change(self.waited, kind, timed)
        self._eligible = sum(timed.eligible for timed in self.waited.values())
        self.since.clear()

    def sums(self, window: str) -> Sums:
        """What was counted in one window, at the last boundary; not to be changed."""
        if self.boundary is None:
            return _NOTHING
        rolling = self._rolling.get(window)
        if rolling is not None:
            return rolling.at(self.boundary, self.slices)
        running = self.periods.running.get(window)
        return _NOTHING if running is None else running.sums

    def counts(self, window: str) -> dict[str, int]:
        """Section 8's counters of one window, at the last boundary."""
        return {name: count for name, count in self.tallies(window).items() if count}

    def tallies(self, window: str) -> Mapping[str, int]:
        """The same, but some may be 0; not to be changed."""
        tallies = self.sums(window).counts
        return {**tallies, "waiting": self._eligible} if self._eligible else tallies

    def value(self, window: str, end: int) -> WindowValue:
        """What section 8 publishes for this key and window at `end` (the last boundary closed)."""
        latencies = self.sums(window).latencies
        if self.waited:
            latencies = latencies.copy()
            for timed in self.waited.values():
                bucket = bucket_of(end - timed.t0)
                latencies[bucket] = latencies.get(bucket, 0) + 1
        contract, dimensions = self.key
        first = self.first_escalation_end
        return WindowValue(
            contract=contract,
            key=dimensions,
            window=window,
            end=end,
            counts=self.counts(window),
            open=len(self.waited),
            oldest_t0=min((timed.t0 for timed in self.waited.values()), default=None),
            samples=sum(latencies.values()),
            latency_ms={
                f"p{percent}": None if ms is None else int(ms + 0.5)
                for percent, ms in zip(PERCENTS, quantiles_ms(latencies, PERCENTS), strict=True)
            },
            escalated_before=first is not None and first <= end,
        )
