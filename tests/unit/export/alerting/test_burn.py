"""Burn rates can fire: below the most that can burn, in order, and stock where they may be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.contract import PPM, Clause
from streams.export.alerting.burn import (
    STOCK,
    budget_ppm,
    burn_comment,
    feasible_pairs,
    most_burn,
    volume_floor,
)

HOUR = 3_600_000


def clause(target: int, indicator: str = "escalation_within", **said: object) -> Clause:
    made = Clause("c", indicator, (), window_ms=HOUR, target_ppm=target)  # type: ignore[arg-type]
    return replace(made, **said)  # type: ignore[arg-type]


def test_a_target_that_can_burn_fast_keeps_the_stock_factors() -> None:
    assert feasible_pairs(clause(990_000)) == STOCK
    assert [pair.factor for pair in STOCK] == [14.4, 6.0, 3.0, 1.0]


@pytest.mark.parametrize(
    ("target", "factors"),
    [(900_000, [9.0, 4.38, 2.47, 1.0]), (800_000, [4.5, 2.75, 1.86, 1.0])],
)
def test_a_target_that_cannot_has_them_scaled(target: int, factors: list[float]) -> None:
    assert [pair.factor for pair in feasible_pairs(clause(target))] == factors
    assert "cannot all fire" in burn_comment(clause(target))


def test_an_at_most_clause_has_its_target_for_a_budget() -> None:
    assert budget_ppm(clause(50_000, "abandonment")) == 50_000
    assert feasible_pairs(clause(50_000, "abandonment")) == STOCK


def test_without_a_budget_or_with_all_of_it_nothing_burns() -> None:
    assert most_burn(clause(PPM)) is None
    assert feasible_pairs(clause(PPM)) == feasible_pairs(clause(0)) == ()


@given(st.integers(1, PPM - 1))
def test_every_factor_can_be_exceeded_and_none_fires_within_the_budget(target: int) -> None:
    made = clause(target)
    most = most_burn(made)
    assert most is not None
    factors = [pair.factor for pair in feasible_pairs(made)]
    assert factors == sorted(factors, reverse=True)
    assert all(1 <= factor < most for factor in factors)
    assert factors


@given(st.integers(1, 10_000), st.integers(1, 92 * 24 * HOUR))
def test_a_floor_is_the_span_s_part_of_the_minimum_volume(minimum: int, span: int) -> None:
    made = clause(900_000, minimum_volume=minimum, window_ms=24 * HOUR)
    floor = volume_floor(made, span)
    assert min(5, minimum) <= floor <= max(5, minimum)
    if span >= 24 * HOUR:
        assert floor == minimum
