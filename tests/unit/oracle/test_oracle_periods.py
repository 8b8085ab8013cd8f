"""DEFINITIONS.md sections 8 and 9: calendar periods, amounts, and clauses that set a most."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.contract import Clause, ContractBook
from streams.oracle.judge import Verdict
from tests.log_builder import (
    T,
    abandoned,
    ai_turn,
    claimed,
    cost,
    customer_message,
    ended,
    evidence,
    exception,
    failure,
    human_message,
    recontacted,
    requested,
    started,
    survey_answered,
)
from tests.unit.oracle.verdicts import TERMS, book_with, judged, told, window

HOUR, DAY = 3_600, 86_400
# In Singapore, eight hours ahead of UTC, a day ends at 16:00 UTC.
MIDNIGHT = 16 * HOUR


def errors(period: Any = "1d", **fields: Any) -> Clause:
    """At most 30 % tool errors in a calendar period."""
    given = {"target_ppm": 300_000, "reason": "tool_error", "grouping": (), **fields}
    return Clause(id="errors", indicator="failure_share", period=period, **given)


def exceptions(limit: int, period: Any = "1d", **fields: Any) -> Clause:
    """At most so many exceptions to rules."""
    given = {"grouping": (), "target_ppm": limit * 1_000_000, **fields}
    return Clause(id="rules", indicator="compliance_exceptions", period=period, **given)


def counted(time: float, until: float, zone: str = "Asia/Singapore", period: Any = "1d") -> int:
    """How many of one failure's are in the period's window at `until`."""
    book = book_with(errors(period), time_zone=zone)
    verdict = judged(failure("c1", T(time), "tool_error"), until=T(until), book=book)
    return window(verdict, period).counts.get("failure.tool_error", 0)


def records(*log: bytes, until: float, book: ContractBook) -> list[tuple[Any, ...]]:
    return told(judged(*log, until=T(until), book=book).breaches)


def test_a_contracts_periods_are_those_of_any_clause_of_any_version_beside_the_rolling_ones() -> (
    None
):
    book = ContractBook(
        [
            replace(TERMS, effective_to_ms=T(100), clauses=(errors("1w"), exceptions(0, "1Q"))),
            replace(TERMS, version=2, effective_from_ms=T(100), clauses=(errors("1M"),)),
        ]
    )
    verdict = judged(failure("c1", T(10)), until=T(60), book=book)
    for key in ((), (("market", "SG"),)):
        named = [w.window for w in verdict.windows if w.key == key]
        assert named == ["5m", "1h", "24h", "1w", "1M", "1Q"]


@pytest.mark.parametrize(
    ("time", "until", "seen"),
    [
        (MIDNIGHT, MIDNIGHT, 1),
        (MIDNIGHT, MIDNIGHT + 60, 0),
        (MIDNIGHT + 0.001, MIDNIGHT + 60, 1),
        (MIDNIGHT + 0.001, MIDNIGHT + DAY, 1),
        (MIDNIGHT + 0.001, MIDNIGHT + DAY + 60, 0),
    ],
)
def test_a_day_begins_just_after_local_midnight_and_ends_at_the_next(
    time: float, until: float, seen: int
) -> None:
    assert counted(time, until) == seen


@pytest.mark.parametrize(
    ("period", "begin", "end"),
    [
        ("1w", MIDNIGHT - DAY, MIDNIGHT + 6 * DAY),  # a Monday's midnight in Singapore
        ("1M", MIDNIGHT - 2 * DAY, MIDNIGHT + 29 * DAY),  # 1 March, 1 April
        ("1Q", MIDNIGHT + 29 * DAY, MIDNIGHT + 120 * DAY),  # 1 April, 1 July
    ],
)
def test_weeks_months_and_quarters_begin_at_local_midnight(
    period: str, begin: int, end: int
) -> None:
    assert counted(begin + 0.001, end, period=period) == 1
    assert counted(begin, end, period=period) == 0
    assert counted(begin + 0.001, end + 60, period=period) == 0


@pytest.mark.parametrize(
    ("begin", "hours"),
    [
        (26 * DAY + 23 * HOUR, 23),  # 29 March 2026 in Berlin, when clocks go forward
        (236 * DAY + 22 * HOUR, 25),  # 25 October 2026, when they go back
    ],
)
def test_a_day_on_which_clocks_change_is_as_long_as_it_is(begin: int, hours: int) -> None:
    assert counted(begin + 60, begin + hours * HOUR, "Europe/Berlin") == 1
    assert counted(begin + 60, begin + hours * HOUR + 60, "Europe/Berlin") == 0


def test_who_waits_is_waiting_in_every_window_and_latencies_are_the_periods_own() -> None:
    verdict = judged(
        requested("c1", T(10)),
        human_message("c1", T(20)),
        failure("c2", T(MIDNIGHT), "human_requested"),
        until=T(MIDNIGHT + 120),
        book=book_with(errors(), inactivity_ms=DAY * 1000),
    )
    today, rolling = window(verdict, "1d"), window(verdict, "24h")
    assert (today.counts, today.open, today.samples) == ({"waiting": 1}, 1, 1)
    assert (rolling.open, rolling.samples, rolling.counts["waiting"]) == (1, 2, 1)
    assert today.escalated_before is True


def test_a_breach_over_a_period_is_closed_just_after_it_and_opens_again_a_minute_later() -> None:
    log = [failure("c1", T(10), "tool_error"), failure("c2", T(MIDNIGHT + 30), "tool_error")]
    assert records(*log, until=MIDNIGHT + 300, book=book_with(errors())) == [
        (60.0, "errors", "opened", 1, 1),
        (MIDNIGHT + 60.0, "errors", "closed", 1, 1),
        (MIDNIGHT + 120.0, "errors", "opened", 1, 1),
    ]


def test_a_breach_over_a_period_is_not_closed_before_its_end() -> None:
    log = [failure("c1", T(10), "tool_error")]
    assert records(*log, until=MIDNIGHT, book=book_with(errors())) == [
        (60.0, "errors", "opened", 1, 1)
    ]
    assert records(*log, until=MIDNIGHT + 60, book=book_with(errors()))[1:] == [
        (MIDNIGHT + 60.0, "errors", "closed", 0, 0)
    ]


def test_a_breach_opened_at_the_end_of_its_period_closes_at_the_next_boundary() -> None:
    log = [failure("c1", T(MIDNIGHT), "tool_error")]
    assert records(*log, until=MIDNIGHT + 600, book=book_with(errors())) == [
        (float(MIDNIGHT), "errors", "opened", 1, 1),
        (MIDNIGHT + 60.0, "errors", "closed", 0, 0),
    ]


def test_so_it_does_where_the_next_period_is_no_better() -> None:
    log = [failure("c1", T(MIDNIGHT), "tool_error"), failure("c2", T(MIDNIGHT + 9), "tool_error")]
    assert records(*log, until=MIDNIGHT + 120, book=book_with(errors())) == [
        (float(MIDNIGHT), "errors", "opened", 1, 1),
        (MIDNIGHT + 60.0, "errors", "closed", 1, 1),
        (MIDNIGHT + 120.0, "errors", "opened", 1, 1),
    ]


def test_a_breach_that_stands_anew_in_every_period_is_a_breach_in_each() -> None:
    clause = Clause(
        id="raw", indicator="containment_raw", grouping=(), target_ppm=500_000, period="1d"
    )
    log = [failure("c1", T(10), "human_requested")]
    book = book_with(clause)
    assert records(*log, until=MIDNIGHT + DAY + 300, book=book) == [
        (60.0, "raw", "opened", 0, 1),
        (MIDNIGHT + 60.0, "raw", "closed", 0, 1),
        (MIDNIGHT + 120.0, "raw", "opened", 0, 1),
        (MIDNIGHT + DAY + 60.0, "raw", "closed", 0, 1),
        (MIDNIGHT + DAY + 120.0, "raw", "opened", 0, 1),
    ]


def test_within_a_period_a_breach_is_updated_and_closed_as_over_any_window() -> None:
    clause = errors(minimum_volume=2, hysteresis_ppm=100_000)
    log = [failure(f"t{n}", T(10), "tool_error") for n in range(2)]
    log += [failure(f"n{n}", T(70), "no_match") for n in range(5)]
    log += [failure(f"m{n}", T(DAY / 2), "no_match") for n in range(3)]
    assert records(*log, until=DAY / 2 + 60, book=book_with(clause)) == [
        (60.0, "errors", "opened", 2, 2),
        (120.0, "errors", "updated", 2, 7),
        (DAY / 2, "errors", "closed", 2, 10),
    ]


def test_a_clause_that_changes_its_window_keeps_its_breach() -> None:
    rolling = replace(errors(), period=None, window_ms=300_000)
    book = ContractBook(
        [
            replace(TERMS, effective_to_ms=T(200), clauses=(rolling,)),
            replace(TERMS, version=2, effective_from_ms=T(200), clauses=(errors(),)),
        ]
    )
    log = [failure("c1", T(10), "tool_error"), failure("c2", T(400), "tool_error")]
    assert records(*log, until=MIDNIGHT + 60, book=book) == [
        (60.0, "errors", "opened", 1, 1),
        (420.0, "errors", "updated", 2, 2),
        (MIDNIGHT + 60.0, "errors", "closed", 0, 0),
    ]


def test_a_breach_older_than_the_period_it_comes_to_be_judged_over_is_closed() -> None:
    change = MIDNIGHT + 3 * HOUR
    rolling = replace(errors(), period=None, window_ms=86_400_000)
    book = ContractBook(
        [
            replace(TERMS, effective_to_ms=T(change), clauses=(rolling,)),
            replace(TERMS, version=2, effective_from_ms=T(change), clauses=(errors(),)),
        ]
    )
    log = [failure("c1", T(10), "tool_error"), failure("c2", T(change - 50), "tool_error")]
    assert records(*log, until=change + 600, book=book) == [
        (60.0, "errors", "opened", 1, 1),
        (float(change), "errors", "closed", 1, 1),
        (change + 60.0, "errors", "opened", 1, 1),
    ]


def test_exceptions_breach_above_their_limit_and_are_never_too_few_to_judge() -> None:
    log = [exception("c1", T(10 + 60 * n), f"x{n}") for n in range(3)]
    assert records(*log, until=MIDNIGHT + 120, book=book_with(exceptions(1))) == [
        (120.0, "rules", "opened", 2, 1),
        (180.0, "rules", "updated", 3, 1),
        (MIDNIGHT + 60.0, "rules", "closed", 0, 1),
    ]
    assert records(*log[:1], until=600, book=book_with(exceptions(1))) == []


def test_an_amounts_hysteresis_may_be_more_than_one() -> None:
    clause = exceptions(3, None, window_ms=300_000, hysteresis_ppm=2_000_000)
    log = [exception("c1", T(10 + 60 * n), f"x{n}") for n in range(4)]
    assert records(*log, until=900, book=book_with(clause)) == [
        (240.0, "rules", "opened", 4, 1),
        (360.0, "rules", "updated", 3, 1),
        (420.0, "rules", "updated", 2, 1),
        (480.0, "rules", "closed", 1, 1),
    ]


def verified(*costs: bytes) -> list[bytes]:
    """One contact that AI resolved and a system of record confirmed; it matures after 6 h 1 min."""
    return [
        started("c1", T(0)),
        customer_message("c1", T(1)),
        ai_turn("c1", T(2)),
        claimed("c1", T(50)),
        evidence("c1", T(55)),
        ended("c1", T(60)),
        *costs,
    ]


def test_the_cost_of_a_verified_resolution_is_compared_in_millionths_of_currency() -> None:
    clause = Clause(
        id="cost",
        indicator="cost_per_verified",
        grouping=(),
        window_ms=86_400_000,
        target_ppm=2_000_000,
        hysteresis_ppm=500_000,
    )
    mature = 60 + 6 * HOUR
    book = book_with(clause)
    dear = cost("c1", T(70), 2_000_001)
    assert records(*verified(dear), until=mature + 60, book=book) == [
        (float(mature), "cost", "opened", 2_000_001, 1)
    ]
    assert records(*verified(cost("c1", T(70), 2_000_000)), until=mature, book=book) == []
    given_back = cost("c1", T(mature + 10), -400_000)
    more = cost("c1", T(mature + 70), -2_000_000)
    assert records(*verified(dear, given_back, more), until=mature + 120, book=book)[1:] == [
        (mature + 60.0, "cost", "updated", 1_600_001, 1),
        (mature + 120.0, "cost", "closed", -399_999, 1),
    ]


def test_costs_without_anything_verified_are_unknown_and_breach_nothing() -> None:
    clause = Clause(
        id="cost", indicator="cost_per_verified", grouping=(), window_ms=3_600_000, target_ppm=0
    )
    assert records(cost("c1", T(10), 5_000_000), until=300, book=book_with(clause)) == []


REPEATED = (
    requested("c1", T(10)),
    customer_message("c1", T(11)),
    ai_turn("c1", T(12)),
    human_message("c1", T(20), customer_repeated_info=True),
    ended("c1", T(30)),
)
RECONTACTED = (
    started("c1", T(10)),
    customer_message("c1", T(11)),
    ai_turn("c1", T(12)),
    ended("c1", T(20)),
    recontacted("c1", T(30)),
)


@pytest.mark.parametrize(
    ("indicator", "log"),
    [
        ("recontact", RECONTACTED),
        ("human_takeover", REPEATED),
        ("abandonment", (requested("c1", T(10)), abandoned("c1", T(20)))),
        ("customer_repeated", REPEATED),
    ],
)
def test_more_than_the_target_of_what_should_be_little_breaches(
    indicator: Any, log: tuple[bytes, ...]
) -> None:
    def verdict(target_ppm: int) -> Verdict:
        clause = Clause(
            id="c",
            indicator=indicator,
            grouping=(),
            window_ms=86_400_000,
            target_ppm=target_ppm,
        )
        return judged(*log, until=T(7 * HOUR), book=book_with(clause))

    assert [(r.status, r.numerator, r.denominator) for r in verdict(500_000).breaches] == [
        ("opened", 1, 1)
    ]
    assert verdict(1_000_000).breaches == ()


def test_less_than_the_target_of_what_should_be_much_breaches() -> None:
    clause = Clause(
        id="csat",
        indicator="csat_satisfied",
        grouping=("market",),
        window_ms=300_000,
        target_ppm=600_000,
        minimum_volume=2,
    )
    log = [
        survey_answered("c1", T(10), 5, "s1"),
        survey_answered("c2", T(10), 1, "s2"),
        survey_answered("c3", T(10), 1, "s3", market="MY"),
    ]
    verdict = judged(*log, until=T(60), book=book_with(clause))
    assert [(r.key, r.numerator, r.denominator) for r in verdict.breaches] == [
        ((("market", "SG"),), 1, 2)
    ]
