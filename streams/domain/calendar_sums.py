"""Sums over a contract's calendar periods, which outlast the slices. DEFINITIONS.md section 8.

A period's sum at a boundary is what its expired slices came to (`settled`, all that has to be
stored) and its slices that are still there. So a restart at any boundary of the last 24 hours gives
the sums of that boundary, although the settled part is one figure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from streams.domain.calendar_period import Period, period_of
from streams.domain.delta import slice_end_of
from streams.domain.sums import Sums

Span = tuple[int, int]  # (start, end] in ms


class Calendar:
    """A contract's periods in its time zone; asked about one time after another, it looks up each
    period once.
    """

    def __init__(self, zone: str, periods: tuple[Period, ...]) -> None:
        self.periods = periods
        self._zone = zone
        self._known: dict[Period, Span] = {}

    def span(self, period: Period, boundary: int) -> Span:
        """The period that holds a boundary (ms)."""
        known = self._known.get(period)
        if known is None or not known[0] < boundary <= known[1]:
            known = self._known[period] = period_of(period, self._zone, boundary)
        return known

    def turns(self, boundary: int) -> Iterator[int]:
        """For each period that holds the boundary, the first boundary (ms) of the one after it."""
        for period in self.periods:
            yield slice_end_of(self.span(period, boundary)[1] + 1)

    def begins(self, boundary: int) -> bool:
        """Whether a boundary is the first one of a period."""
        return any(
            slice_end_of(self.span(period, boundary)[0] + 1) == boundary for period in self.periods
        )


@dataclass(slots=True)
class PeriodSums:
    """What was counted in one period, as far as it goes."""

    start: int
    end: int
    sums: Sums = field(default_factory=Sums)


@dataclass(slots=True)
class CalendarSums:
    """One key's sums. `running` are as of the last boundary; `settled` as of `settled_upto`, the
    end of the last slice that expired.
    """

    calendar: Calendar
    running: dict[str, PeriodSums] = field(default_factory=dict)
    settled: dict[str, PeriodSums] = field(default_factory=dict)
    settled_upto: int | None = None

    def slide(self, boundary: int, entering: Sums | None) -> None:
        """Move to `boundary` (ms), whose slice enters; a period that has ended is begun anew."""
        for period in self.calendar.periods:
            running = _current(self.running, period, self.calendar.span(period, boundary))
            if entering is not None:
                running.sums.add(entering.counts, entering.latencies)

    def settle(self, end: int, leaving: Sums) -> None:
        """The slice that ends at `end` expires: from now on only these sums hold it."""
        if self.settled_upto is not None and end <= self.settled_upto:
            return
        self.settled_upto = end
        for period in self.calendar.periods:
            settled = _current(self.settled, period, self.calendar.span(period, end))
            settled.sums.add(leaving.counts, leaving.latencies)

    def restore(self, boundary: int, slices: Mapping[int, Sums]) -> None:
        """Make `running` anew, as of a boundary (ms), from what is settled and the slices."""
        upto = self.settled_upto
        for period in self.calendar.periods:
            span = self.calendar.span(period, boundary)
            running = self.running[period] = PeriodSums(*span)
            settled = self.settled.get(period)
            if settled is not None and settled.start == span[0]:
                running.sums.add(settled.sums.counts, settled.sums.latencies)
            for end, piece in slices.items():
                if span[0] < end <= boundary and (upto is None or end > upto):
                    running.sums.add(piece.counts, piece.latencies)


def _current(held: dict[str, PeriodSums], period: Period, span: Span) -> PeriodSums:
    found = held.get(period)
    if found is None or found.start != span[0]:
        found = held[period] = PeriodSums(*span)
    return found
