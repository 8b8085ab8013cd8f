"""Time zones by their IANA names, which come from contracts and options and may be anything."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

# zoneinfo takes a name for a path: what is no name can be a folder, or too long, or too deep.
_NAME = re.compile(r"[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,2}")


def zone_of(name: str) -> ZoneInfo:
    """The zone of that name. Raises ValueError where there is none."""
    if not _NAME.fullmatch(name):
        raise ValueError("not an IANA time zone")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("not an IANA time zone") from None
