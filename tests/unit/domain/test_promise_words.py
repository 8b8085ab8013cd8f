"""Clauses in words: what an alert, a page and the early warning say."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from streams.domain.budget import Projection
from streams.domain.clause_words import WORDS
from streams.domain.contract import INDICATORS, Clause
from streams.domain.promise_words import (
    duration_words,
    projection_words,
    promise_words,
    target_words,
)
from tests.unit.oracle.verdicts import TERMS

CHAT = (("channel", "chat"),)
WITHIN = Clause("c", "escalation_within", ("channel",), CHAT, period="1M", target_ppm=950_000)


def local(*fields: int) -> int:
    """A time in the contract's zone, in ms."""
    return int(datetime(*fields, tzinfo=ZoneInfo(TERMS.time_zone)).timestamp() * 1000)  # type: ignore[arg-type,misc]


def projected(left: int, fails_at: int | None, boundary: int) -> Projection:
    return Projection(
        boundary_ms=boundary,
        end_ms=boundary,
        volume=1,
        misses=1,
        projected_volume=1,
        projected_misses=1,
        misses_left=left,
        budget_left_ppm=None,
        fails_at_ms=fails_at,
    )


def test_the_early_warning_names_target_month_day_and_what_is_left() -> None:
    projection = projected(212, local(2026, 6, 19, 3), local(2026, 6, 10))
    assert projection_words(WITHIN, TERMS, projection) == (
        "at this rate the 95 % / 2 min clause for June fails on the 19th; 212 misses left"
    )


@pytest.mark.parametrize(
    ("period", "said"),
    [
        ("1d", "for 10 June fails at 18:30; 1 miss left"),
        ("1w", "for the week of 8 June fails on 10 June; 1 miss left"),
        ("1M", "for June fails on the 10th; 1 miss left"),
        ("1Q", "for 2026-Q2 fails on 10 June; 1 miss left"),
    ],
)
def test_each_period_has_its_own_words(period: str, said: str) -> None:
    clause = Clause("c", "csat_satisfied", (), period=period, target_ppm=750_000)  # type: ignore[arg-type]
    projection = projected(1, local(2026, 6, 10, 18, 30), local(2026, 6, 10, 12))
    assert projection_words(clause, TERMS, projection) == f"at this rate the 75 % clause {said}"


def test_a_budget_that_lasts_and_one_that_is_gone_are_said_so() -> None:
    lasts = projected(3, None, local(2026, 6, 10))
    assert projection_words(WITHIN, TERMS, lasts).endswith("for June holds; 3 misses left")
    gone = projected(-2, local(2026, 6, 10), local(2026, 6, 10))
    assert projection_words(WITHIN, TERMS, gone).endswith("for June has failed; 2 misses over")


@pytest.mark.parametrize(
    ("ms", "said"),
    [(60_000, "1 min"), (90_000, "90 s"), (14_400_000, "4 h"), (172_800_000, "2 d"), (5, "5 ms")],
)
def test_durations_are_in_the_largest_whole_unit(ms: int, said: str) -> None:
    assert duration_words(ms) == said


def test_every_indicator_has_words() -> None:
    assert set(WORDS) == set(INDICATORS)


def test_promises_are_one_line() -> None:
    wait = Clause("w", "escalation_wait", ("channel",), CHAT)
    cost = Clause("k", "cost_per_verified", (), period="1M", target_ppm=4_500_000)
    share = Clause("f", "failure_share", (), (), 3_600_000, 300_000, reason="tool_error")
    assert promise_words(wait, TERMS) == "nobody waits longer than 2 min for a human, channel chat"
    assert target_words(cost, TERMS) == f"4.5 {TERMS.currency}"
    assert promise_words(share, TERMS) == "at most 30 % of AI failures for tool_error, over 1 h"
    assert promise_words(WITHIN, TERMS) == (
        "at least 95 % / 2 min of escalations taken over within the threshold, channel chat,"
        " over the month"
    )
