"""One published key: its slices, the sums over them, who waits, what is breached.

DEFINITIONS.md sections 8 and 9.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from streams.domain.breaches import KeyBreaches
from streams.domain.calendar_sums import Calendar, CalendarSums
from streams.domain.delta import Entry, EscalationId, Key, Timed
from streams.domain.histogram import bucket_of, quantile_ms
from streams.domain.sums import Sums
from streams.domain.window_value import PERCENTS, WINDOW_LENGTHS_MS, WindowValue

RETENTION_MS = max(WINDOW_LENGTHS_MS.values())
# At one millisecond: corrections by late events first, then a wait's own order.
WITHDRAWN, REOPENED, REOPENED_OVERDUE, OPENED, OVERDUE, ENDED = range(6)
Change = tuple[int, int, Timed]  # time, kind, what


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


def changes_of(entry: Entry) -> Iterator[tuple[int, Timed]]:
    """What an entry says of waits, in the order in which they happen at one millisecond."""
    for kind, happenings in (
        (WITHDRAWN, entry.withdrawn),
        (REOPENED, entry.reopened),
        (REOPENED_OVERDUE, entry.reopened_overdue),
        (OPENED, entry.opened),
        (OVERDUE, entry.overdue),
        (ENDED, entry.ended),
    ):
        for timed in happenings:
            yield kind, timed


_NOTHING = Sums()


@dataclass(slots=True)
class KeyWindows:
    """Everything about one published key.

    `sums` are derived: one a window length; `periods` are those of calendar periods. `changes`
    are waits not yet judged.
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
    sums: dict[str, Sums] = field(
        default_factory=lambda: {name: Sums() for name in WINDOW_LENGTHS_MS}
    )
    changes: list[Change] = field(default_factory=list)

    @property
    def calendar(self) -> Calendar:
        """The calendar of the contract."""
        return self.periods.calendar

    @property
    def window_names(self) -> tuple[str, ...]:
        """Rolling windows, then calendar periods."""
        return (*WINDOW_LENGTHS_MS, *self.calendar.periods)

    def slide(self, boundary: int) -> None:
        """Move the sums to `boundary`: one slice in, one out, whatever the window's length."""
        entering = self.slices.get(boundary)
        for name, length in WINDOW_LENGTHS_MS.items():
            sums = self.sums[name]
            if entering is not None:
                sums.add(entering.counts, entering.latencies)
            leaving = self.slices.get(boundary - length)
            if leaving is not None:
                sums.subtract(leaving.counts, leaving.latencies)
        self.periods.slide(boundary, entering)

    def expire(self, end: int) -> bool:
        """Give up the slice that ends at `end`; whether there was one."""
        gone = self.slices.pop(end, None)
        if gone is None:
            return False
        self.periods.settle(end, gone)
        return True

    def restore(self, closed: int | None) -> None:
        """Make what is derived from the stored fields; `closed` is the last boundary closed."""
        self.waiting = dict(self.waited)
        for _, kind, timed in self.since:
            apply_change(self.waiting, kind, timed)
        if closed is None:
            return
        for end, piece in self.slices.items():
            for name, length in WINDOW_LENGTHS_MS.items():
                if closed - length < end <= closed:
                    self.sums[name].add(piece.counts, piece.latencies)
        self.periods.restore(closed, self.slices)

    def settle(self) -> None:
        """Bring `waited` up to what has been judged; called when that is a boundary."""
        for _, kind, timed in self.since:
            apply_change(self.waited, kind, timed)
        self.since.clear()

    def counts(self, window: str) -> dict[str, int]:
        """Section 8's counters of one window, at the last boundary."""
        counts = dict(self._sums(window).counts)
        waiting = sum(timed.eligible for timed in self.waited.values())
        if waiting:
            counts["waiting"] = waiting
        return counts

    def _sums(self, window: str) -> Sums:
        rolling = self.sums.get(window)
        if rolling is not None:
            return rolling
        running = self.periods.running.get(window)
        return _NOTHING if running is None else running.sums

    def value(self, window: str, end: int) -> WindowValue:
        """What section 8 publishes for this key and window at `end` (the last boundary closed)."""
        latencies = dict(self._sums(window).latencies)
        for timed in self.waited.values():
            bucket = bucket_of(end - timed.t0)
            latencies[bucket] = latencies.get(bucket, 0) + 1
        quantiles: dict[str, int | None] = {}
        for percent in PERCENTS:
            value = quantile_ms(latencies, percent)
            quantiles[f"p{percent}"] = None if value is None else int(value + 0.5)
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
            latency_ms=quantiles,
            escalated_before=first is not None and first <= end,
        )
