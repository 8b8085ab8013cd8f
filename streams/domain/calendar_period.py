"""A contract's calendar periods: local days, weeks, months and quarters as spans of instants."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal

from streams.domain.time_zone import instant_of, zone_of

Period = Literal["1d", "1w", "1M", "1Q"]
PERIODS: tuple[Period, ...] = ("1d", "1w", "1M", "1Q")
_NAMED = re.compile(
    r"(?P<year>[0-9]{4})-(Q(?P<quarter>[1-4])|W(?P<week>[0-9]{2})|(?P<month>[0-9]{2})(-(?P<day>[0-9]{2}))?)"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class NamedPeriod:
    """A period that somebody asked for by its name: (start, end] in ms since 1970 UTC."""

    name: str
    kind: Period
    start_ms: int
    end_ms: int


def period_named(name: str, zone: str) -> NamedPeriod:
    """The period called 2026-06, 2026-Q2, 2026-W23 (ISO 8601) or 2026-06-01 in a time zone.

    Raises ValueError saying what a name looks like where it is none.
    """
    match = _NAMED.fullmatch(name)
    try:
        if match is None:
            raise ValueError
        kind, first = _first_named(match)
        return NamedPeriod(name, kind, _midnight(zone, first), _midnight(zone, _next(kind, first)))
    except (ValueError, OverflowError):
        raise ValueError(
            f"{name[:40]!r} is no period: a month like 2026-06, a quarter like 2026-Q2, a week like"
            " 2026-W23 or a day like 2026-06-01"
        ) from None


def _first_named(match: re.Match[str]) -> tuple[Period, date]:
    year = int(match["year"])
    if match["quarter"]:
        return "1Q", date(year, 3 * int(match["quarter"]) - 2, 1)
    if match["week"]:
        return "1w", date.fromisocalendar(year, int(match["week"]), 1)
    if match["day"]:
        return "1d", date(year, int(match["month"]), int(match["day"]))
    return "1M", date(year, int(match["month"]), 1)


def period_of(period: Period, zone: str, boundary_ms: int) -> tuple[int, int]:
    """(start, end) in ms of the period with start < boundary <= end, as windows are open at their
    start and closed at their end.

    Periods begin at local midnight: of each day, Monday, first of a month, or first of January,
    April, July, October.
    """
    local = (_EPOCH + (boundary_ms - 1) * _MILLISECOND).astimezone(zone_of(zone)).date()
    first = _first_day(period, local)
    return _midnight(zone, first), _midnight(zone, _next(period, first))


def period_name(period: Period, zone: str, boundary_ms: int) -> str:
    """What people call the period that holds the boundary: 2026-06, 2026-Q2, 2026-06-01."""
    local = (_EPOCH + (boundary_ms - 1) * _MILLISECOND).astimezone(zone_of(zone)).date()
    first = _first_day(period, local)
    if period == "1M":
        return first.isoformat()[:7]
    if period == "1Q":
        return f"{first.year}-Q{(first.month + 2) // 3}"
    return first.isoformat()


def _first_day(period: Period, day: date) -> date:
    match period:
        case "1d":
            return day
        case "1w":
            return day - timedelta(days=day.weekday())
        case "1M":
            return day.replace(day=1)
        case "1Q":
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)


def _next(period: Period, first: date) -> date:
    match period:
        case "1d":
            return first + timedelta(days=1)
        case "1w":
            return first + timedelta(days=7)
        case "1M":
            return (first + timedelta(days=31)).replace(day=1)
        case "1Q":
            return (first + timedelta(days=31 * 3)).replace(day=1)


@lru_cache(maxsize=4_096)
def _midnight(zone: str, day: date) -> int:
    return instant_of(zone, datetime(day.year, day.month, day.day))
