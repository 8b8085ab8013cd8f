"""Burn rates at which a clause warns before its budget is gone, feasible for its target.

A burn rate is how many times faster than allowed the budget (1 - target) is used. The stock table
is the SRE workbook's (sre.google/workbook/alerting-on-slos; slok/sloth google-30d.yaml): 14.4, 6, 3
and 1 for targets like 99.9 %. Misses cannot be more than all, so that no burn rate exceeds 1 /
budget: at 90 % a factor of 14.4 can never fire.
"""

from __future__ import annotations

from fractions import Fraction

from streams.domain.contract import AMOUNTS, PPM, Clause

# Page fast, page slow, ticket fast, ticket slow.
STOCK_FACTORS = (Fraction(72, 5), Fraction(6), Fraction(3), Fraction(1))
# The share of the highest burn rate there can be at which each of them fires at the latest.
_AT_LATEST = (Fraction(9, 10), Fraction(3, 4), Fraction(1, 2), Fraction(1, 4))


def budget_ppm(clause: Clause) -> int | None:
    """Share of misses that the clause allows, in ppm; None where it is no share (limits, waits)."""
    if clause.indicator == "escalation_wait" or clause.indicator in AMOUNTS:
        return None
    return clause.target_ppm if clause.at_most else PPM - clause.target_ppm


def infeasible_factors(budget: int) -> tuple[Fraction, ...]:
    """The stock factors that can never fire with this budget (ppm): factor >= 1 / budget."""
    return tuple(factor for factor in STOCK_FACTORS if factor * budget >= PPM)


def burn_factors(budget: int) -> tuple[Fraction, ...]:
    """The four factors to use with this budget (ppm), steepest first.

    The stock one, or a share of the highest there can be where that is less; never below 1, which
    uses the budget up exactly. None where the highest is below 2, or there is no budget: what may
    mostly be missed has no rate that is far too high.
    """
    if not 0 < budget <= PPM // 2:
        return ()
    highest = Fraction(PPM, budget)
    return tuple(
        max(Fraction(1), min(stock, share * highest))
        for stock, share in zip(STOCK_FACTORS, _AT_LATEST, strict=True)
    )
