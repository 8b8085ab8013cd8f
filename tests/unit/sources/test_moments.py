"""Times as platforms write them: streams/sources/moments.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.events import epoch_ms
from streams.sources.moments import moment_of

ZONE = ZoneInfo("Asia/Jerusalem")
NOON_MS = epoch_ms(datetime(2026, 6, 1, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    "written",
    [
        "2026-06-01T12:00:00Z",
        "2026-06-01T12:00:00.000Z",
        "2026-06-01T14:00:00+02:00",
        "2026-06-01T12:00:00.000+0000",
        "2026-06-01 12:00:00 UTC",
        "2026-06-01T15:00:00",
        "2026-06-01 15:00:00",
        "Mon, 01 Jun 2026 12:00:00 GMT",
        "Mon, 01 Jun 2026 12:00:00 +0000",
        1_780_315_200,
        1_780_315_200.0,
        1_780_315_200_000,
        1_780_315_200_000_000,
        1_780_315_200_000_000_000,
        "1780315200",
        "1780315200.0",
        "1780315200000",
        "1780315200000000000",
    ],
)
def test_every_way_of_writing_noon_is_noon(written: Any) -> None:
    assert moment_of(written, ZONE) == NOON_MS


def test_fractions_of_a_second_are_kept_to_the_millisecond() -> None:
    assert moment_of(1_780_315_200.036, ZONE) == NOON_MS + 36
    assert moment_of("2026-06-01T12:00:00.036999Z", ZONE) == NOON_MS + 36


@pytest.mark.parametrize(
    "written",
    [
        None,
        "",
        True,
        [],
        {},
        "now",
        "1970-01-01T00:00:00.001Z",
        "9999-12-31T00:00:00Z",
        0,
        -5,
        1.5,
        20260601,
        "20260601",
        6581234567,
        "6581234567",
        "+6581234567",
        float("nan"),
        float("inf"),
        2**80,
        "१७८०३१५२००",
        "2026-06-01T12:00:00Z" * 9,
    ],
)
def test_what_is_no_time_a_sentinel_or_a_number_to_call_is_none(written: Any) -> None:
    assert moment_of(written, ZONE) is None


@given(st.one_of(st.text(), st.floats(), st.integers(), st.datetimes().map(str)))
def test_anything_is_a_moment_of_the_years_that_are_read_or_none(written: Any) -> None:
    found = moment_of(written, ZONE)
    assert found is None or 31_536_000_000 <= found < 32_503_680_000_000
