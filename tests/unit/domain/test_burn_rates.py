"""Burn rates that can fire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.burn_rates import (
    STOCK_FACTORS,
    budget_ppm,
    burn_factors,
    infeasible_factors,
)
from streams.domain.contract import PPM, Clause
from streams.export.alerting.burn import feasible_pairs


@pytest.mark.parametrize(
    ("target", "lost"),
    [
        (0.999, ()),
        (0.94, ()),
        (0.90, (14.4,)),
        (0.80, (14.4, 6.0)),
        (0.50, (14.4, 6.0, 3.0)),
        (0.0, (14.4, 6.0, 3.0, 1.0)),
        (1.0, ()),
    ],
)
def test_a_factor_of_one_over_the_budget_can_never_fire(
    target: float, lost: tuple[float, ...]
) -> None:
    assert infeasible_factors(PPM - round(target * PPM)) == lost


@given(st.integers(1, PPM - 1))
def test_what_is_used_instead_can_fire_and_keeps_the_order(budget: int) -> None:
    factors = burn_factors(budget)
    assert factors
    assert list(factors) == sorted(factors, reverse=True)
    assert all(1 <= factor < PPM / budget + 0.005 for factor in factors)
    if not infeasible_factors(budget):
        assert factors == STOCK_FACTORS


def test_without_a_budget_there_is_no_burn_rate() -> None:
    assert burn_factors(0) == ()
    assert burn_factors(PPM) == ()


def test_a_limit_and_a_wait_have_no_budget_and_a_most_is_its_own() -> None:
    def clause(indicator: str, target: int) -> Clause:
        return Clause(id="c", indicator=indicator, grouping=(), target_ppm=target)  # type: ignore[arg-type]

    assert budget_ppm(clause("escalation_wait", 0)) is None
    assert budget_ppm(clause("compliance_exceptions", 5_000_000)) is None
    assert budget_ppm(clause("recontact", 120_000)) == 120_000
    assert budget_ppm(clause("csat_satisfied", 700_000)) == 300_000


@given(st.integers(1, PPM - 1))
def test_what_is_told_of_a_clause_is_what_its_rules_are_made_of(target: int) -> None:
    clause = Clause(id="c", indicator="csat_satisfied", grouping=(), target_ppm=target)
    assert burn_factors(PPM - target) == tuple(pair.factor for pair in feasible_pairs(clause))
