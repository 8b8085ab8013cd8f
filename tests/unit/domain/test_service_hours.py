"""Service time: against a loop over minutes that asks the wall clock, and where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.events import EARLIEST_MS, LATEST_MS
from streams.domain.service_hours import ServiceHours

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
NEVER = ((),) * 7
ALWAYS = (((0, 1440),),) * 7
NINE_TO_FIVE = ((9 * 60, 17 * 60),)
OFFICE = (*((NINE_TO_FIVE,) * 5), (), ())
# Split, over midnight, and short: edges off the hours in which clocks change.
ODD = (
    ((0, 30), (600, 725), (1380, 1440)),
    ((0, 30), (600, 725), (1380, 1440)),
    (),
    ((1, 2),),
    ((480, 1200),),
    ((540, 541), (542, 900)),
    ((0, 1440),),
)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")


def ms(year: int, month: int, day: int, hour: int = 0, minute: int = 0, zone: str = "UTC") -> int:
    moment = datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone))
    return round(moment.timestamp() * 1000)


def open_minutes(hours: ServiceHours, start_ms: int, minutes: int) -> list[bool]:
    """Whether each minute from `start_ms` on is open, by the wall clock alone."""
    zone = ZoneInfo(hours.zone)
    start = datetime.fromtimestamp(start_ms / 1000, UTC)
    found = []
    for number in range(minutes):
        local = (start + timedelta(minutes=number)).astimezone(zone)
        at = local.hour * 60 + local.minute
        spans = hours.weekly[local.weekday()]
        closed = local.date().isoformat() in hours.holidays
        found.append(not closed and any(opens <= at < closes for opens, closes in spans))
    return found


# Four days around both changes of each zone's clocks, a plain week, and a holiday.
STARTS = [
    (zone, ms(*day, zone=zone))
    for zone in ZONES
    for day in ((2026, 3, 7), (2026, 3, 28), (2026, 4, 4), (2026, 10, 3), (2026, 10, 24))
] + [("America/New_York", ms(2026, 10, 31, zone="America/New_York"))]


@pytest.mark.parametrize("weekly", [OFFICE, ODD, ALWAYS], ids=["office", "odd", "always"])
@pytest.mark.parametrize(("zone", "start"), STARTS)
def test_service_time_is_the_open_minutes_of_the_wall_clock(
    zone: str, start: int, weekly: tuple[tuple[tuple[int, int], ...], ...]
) -> None:
    hours = ServiceHours(zone, weekly, frozenset({"2026-03-09", "2026-10-26"}))
    minutes = open_minutes(hours, start, 3 * 1440)
    open_ms = 0
    for number, is_open in enumerate(minutes):
        if number % 97 == 0:
            assert hours.between(start, start + number * MINUTE_MS) == open_ms
        open_ms += is_open * MINUTE_MS
    assert hours.between(start, start + len(minutes) * MINUTE_MS) == open_ms
    assert [hours.is_open(start + n * MINUTE_MS) for n in range(0, len(minutes), 61)] == minutes[
        ::61
    ]


@settings(deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    weekly=st.sampled_from([OFFICE, ODD, ALWAYS]),
    start=st.integers(ms(2026, 3, 25), ms(2026, 4, 6)),
    budget=st.integers(0, 40 * HOUR_MS),
)
def test_a_budget_is_exceeded_at_the_first_instant_at_which_more_has_passed(
    zone: str, weekly: tuple[tuple[tuple[int, int], ...], ...], start: int, budget: int
) -> None:
    hours = ServiceHours(zone, weekly)
    at = hours.exceeded_at(start, budget)
    assert at is not None
    assert hours.between(start, at) == budget + 1
    assert hours.between(start, at - 1) == budget


@settings(deadline=None)
@given(
    weekly=st.sampled_from([OFFICE, ODD, ALWAYS, NEVER]),
    times=st.lists(st.integers(ms(2026, 3, 25), ms(2026, 4, 6)), min_size=3, max_size=3),
)
def test_service_time_adds_up_and_is_never_more_than_the_time_that_passed(
    weekly: tuple[tuple[tuple[int, int], ...], ...], times: list[int]
) -> None:
    hours = ServiceHours("Europe/Berlin", weekly)
    first, middle, last = sorted(times)
    whole = hours.between(first, last)
    assert whole == hours.between(first, middle) + hours.between(middle, last)
    assert 0 <= whole <= last - first


def test_an_end_before_the_start_holds_no_service_time() -> None:
    assert ServiceHours("UTC", ALWAYS).between(ms(2026, 6, 2), ms(2026, 6, 1)) == 0


def test_hours_that_never_open_are_never_exceeded() -> None:
    assert ServiceHours("UTC", NEVER).exceeded_at(ms(2026, 6, 1), 0) is None


def test_a_year_of_holidays_is_waited_out() -> None:
    day, days = datetime(2026, 1, 1), set()
    while day.year == 2026:
        days.add(day.date().isoformat())
        day += timedelta(days=1)
    hours = ServiceHours("UTC", ALWAYS, frozenset(days))
    assert hours.exceeded_at(ms(2026, 1, 1), 0) == ms(2027, 1, 1) + 1


def test_a_day_of_which_an_hour_is_skipped_is_an_hour_shorter() -> None:
    hours = ServiceHours("Europe/Berlin", ALWAYS)
    start, end = ms(2026, 3, 29, zone="Europe/Berlin"), ms(2026, 3, 30, zone="Europe/Berlin")
    assert hours.between(start, end) == 23 * HOUR_MS


def test_a_day_of_which_an_hour_comes_twice_is_an_hour_longer() -> None:
    hours = ServiceHours("Europe/Berlin", ALWAYS)
    start, end = ms(2026, 10, 25, zone="Europe/Berlin"), ms(2026, 10, 26, zone="Europe/Berlin")
    assert hours.between(start, end) == 25 * HOUR_MS


def berlin(*span: tuple[int, int]) -> ServiceHours:
    return ServiceHours("Europe/Berlin", (span,) * 7)


@pytest.mark.parametrize(
    ("span", "open_hours"),
    [
        # 02:00 to 03:00 does not exist on that day; 02:30 is half an hour after the change.
        ((60, 150), 1.5),
        ((150, 240), 0.5),
        ((150, 180), 0.0),
        ((120, 180), 0.0),
    ],
)
def test_an_edge_in_the_skipped_hour_is_as_long_after_the_change(
    span: tuple[int, int], open_hours: float
) -> None:
    day = ms(2026, 3, 29, zone="Europe/Berlin")
    assert berlin(span).between(day, day + 23 * HOUR_MS) == open_hours * HOUR_MS


@pytest.mark.parametrize(
    ("span", "open_hours"),
    [
        # 02:00 to 03:00 comes twice on that day; 02:30 is the first of the two.
        ((60, 150), 1.5),
        ((150, 240), 2.5),
        ((120, 180), 2.0),
    ],
)
def test_an_edge_in_the_hour_that_comes_twice_is_the_first_of_two(
    span: tuple[int, int], open_hours: float
) -> None:
    day = ms(2026, 10, 25, zone="Europe/Berlin")
    assert berlin(span).between(day, day + 25 * HOUR_MS) == open_hours * HOUR_MS


def test_spans_that_a_skipped_hour_lays_over_each_other_count_once() -> None:
    hours = berlin((60, 150), (180, 300))
    day = ms(2026, 3, 29, zone="Europe/Berlin")
    # From 01:00 on without a break: to the change at 02:00, and from 03:00 to 05:00.
    assert hours.between(day, day + 23 * HOUR_MS) == 3 * HOUR_MS
    assert hours.exceeded_at(day, 3 * HOUR_MS - 1) == day + 4 * HOUR_MS


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "UTC"])
@pytest.mark.parametrize("instant", [EARLIEST_MS, LATEST_MS])
def test_the_earliest_and_latest_times_that_events_may_have_are_no_error(
    zone: str, instant: int
) -> None:
    hours = ServiceHours(zone, ALWAYS)
    assert hours.between(instant, instant + HOUR_MS) == HOUR_MS
    assert hours.exceeded_at(instant, HOUR_MS) == instant + HOUR_MS + 1
