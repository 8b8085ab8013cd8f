"""Burn rates at which a clause warns before its budget is gone, feasible for its target.

A burn rate is how many times faster than allowed the budget (1 - target) is used. The stock table
is the SRE workbook's (sre.google/workbook/alerting-on-slos; slok/sloth google-30d.yaml): 14.4, 6, 3
and 1 for targets like 99.9 %. Misses cannot be more than all, so that no burn rate exceeds 1 /
budget: at 90 % a factor of 14.4 can never fire.
"""

from __future__ import annotations

from math import log

from streams.domain.contract import AMOUNTS, PPM, Clause

# Page fast, page slow, ticket fast, ticket slow.
STOCK_FACTORS = (14.4, 6.0, 3.0, 1.0)
# What the fastest scaled factor leaves to the most that can burn.
_REACH = 0.9


def budget_ppm(clause: Clause) -> int | None:
    """Share of misses that the clause allows, in ppm; None where it is no share (limits, waits)."""
    if clause.indicator == "escalation_wait" or clause.indicator in AMOUNTS:
        return None
    return clause.target_ppm if clause.at_most else PPM - clause.target_ppm


def infeasible_factors(budget: int) -> tuple[float, ...]:
    """The stock factors that can never fire with this budget (ppm): factor >= 1 / budget."""
    return tuple(factor for factor in STOCK_FACTORS if factor * budget >= PPM)


def burn_factors(budget: int) -> tuple[float, ...]:
    """The factors that alerts are made of with this budget (ppm), steepest first.

    The stock ones where all can fire; else scaled between 1, which uses the budget up exactly, and
    the most there can be, their order kept. None where there is no budget, or one that nothing
    could exceed. `baton contract render` writes its rules with these.
    """
    if not 0 < budget < PPM:
        return ()
    most = PPM / budget
    if STOCK_FACTORS[0] < most:
        return STOCK_FACTORS
    if _REACH * most <= 1:
        return tuple(factor for factor in STOCK_FACTORS if factor < most)
    scale = log(_REACH * most) / log(STOCK_FACTORS[0])
    return tuple(round(factor**scale, 2) for factor in STOCK_FACTORS)
