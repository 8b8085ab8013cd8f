"""Time zones by their IANA names, which come from contracts and options and may be anything."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

# zoneinfo takes a name for a path: what is no name can be a folder, or too long, or too deep.
_NAME = re.compile(r"[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,2}")

_EPOCH = datetime(1970, 1, 1)
_MILLISECOND = timedelta(milliseconds=1)


def zone_of(name: str) -> ZoneInfo:
    """The zone of that name. Raises ValueError where there is none."""
    if not _NAME.fullmatch(name):
        raise ValueError("not an IANA time zone")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("not an IANA time zone") from None


def local_text(time_ms: int, zone: str) -> str:
    """An instant (ms since 1970 UTC) as people in the zone write it: the day, and the time of day
    unless it is midnight.
    """
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
    local = moment.astimezone(zone_of(zone)).replace(tzinfo=None)
    if (local.hour, local.minute, local.second) == (0, 0, 0):
        return local.date().isoformat()
    return local.isoformat(" ", "seconds" if local.second else "minutes")


def instant_of(zone: str, local: datetime) -> int:
    """The instant (ms since 1970 UTC) of a local time without zone; of two, the first.

    Raises ValueError where there is no such zone.
    """
    offset = zone_of(zone).utcoffset(local)
    assert offset is not None
    # Not by way of UTC, where the first local day of all may not exist.
    return (local - _EPOCH - offset) // _MILLISECOND
