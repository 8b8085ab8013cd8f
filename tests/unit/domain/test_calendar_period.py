"""Calendar periods: local days, weeks, months and quarters as spans of instants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.calendar_period import (
    PERIODS,
    Period,
    period_name,
    period_named,
    period_of,
)
from streams.domain.events import EARLIEST_MS, LATEST_MS

HOUR_MS = 3_600_000
ZONES = ("UTC", "Asia/Singapore", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu")


def ms(year: int, month: int, day: int, zone: str = "UTC") -> int:
    return round(datetime(year, month, day, tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("period", "start", "end", "name"),
    [
        ("1d", (2026, 5, 14), (2026, 5, 15), "2026-05-14"),
        ("1w", (2026, 5, 11), (2026, 5, 18), "2026-05-11"),
        ("1M", (2026, 5, 1), (2026, 6, 1), "2026-05"),
        ("1Q", (2026, 4, 1), (2026, 7, 1), "2026-Q2"),
    ],
)
def test_a_period_runs_from_local_midnight_to_local_midnight(
    period: Period, start: tuple[int, int, int], end: tuple[int, int, int], name: str
) -> None:
    zone = "Asia/Singapore"
    boundary = ms(2026, 5, 14, zone) + 13 * HOUR_MS
    assert period_of(period, zone, boundary) == (ms(*start, zone), ms(*end, zone))
    assert period_name(period, zone, boundary) == name


@pytest.mark.parametrize("period", PERIODS)
def test_the_boundary_at_its_end_is_the_last_of_a_period(period: Period) -> None:
    start, end = period_of(period, "Europe/Berlin", ms(2026, 6, 30, "Europe/Berlin"))
    assert period_of(period, "Europe/Berlin", end) == (start, end)
    assert period_of(period, "Europe/Berlin", end + 1)[0] == end


@pytest.mark.parametrize(
    ("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)]
)
def test_a_day_is_as_long_as_it_is(day: tuple[int, int, int], hours: int) -> None:
    start, end = period_of("1d", "Europe/Berlin", ms(*day, "Europe/Berlin") + 1)
    assert end - start == hours * HOUR_MS


def test_a_day_whose_midnight_is_skipped_begins_where_the_day_before_ends() -> None:
    # In 2018 Sao Paulo's clocks went from 24:00 of November 3 to 01:00.
    before = period_of("1d", "America/Sao_Paulo", ms(2018, 11, 3, "America/Sao_Paulo") + 1)
    after = period_of("1d", "America/Sao_Paulo", before[1] + 1)
    assert (after[0], after[1] - after[0]) == (before[1], 23 * HOUR_MS)


@given(
    period=st.sampled_from(PERIODS),
    zone=st.sampled_from(ZONES),
    boundary=st.integers(ms(2000, 1, 1), ms(2060, 1, 1)),
)
def test_a_boundary_lies_in_its_period_and_periods_follow_each_other(
    period: Period, zone: str, boundary: int
) -> None:
    start, end = period_of(period, zone, boundary)
    assert start < boundary <= end
    assert period_of(period, zone, start)[1] == start
    assert period_of(period, zone, end + 1)[0] == end
    local = datetime.fromtimestamp(start / 1000, UTC).astimezone(ZoneInfo(zone))
    assert (local - timedelta(milliseconds=1)).date() < local.date()
    begins = {"1d": True, "1w": local.weekday() == 0, "1M": local.day == 1}
    assert begins.get(period, local.day == 1 and local.month in (1, 4, 7, 10))


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "UTC"])
@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("boundary", [EARLIEST_MS, LATEST_MS])
def test_the_earliest_and_latest_times_that_events_may_have_are_no_error(
    period: Period, zone: str, boundary: int
) -> None:
    start, end = period_of(period, zone, boundary)
    assert start < boundary <= end


@given(
    period=st.sampled_from(PERIODS),
    zone=st.sampled_from(ZONES),
    boundary=st.integers(ms(1990, 1, 1), ms(2090, 1, 1)),
)
def test_a_period_is_found_by_its_name(period: Period, zone: str, boundary: int) -> None:
    start, end = period_of(period, zone, boundary)
    name = period_name(period, zone, boundary)
    if period == "1w":
        year, week, _ = datetime.fromisoformat(name).isocalendar()
        name = f"{year}-W{week:02}"
    found = period_named(name, zone)
    assert (found.kind, found.start_ms, found.end_ms) == (period, start, end)
    assert found.name == name


@pytest.mark.parametrize(
    "name",
    ["", "2026", "2026-13", "2026-00", "2026-Q5", "2026-W54", "2026-02-30", "2026-6", "0000-01",
     "2026-06 ", "9999-12", "June"],
)  # fmt: skip
def test_what_is_no_period_is_told_what_one_looks_like(name: str) -> None:
    with pytest.raises(ValueError, match="is no period: a month like 2026-06"):
        period_named(name, "Asia/Singapore")
