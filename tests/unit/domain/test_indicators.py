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


def test_a_wait_is_no_ratio() -> None:
    with pytest.raises(ValueError, match="escalation_wait is judged escalation by escalation"):
        ratio("escalation_wait", COUNTS)
