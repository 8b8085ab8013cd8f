"""The times of one call out of a log that holds times of day.

A day is the nearest to the time before it in the call, so calls run across midnight and small
steps back (two clocks) stay steps back. `0:00:00` is "never" where both ends of a leg have it.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from streams.sources.base import SourceProblem, moment_ms
from streams.sources.tables import Row

CLOCK_TOLERANCE_S = 300
_DAY_S = 86_400
_NEVER = "0:00:00"
_TIME_OF_DAY = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])")


class Leg(NamedTuple):
    """A stay in the queue or with an agent, in epoch ms."""

    start_ms: int
    end_ms: int


class CallTimes(NamedTuple):
    """When a call entered and left the automated unit, and its legs after it."""

    entry_ms: int
    exit_ms: int
    queue: Leg | None
    service: Leg | None

    @property
    def left_ms(self) -> int:
        """When the caller left the unit or, if there was one, the queue."""
        return self.queue.end_ms if self.queue else self.exit_ms


def read_times(row: Row, day: date, zone: ZoneInfo) -> CallTimes | SourceProblem:
    """The times in the cells vru_*, queue_* and service_* (local in `zone`), or why there are none.

    A step back of more than CLOCK_TOLERANCE_S is no clock error: such a row is refused.
    """
    cells = row.cells
    entry, left = _clock(cells["vru_entry"]), _clock(cells["vru_exit"])
    queue = _leg(cells["queue_start"], cells["queue_exit"])
    service = _leg(cells["service_start"], cells["service_exit"])
    if entry is None or left is None or queue is None or service is None:
        return SourceProblem("bad_time", "a time is not H:MM:SS; left out", row.where)
    seconds = [entry]
    for clock in (left, *queue, *service):
        seconds.append(_nearest(seconds[-1], clock))
    if any(after - before < -CLOCK_TOLERANCE_S for before, after in pairwise(seconds)):
        return SourceProblem(
            "times_disagree",
            f"a step is over {CLOCK_TOLERANCE_S} s before the one that it follows; left out",
            row.where,
        )
    try:
        midnight = datetime.combine(day, time())
        moments = [moment_ms(midnight + timedelta(seconds=s), zone) for s in seconds]
    except OverflowError:
        moments = [None]
    known = [m for m in moments if m is not None]
    if len(known) != len(moments):
        return SourceProblem("bad_date", "the date lies outside 1971-2999; left out", row.where)
    legs = iter(known[2:])
    return CallTimes(
        entry_ms=known[0],
        exit_ms=known[1],
        queue=Leg(next(legs), next(legs)) if queue else None,
        service=Leg(next(legs), next(legs)) if service else None,
    )


def _leg(start: str, end: str) -> tuple[int, ...] | None:
    """Seconds of the day of a leg's two ends, () if it never was, None if they cannot be read."""
    if start in ("", _NEVER) and end in ("", _NEVER):
        return ()
    first, last = _clock(start), _clock(end)
    return None if first is None or last is None else (first, last)


def _clock(text: str) -> int | None:
    match = _TIME_OF_DAY.fullmatch(text)
    return None if match is None else int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3])


def _nearest(anchor: int, clock: int) -> int:
    """`clock` on the day nearest to `anchor`; both in seconds from the first midnight."""
    return clock + _DAY_S * ((anchor - clock + _DAY_S // 2) // _DAY_S)


def read_date(text: str | None) -> date | None:
    """A `yymmdd` (of 1970-2069) or ISO date."""
    if not text:
        return None
    try:
        if re.fullmatch(r"[0-9]{6}", text):
            year = int(text[:2])
            return date(year + (1900 if year >= 70 else 2000), int(text[2:4]), int(text[4:]))
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
