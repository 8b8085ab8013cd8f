"""DEFINITIONS.md section 5: waits measured in service time, where the contract says so."""

from __future__ import annotations

from typing import Any

import pytest

from streams.domain.contract import ContractBook
from streams.domain.service_hours import ServiceHours
from streams.oracle.judge import Verdict
from tests.log_builder import T, abandoned, failure, human_message, requested
from tests.unit.oracle.verdicts import book_with, facts, judged, told_of, waits, window

HOUR, DAY = 3_600, 86_400
OFFICE = ((540, 1_020),)
# The tests begin on a Monday.
WEEKDAYS = ServiceHours("UTC", (OFFICE,) * 5 + ((), ()))
NEVER = ServiceHours("UTC", ((),) * 7)
CLOSING = 17 * HOUR
MORNING = DAY + 9 * HOUR


def on(hours: ServiceHours, **terms: Any) -> ContractBook:
    """The terms with chat's 120 s on a service clock of these hours."""
    given = {"service_clock": True, "escalation_expiry_ms": 30 * DAY * 1000, **terms}
    return book_with(hours=hours, **given)


def overdue(verdict: Verdict) -> list[tuple[Any, ...]]:
    return told_of(verdict, "escalation_overdue", "threshold_ms")


def latencies(verdict: Verdict) -> list[tuple[int, int | None]]:
    """(elapsed, service) of every ended escalation, in ms."""
    names = ("latency_ms", "service_latency_ms")
    return [(row[1], row[2]) for row in told_of(verdict, "escalation_ended", *names)]


def test_a_wait_over_night_counts_only_while_somebody_could_have_answered() -> None:
    asked = requested("c1", T(CLOSING - 30))
    in_time = judged(
        asked, human_message("c1", T(MORNING + 90)), until=T(2 * DAY), book=on(WEEKDAYS)
    )
    assert waits(in_time) == [(MORNING + 90.0, "taken_over", (16 * HOUR + 120) * 1000, True)]
    assert latencies(in_time) == [((16 * HOUR + 120) * 1000, 120_000)]
    assert overdue(in_time) == []
    too_late = judged(
        asked, human_message("c1", T(MORNING + 90.001)), until=T(2 * DAY), book=on(WEEKDAYS)
    )
    assert waits(too_late)[0][3] is False
    assert overdue(too_late) == [(MORNING + 90.001, 120_000)]


def test_a_wait_is_overdue_at_its_service_deadline_though_no_event_ever_comes() -> None:
    asked = requested("c1", T(CLOSING - 30))
    assert overdue(judged(asked, until=T(MORNING + 90), book=on(WEEKDAYS))) == []
    told = overdue(judged(asked, until=T(MORNING + 90.001), book=on(WEEKDAYS)))
    assert told == [(MORNING + 90.001, 120_000)]


@pytest.mark.parametrize(
    ("asked", "deadline"),
    [
        (CLOSING - 120, MORNING + 0.001),
        (CLOSING - 120.001, CLOSING),
        (CLOSING, MORNING + 120.001),
        (5 * DAY, 7 * DAY + 9 * HOUR + 120.001),
    ],
    ids=["to the last millisecond", "a millisecond more", "after closing", "on Saturday"],
)
def test_the_deadline_lies_where_service_time_has_passed_the_threshold(
    asked: float, deadline: float
) -> None:
    verdict = judged(requested("c1", T(asked)), until=T(8 * DAY), book=on(WEEKDAYS))
    assert overdue(verdict) == [(deadline, 120_000)]


def test_a_holiday_is_no_service_time() -> None:
    hours = ServiceHours("UTC", WEEKDAYS.weekly, frozenset({"2026-03-03"}))
    verdict = judged(requested("c1", T(CLOSING)), until=T(3 * DAY), book=on(hours))
    assert overdue(verdict) == [(MORNING + DAY + 120.001, 120_000)]


def test_on_the_day_clocks_go_forward_service_hours_are_as_long_as_they_are() -> None:
    # Sundays 01:00 to 04:00 in Berlin: 2 hours long on 29 March 2026, and 3 a week later.
    hours = ServiceHours("Europe/Berlin", ((),) * 6 + (((60, 240),),))
    book = on(hours, thresholds_ms={"chat": 9_000_000})
    sunday = 27 * DAY  # 00:00 UTC, 01:00 in Berlin
    verdict = judged(requested("c1", T(sunday)), until=T(35 * DAY), book=book)
    week_later = 34 * DAY - HOUR  # 01:00 in Berlin, now two hours ahead of UTC
    assert overdue(verdict) == [(week_later + HOUR / 2 + 0.001, 9_000_000)]


def test_where_nobody_ever_serves_a_wait_is_never_overdue_and_only_leaving_misses() -> None:
    taken = judged(requested("c1", T(0)), human_message("c1", T(DAY)), until=T(DAY), book=on(NEVER))
    assert (overdue(taken), waits(taken)[0][3]) == ([], True)
    assert latencies(taken) == [(DAY * 1000, 0)]
    left = judged(requested("c1", T(0)), abandoned("c1", T(DAY)), until=T(DAY), book=on(NEVER))
    assert (overdue(left), waits(left)[0][3]) == ([], False)
    assert window(left, "24h").counts["missed"] == 1


def test_on_the_elapsed_clock_service_latency_is_told_and_judges_nothing() -> None:
    verdict = judged(
        requested("c1", T(CLOSING - 30)),
        human_message("c1", T(CLOSING + 200)),
        until=T(DAY),
        book=on(WEEKDAYS, service_clock=False),
    )
    assert latencies(verdict) == [(230_000, 30_000)]
    assert waits(verdict)[0][3] is False
    assert overdue(verdict) == [(CLOSING + 90.001, 120_000)]


def test_without_service_hours_there_is_no_service_latency() -> None:
    verdict = judged(requested("c1", T(0)), human_message("c1", T(5)), until=T(60))
    assert latencies(verdict) == [(5_000, None)]


def test_a_signal_whose_service_time_ran_out_makes_the_wait_overdue_as_it_opens() -> None:
    verdict = judged(
        failure("c1", T(CLOSING - 300)),
        requested("c1", T(CLOSING + 60)),
        until=T(DAY),
        book=on(WEEKDAYS),
    )
    assert overdue(verdict) == [(CLOSING + 60.0, 120_000)]


def test_a_clamped_wait_is_measured_to_the_takeover_in_service_time_too() -> None:
    verdict = judged(
        failure("c1", T(CLOSING - 60)),
        human_message("c1", T(CLOSING + 600)),
        requested("c1", T(CLOSING + 602)),
        until=T(DAY),
        book=on(WEEKDAYS),
    )
    assert latencies(verdict) == [(660_000, 60_000)]
    assert [f.detail["within"] for f in facts(verdict, "escalation_ended")] == [True]


def test_legs_answers_and_quantiles_stay_in_elapsed_time() -> None:
    verdict = judged(
        failure("c1", T(CLOSING)),
        requested("c1", T(CLOSING + 10)),
        human_message("c1", T(CLOSING + 40)),
        until=T(CLOSING + 60),
        book=on(WEEKDAYS, answer_ms={"chat": 20_000}),
    )
    (end,) = facts(verdict, "escalation_ended")
    assert (end.detail["requested_ms"], end.detail["answer"]) == (10_000, "beyond")
    # ceil(64 log2 40,000) = 979
    assert window(verdict).latency_ms["p50"] == round(2 ** (978.5 / 64))
