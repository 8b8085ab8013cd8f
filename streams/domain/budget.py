"""How a clause over a calendar period will end, at the rate of the last day: integers, no clock.

A clause with a target leaves a budget of misses (clause_counts.py): what a period's whole volume
allows. Volume and misses are carried on to the period's end at the pace of the last 24 hours. Spent
before that end, the budget is gone for the rest of the period, however good the rest is.
"""

from __future__ import annotations

from dataclasses import dataclass

from streams.domain.clause_counts import misses_allowed, misses_of
from streams.domain.contract import AMOUNTS, PPM, Clause

PACE_WINDOW = "24h"
PACE_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Projection:
    """Where a clause stands in its period and where it is heading.

    `volume` and `misses` so far; `projected_volume` and `projected_misses` at the period's end.
    `misses_left` is what the projected volume allows less what was missed (negative: over).
    `budget_left_ppm` is that share of what is allowed: PPM while nothing is missed, None while
    there is no volume. `fails_at_ms`: when the misses exceed what the projected volume allows; not
    before `boundary_ms`, None where they would not in this period.
    """

    boundary_ms: int
    end_ms: int
    volume: int
    misses: int
    projected_volume: int
    projected_misses: int
    misses_left: int
    budget_left_ppm: int | None
    fails_at_ms: int | None


def project(
    clause: Clause,
    *,
    boundary_ms: int,
    end_ms: int,
    so_far: tuple[int, int],
    last_day: tuple[int, int],
) -> Projection | None:
    """The clause at a boundary of a period that ends at `end_ms`.

    `so_far` and `last_day` are (numerator, denominator) of the period and of the last 24 h. None
    where the clause has no budget of misses (an amount of money). Raises ValueError for a boundary
    past the end.
    """
    if boundary_ms > end_ms:
        raise ValueError(f"the boundary {boundary_ms} is past the period's end {end_ms}")
    volume, misses = so_far[1], misses_of(clause, *so_far)
    daily_volume, daily_misses = last_day[1], max(0, misses_of(clause, *last_day))
    rest = end_ms - boundary_ms
    # The denominator of an amount is no volume: it does not grow with time.
    growth = 0 if clause.indicator in AMOUNTS else daily_volume * rest // PACE_MS
    allowed = misses_allowed(clause, volume + growth)
    if allowed is None:
        return None
    left = allowed - misses
    return Projection(
        boundary_ms=boundary_ms,
        end_ms=end_ms,
        volume=volume,
        misses=misses,
        projected_volume=volume + growth,
        projected_misses=misses + daily_misses * rest // PACE_MS,
        misses_left=left,
        budget_left_ppm=PPM - misses * PPM // max(allowed, 1) if volume + growth else None,
        fails_at_ms=_fails_at(boundary_ms, end_ms, left, daily_misses),
    )


def _fails_at(boundary_ms: int, end_ms: int, left: int, daily_misses: int) -> int | None:
    if left < 0:
        return boundary_ms
    if daily_misses == 0:
        return None
    # The first ms at which daily_misses * t // PACE_MS, whole misses, is more than what is left.
    at = boundary_ms + -(-(left + 1) * PACE_MS // daily_misses)
    return at if at <= end_ms else None
