"""Service time: milliseconds that lie inside a contract's service hours.

Hours are given in local time of the contract's zone; holidays are whole local days. A day on which
clocks change is as long as it really is: what counts is the time that passed between two instants,
not the difference of two wall clocks. A time of day that comes twice stands for its first instant,
one that is skipped for as long after the change as it would have been (RFC 5545, 3.3.5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from streams.domain.time_zone import instant_of, zone_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_DAY = timedelta(days=1)
_SECOND_DAY = date.min + _DAY
# Nothing is open for as long as this: the hours are of a week, holidays of at most some years.
_LONGEST_CLOSED_DAYS = 3_700


@dataclass(frozen=True, slots=True)
class ServiceHours:
    """When humans are there. `weekly` has seven days from Monday on, each a sorted tuple of
    (from, to) in minutes since local midnight, `to` exclusive and at most 1440; `holidays` are
    local dates as YYYY-MM-DD.
    """

    zone: str
    weekly: tuple[tuple[tuple[int, int], ...], ...]
    holidays: frozenset[str] = frozenset()

    def between(self, start_ms: int, end_ms: int) -> int:
        """Service time (ms) in [start, end), both in ms since 1970 UTC; 0 where end <= start."""
        total, reached = 0, start_ms
        for opens, closes in self._spans(start_ms):
            if opens >= end_ms:
                break
            total += max(0, min(closes, end_ms) - max(opens, reached))
            # Where clocks skip an hour two spans may overlap; no instant counts twice.
            reached = max(reached, closes)
        return total

    def exceeded_at(self, start_ms: int, budget_ms: int) -> int | None:
        """The first instant t at which between(start, t) > budget; None if hours never allow it."""
        left, reached = budget_ms, start_ms
        for opens, closes in self._spans(start_ms):
            begins = max(opens, reached)
            if closes - begins > left:
                return begins + left + 1
            left -= max(0, closes - begins)
            reached = max(reached, closes)
        return None

    def is_open(self, instant_ms: int) -> bool:
        """Whether the instant lies in service hours."""
        return self.between(instant_ms, instant_ms + 1) == 1

    def _spans(self, start_ms: int) -> Iterator[tuple[int, int]]:
        """Open spans in order, from the local day before `start_ms`'s on; ends when there are no
        more for a long time.
        """
        zone = zone_of(self.zone)
        local = (_EPOCH + start_ms * _MILLISECOND).astimezone(zone).date()
        day = max(local, _SECOND_DAY) - _DAY
        idle = 0
        while idle < _LONGEST_CLOSED_DAYS:
            spans = _spans_of(self, day)
            yield from spans
            idle = 0 if spans else idle + 1
            day += _DAY


@lru_cache(maxsize=8_192)
def _spans_of(hours: ServiceHours, day: date) -> tuple[tuple[int, int], ...]:
    if day.isoformat() in hours.holidays:
        return ()
    return tuple(
        (_instant(hours.zone, day, opens), _instant(hours.zone, day, closes))
        for opens, closes in hours.weekly[day.weekday()]
    )


def _instant(zone: str, day: date, minute: int) -> int:
    # Local midnight plus 24:00 is the next day's midnight, whatever its offset.
    if minute == 1440:
        day, minute = day + _DAY, 0
    return instant_of(zone, datetime(day.year, day.month, day.day, minute // 60, minute % 60))
