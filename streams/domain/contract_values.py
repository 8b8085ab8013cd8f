"""What single values in contract documents look like; `description` is what errors say of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

Duration = Annotated[
    str,
    Meta(
        pattern="^[1-9][0-9]*(ms|s|m|h|d)$",
        description="a duration like 90s, 2m, 24h or 7d",
    ),
]
Decimal = Annotated[
    str,
    Meta(
        pattern=r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$",
        description='a decimal from 0 to 1 in quotes, at most 6 decimals, like "0.95"',
    ),
]
Amount = Annotated[
    str,
    Meta(
        pattern=r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?$",
        description='a decimal in quotes, at most 6 decimals, like "1.25"',
    ),
]
Percent = Annotated[
    str,
    Meta(
        pattern=r"^(100(\.0{1,4})?|(0|[1-9][0-9]?)(\.[0-9]{1,4})?)$",
        description='per cent as a decimal in quotes, 0 to 100, like "12.5"',
    ),
]
Name = Annotated[
    str,
    Meta(
        pattern="^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
        description="a name of small letters, digits and hyphens, at most 63",
    ),
]
Market = Annotated[
    str,
    Meta(
        pattern="^[A-Z]{2}$",
        max_length=2,
        description="an ISO 3166-1 alpha-2 code like SG",
    ),
]
Currency = Annotated[
    str,
    Meta(
        pattern="^[A-Z]{3}$",
        max_length=3,
        description="an ISO 4217 code like SGD",
    ),
]
Day = Annotated[
    str,
    Meta(
        pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        description="a date like 2026-12-25",
    ),
]
Span = Annotated[
    str,
    Meta(
        pattern="^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
        description="times of day like 08:00-20:00 (24:00 is the day's end)",
    ),
]
Version = Annotated[
    str,
    Meta(
        pattern="^[A-Za-z0-9._:/@+*-]{1,128}$",
        max_length=128,
        description="a version or a pattern of versions: letters, digits, . _ : / @ + -,"
        " and * for any characters",
    ),
]
LocalTime = Annotated[
    str,
    Meta(
        pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$",
        description="a local time like 2026-01-01 00:00:00",
    ),
]
Words = Annotated[
    str, Meta(min_length=1, max_length=200, description="text of at most 200 characters")
]
Whole = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Few = Annotated[int, Meta(ge=1, le=12)]
Instant = Annotated[datetime, Meta(tz=True)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
