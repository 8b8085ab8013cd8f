"""Times, durations and values as a person reads them in a trace."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from streams.domain.facts import rfc3339
from streams.domain.time_zone import zone_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES_IN_DETAIL = ("t0", "due_at")


class Clock:
    """Tells times (ms since 1970 UTC) in a zone and in UTC, exact to the millisecond."""

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self._zone = zone_of(zone)

    def local(self, time: int) -> str:
        """2026-06-01 00:00:38.943 +08:00"""
        moment = (_EPOCH + timedelta(milliseconds=time)).astimezone(self._zone)
        offset = moment.isoformat(timespec="milliseconds")[23:]
        return f"{moment.replace(tzinfo=None).isoformat(' ', 'milliseconds')} {offset}"

    def both(self, time: int | None) -> str:
        """The local time, and UTC behind it."""
        return "never" if time is None else f"{self.local(time)} ({rfc3339(time)})"


def span(ms: int) -> str:
    """A duration, exact: `1 m 03.500 s (63,500 ms)`."""
    seconds, millis = divmod(abs(ms), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "m")) if n]
    parts.append(f"{seconds:02d}.{millis:03d} s" if parts else f"{seconds}.{millis:03d} s")
    sign = "-" if ms < 0 else ""
    return f"{sign}{' '.join(parts)} ({sign}{abs(ms):,} ms)"


def yes(value: bool | None) -> str:
    """yes, no, or not judged."""
    return "not judged" if value is None else "yes" if value else "no"


def pairs(values: Mapping[str, Any]) -> str:
    """`name value, name value`; lists joined, what is not there left out."""
    said = []
    for name, value in values.items():
        if value is None:
            continue
        if name in _TIMES_IN_DETAIL and isinstance(value, int):
            value = rfc3339(value)
        said.append(f"{name} {_value(value)}")
    return ", ".join(said)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "+".join(map(str, value)) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


def listed(names: list[str]) -> str:
    """The names, or none."""
    return ", ".join(names) or "none"


def printable(line: str) -> str:
    """The line without what would move a terminal's cursor: producers may have said anything."""
    return line if line.isprintable() else "".join(c if c.isprintable() else "?" for c in line)
