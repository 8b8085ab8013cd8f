"""Times as platforms write them, in the integer milliseconds that events carry."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

from streams.sources.base import moment_ms

_UTC_ZONE = ZoneInfo("UTC")
# Seconds reach this in the year 5138, milliseconds had it in 1973; and so on by thousands.
_LEAST_MS, _LEAST_US, _LEAST_NS = 10**11, 10**14, 10**17
# A number beyond the year 2100 is something else, a number to call perhaps.
_MOST_S = 4_102_444_800
_LONGEST = 64


def moment_of(value: object, zone: ZoneInfo) -> int | None:
    """Epoch milliseconds of a time as JSON carries it, None where it is none.

    Read are: ISO 8601 with an offset, with `Z` or " UTC", or without (then local in `zone`);
    RFC 2822; whole or fractional epoch seconds, milliseconds, microseconds and nanoseconds, told
    apart by their size, as numbers or digits, to the year 2100. A time outside the years 1971-2999
    is a sentinel.
    """
    if isinstance(value, str):
        return _of_text(value.strip(), zone)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _of_number(value)


def _of_text(text: str, zone: ZoneInfo) -> int | None:
    if not text or len(text) > _LONGEST or not text.isascii():
        return None
    if text[0].isdigit() and text.count(".") < 2 and text.replace(".", "").isdigit():
        # A day (20260601) and a year are no epochs: nothing below ten digits is a time here.
        if len(text.partition(".")[0]) < 10:
            return None
        return _of_number(float(text) if "." in text else int(text))
    if text.endswith(" UTC"):
        text = text[:-4] + "+00:00"
    try:
        return moment_ms(datetime.fromisoformat(text), zone)
    except ValueError:
        pass
    try:
        return moment_ms(parsedate_to_datetime(text), zone)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _of_number(number: float) -> int | None:
    # Not NaN, and nothing that datetime could not hold.
    if not 0 < number < 10**20:
        return None
    if number >= _LEAST_NS:
        time_ms = int(number) // 10**6
    elif number >= _LEAST_US:
        time_ms = int(number) // 1000
    elif number >= _LEAST_MS:
        time_ms = int(number)
    else:
        time_ms = round(number * 1000)
    if time_ms >= _MOST_S * 1000:
        return None
    whole_ms = moment_ms(datetime.fromtimestamp(time_ms // 1000, UTC), _UTC_ZONE)
    return None if whole_ms is None else whole_ms + time_ms % 1000
