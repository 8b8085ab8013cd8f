"""Ratios from a window's counters: what is counted above and below the line."""

from __future__ import annotations

import pytest

from streams.domain.contract import INDICATORS, Indicator
from streams.domain.indicators import ratio

COUNTS = {
    "within": 1,
    "missed": 2,
    "eligible": 100,
    "waiting": 5,
    "outcome.contained": 10,
    "safe": 20,
    "matured": 50,
    "final.verified": 3,
    "final.assumed": 4,
    "final.escalated_safe": 6,
    "failure.tool_error": 7,
    "failure.timeout": 8,
    "first_failure.tool_error": 1_000,
    "answer.within": 11,
    "answer.beyond": 12,
    "answer.short_abandon": 1_000,
    "answer.ended": 13,
    "answer.removed_within": 9,
    "response.within": 14,
    "response.missed": 15,
    "response.ai": 1_000,
    "claimed": 16,
    "resolved": 17,
    "returned": 18,
    "first_contact": 19,
    "human": 21,
    "outcome.escalated": 22,
    "repeated": 23,
    "ended.taken_over": 24,
    "ended.abandoned": 25,
    "ended.trapped": 26,
    "ended.expired": 27,
    "context.complete": 28,
    "context.judged": 29,
    "covered.ai": 30,
    "covered.human": 31,
    "qa.ai": 32,
    "qa_passed.ai": 33,
    "qa.human": 34,
    "qa_passed.human": 35,
    "csat.requested": 36,
    "csat.received": 37,
    "csat.satisfied": 38,
    "compliance.minor": 39,
    "compliance.major": 40,
    "compliance.critical": 41,
    "compliance.closed": 1_000,
    "compliance.overdue": 1_000,
    "cost_micros": -42,
    "cost.other_currency": 1_000,
}


@pytest.mark.parametrize(
    ("indicator", "expected"),
    [
        ("escalation_within", (1, 3)),
        ("containment_raw", (10, 105)),
        ("containment_safe", (30, 105)),
        ("containment_no_recontact", (7, 50)),
        ("containment_safe_verified", (9, 50)),
        ("failure_share", (7, 15)),
        ("answer_within", (11, 23)),
        ("answer_removed_within", (9, 13)),
        ("first_response_within", (14, 29)),
        ("verified_resolution", (3, 16)),
        ("first_contact", (19, 17)),
        ("recontact", (18, 17)),
        ("human_takeover", (22, 100)),
        ("abandonment", (25, 102)),
        ("context_complete", (28, 29)),
        ("customer_repeated", (23, 22)),
        ("qa_coverage_ai", (30, 50)),
        ("qa_coverage_human", (31, 21)),
        ("qa_pass_ai", (33, 32)),
        ("qa_pass_human", (35, 34)),
        ("csat_satisfied", (38, 37)),
        ("csat_response", (37, 36)),
        ("compliance_exceptions", (120, 1)),
        ("cost_per_verified", (-42, 3)),
    ],
)
def test_a_ratio_is_two_sums_of_counters(indicator: Indicator, expected: tuple[int, int]) -> None:
    assert ratio(indicator, COUNTS, "tool_error") == expected


RATIOS = [i for i in INDICATORS if i not in ("escalation_wait", "compliance_exceptions")]


@pytest.mark.parametrize("indicator", RATIOS)
def test_of_nothing_a_ratio_is_0_of_0(indicator: Indicator) -> None:
    assert ratio(indicator, {}, "tool_error") == (0, 0)


def test_exceptions_are_an_amount_that_is_known_where_there_are_none() -> None:
    assert ratio("compliance_exceptions", {}) == (0, 1)


def test_every_indicator_but_the_wait_has_a_ratio() -> None:
    assert {indicator for indicator in INDICATORS if ratio_or_none(indicator)} == {*INDICATORS} - {
        "escalation_wait"
    }


def ratio_or_none(indicator: Indicator) -> tuple[int, int] | None:
    try:
        return ratio(indicator, COUNTS, "tool_error")
    except ValueError:
        return None


def test_a_wait_is_no_ratio() -> None:
    with pytest.raises(ValueError, match="escalation_wait is judged escalation by escalation"):
        ratio("escalation_wait", COUNTS)
