"""What terms make of an escalation: service clock, exclusions, answers, context."""

from __future__ import annotations

from typing import Any

import pytest

from streams.domain.contract import Exclusion
from streams.domain.service_hours import ServiceHours
from tests.log_builder import (
    T,
    abandoned,
    connected,
    customer_message,
    ended,
    failure,
    human_message,
    queued,
    requested,
    returned,
    started,
)
from tests.unit.domain.walked import HOUR, episodes, of_kind, only, seconds, walked
from tests.unit.oracle.verdicts import book_with

ENDED = "escalation_ended"
# The tests begin on Monday, 2 March 2026, at 00:00 UTC.
OFFICE = ServiceHours("UTC", (*(((540, 1020),) for _ in range(5)), (), ()))
SERVICE = book_with(hours=OFFICE, service_clock=True, thresholds_ms={"chat": 120_000})


def overdue(*log: bytes, book: Any) -> list[float]:
    facts = walked(*log, until=T(9 * 24 * HOUR), book=book)
    return [seconds(fact.time) for fact in of_kind(facts, "escalation_overdue")]


def test_by_the_service_clock_a_wait_at_night_begins_in_the_morning() -> None:
    log = [requested("c1", T(3 * HOUR)), human_message("c1", T(9 * HOUR + 120))]
    assert overdue(*log, book=SERVICE) == []
    found = only(walked(*log, until=T(10 * HOUR), book=SERVICE), ENDED)
    assert (found["within"], found["overdue"]) == (True, False)
    assert (found["latency_ms"], found["service_latency_ms"]) == (
        6 * HOUR * 1000 + 120_000,
        120_000,
    )


@pytest.mark.parametrize(
    ("asked", "late"),
    [
        (3 * HOUR, 9 * HOUR + 120.001),  # before hours
        (9 * HOUR, 9 * HOUR + 120.001),  # as they begin
        (17 * HOUR - 60, 33 * HOUR + 60.001),  # a minute today, a minute tomorrow
        (17 * HOUR, 33 * HOUR + 120.001),
        (4 * 24 * HOUR + 17 * HOUR, 7 * 24 * HOUR + 9 * HOUR + 120.001),  # over the weekend
    ],
)
def test_by_the_service_clock_a_wait_is_overdue_when_so_much_service_time_has_passed(
    asked: float, late: float
) -> None:
    assert overdue(requested("c1", T(asked)), book=SERVICE) == [late]


def test_a_wait_that_expires_before_service_hours_let_it_is_never_overdue() -> None:
    never = book_with(
        hours=ServiceHours("UTC", ((),) * 7),
        service_clock=True,
        thresholds_ms={"chat": 120_000},
    )
    facts = walked(requested("c1", T(0)), until=T(9 * 24 * HOUR), book=never)
    found = only(facts, ENDED)
    assert (found["outcome"], found["within"], found["overdue"]) == ("expired", False, False)
    assert found["service_latency_ms"] == 0


def test_service_hours_are_told_but_not_measured_by_where_the_clock_is_elapsed() -> None:
    book = book_with(hours=OFFICE, thresholds_ms={"chat": 120_000})
    log = [requested("c1", T(3 * HOUR)), human_message("c1", T(9 * HOUR + 60))]
    found = only(walked(*log, until=T(10 * HOUR), book=book), ENDED)
    assert (found["service_latency_ms"], found["within"], found["overdue"]) == (60_000, False, True)


def test_across_a_change_of_clocks_service_time_is_what_really_passed() -> None:
    # Clocks in Berlin skip 02:00 to 03:00 on 29 March 2026, 27 days into the tests.
    berlin = ServiceHours("Europe/Berlin", (((0, 240),),) * 7)
    book = book_with(hours=berlin, service_clock=True, thresholds_ms={"chat": 2 * HOUR * 1000})
    asked = 27 * 86_400 + 0.5 * HOUR  # 01:30 there; an hour and a half is left until 04:00
    facts = walked(requested("c1", T(asked)), until=T(asked + 24 * HOUR), book=book)
    # The next midnight there is at 22:00 UTC.
    assert [seconds(fact.time) for fact in of_kind(facts, "escalation_overdue")] == [
        27 * 86_400 + 22.5 * HOUR + 0.001
    ]


SPAN = Exclusion(T(100), T(200), "outage of the platform", frozenset({"chat"}))
EXCLUDING = book_with(exclusions=(SPAN,), answer_ms={"chat": 60_000})


@pytest.mark.parametrize(
    ("t0", "channel", "excluded"),
    [
        (99.999, "chat", False),
        (100, "chat", True),
        (199.999, "chat", True),
        (200, "chat", False),
        (150, "email", False),
    ],
)
def test_a_wait_is_excluded_by_its_t0_and_channel(t0: float, channel: str, excluded: bool) -> None:
    log = [customer_message("c1", T(0)), failure("c1", T(t0), "human_requested", channel=channel)]
    facts = walked(*log, until=T(9 * 24 * HOUR), book=EXCLUDING)
    opening = only(facts, "escalation_opened")
    assert (opening["excluded"], opening["eligible"]) == (excluded, not excluded)
    assert bool(of_kind(facts, "escalation_overdue")) is not excluded
    assert (only(facts, ENDED)["within"] is None) is excluded


def test_an_excluded_wait_has_no_answer_and_no_context_to_judge() -> None:
    log = [requested("c1", T(150)), human_message("c1", T(160))]
    found = only(walked(*log, until=T(160), book=EXCLUDING), ENDED)
    assert (found["answer"], found["removed_within"], found["context_complete"]) == (None,) * 3


def test_an_excluded_wait_is_within_as_far_as_its_episode_is_safe() -> None:
    log = [
        customer_message("c1", T(0)),
        failure("c1", T(150)),
        requested("c1", T(150)),
        human_message("c1", T(900)),
        ended("c1", T(1000)),
    ]
    facts = walked(*log, until=T(1000), book=EXCLUDING)
    assert episodes(facts) == [(1000, "customer", "escalated", True)]


@pytest.mark.parametrize(("close", "excluded"), [(99.999, False), (100, True), (200, False)])
def test_an_episode_is_excluded_by_its_close(close: float, excluded: bool) -> None:
    log = [customer_message("c1", T(0)), failure("c1", T(1)), ended("c1", T(close))]
    facts = walked(*log, until=T(24 * HOUR), book=EXCLUDING)
    found = only(facts, "episode_ended")
    assert (found["excluded"], found["eligible"]) == (excluded, not excluded)
    assert (found["outcome"] is None) is excluded
    assert bool(of_kind(facts, "episode_matured")) is not excluded


ANSWERING = book_with(answer_ms={"chat": 60_000}, short_abandon_ms=5_000)


def answer(*log: bytes) -> tuple[str | None, bool | None]:
    found = only(walked(*log, until=T(9 * 24 * HOUR), book=ANSWERING), ENDED)
    return found["answer"], found["removed_within"]


@pytest.mark.parametrize(("end", "expected"), [(70, ("within", True)), (70.001, ("beyond", False))])
def test_an_answer_is_measured_from_the_request_not_from_t0(
    end: float, expected: tuple[str, bool]
) -> None:
    log = [failure("c1", T(0)), requested("c1", T(10)), human_message("c1", T(end))]
    assert answer(*log) == expected


@pytest.mark.parametrize(
    ("left", "expected"),
    [(5, ("short_abandon", True)), (5.001, ("beyond", True)), (61, ("beyond", False))],
)
def test_whoever_leaves_at_once_was_not_to_be_answered(
    left: float, expected: tuple[str, bool]
) -> None:
    assert answer(requested("c1", T(0)), abandoned("c1", T(left))) == expected


def test_a_trapped_customer_was_not_answered() -> None:
    assert answer(requested("c1", T(0)), ended("c1", T(9), "ai")) == ("beyond", True)


def test_without_a_request_there_is_nothing_to_answer() -> None:
    log = [failure("c1", T(0), "human_requested"), human_message("c1", T(9))]
    assert answer(*log) == (None, None)


def test_without_a_threshold_for_the_channel_there_is_no_answer_to_count() -> None:
    log = [started("c1", T(0), "voice"), queued("c1", T(1), channel="voice")]
    assert answer(*log, connected("c1", T(9), channel="voice")) == (None, None)


def context(*log: bytes, **terms: Any) -> bool | None:
    facts = of_kind(walked(*log, until=T(HOUR), book=book_with(**terms)), ENDED)
    found: bool | None = facts[-1].detail["context_complete"]
    return found


def test_context_is_complete_if_every_required_field_was_handed_over() -> None:
    assert context(requested("c1", T(0)), human_message("c1", T(9))) is True
    log = [requested("c1", T(0), fields=["issue"]), human_message("c1", T(9))]
    assert context(*log) is False
    assert context(*log, required_context=frozenset({"issue"})) is True


def test_context_is_not_judged_where_none_is_due() -> None:
    taken = [requested("c1", T(0)), human_message("c1", T(9))]
    assert context(*taken, required_context=frozenset()) is None
    assert context(requested("c1", T(0)), abandoned("c1", T(9))) is None
    assert context(*taken, returned("c1", T(20), "queue"), human_message("c1", T(30))) is None


def test_what_an_echo_adds_to_the_context_makes_it_safe_but_was_not_there_at_its_end() -> None:
    log = [
        customer_message("c1", T(0)),
        failure("c1", T(1)),
        requested("c1", T(2), fields=[]),
        human_message("c1", T(9)),
        requested("c1", T(12)),
        ended("c1", T(60)),
    ]
    for until in (9, 12, 60):
        assert only(walked(*log, until=T(until)), ENDED)["context_complete"] is False
    assert episodes(walked(*log, until=T(60))) == [(60, "customer", "escalated", True)]
