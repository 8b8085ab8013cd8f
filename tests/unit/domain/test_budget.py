"""Projections of calendar clauses: exact in integers, the same for the same figures."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from streams.domain.budget import PACE_MS, Projection, project
from streams.domain.contract import PPM, Clause

HOUR = 3_600_000
WITHIN = Clause("within", "escalation_within", (), period="1M", target_ppm=950_000)
ABANDONED = Clause("abandoned", "abandonment", (), period="1M", target_ppm=50_000)

counts = st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)).map(lambda p: (min(p), max(p)))
targets = st.integers(0, PPM)


def at(
    clause: Clause, so_far: tuple[int, int], last_day: tuple[int, int], left_ms: int
) -> Projection:
    """The clause `left_ms` before its period ends, at boundary 0."""
    found = project(clause, boundary_ms=0, end_ms=left_ms, so_far=so_far, last_day=last_day)
    assert found is not None
    return found


def test_the_pace_of_the_last_day_is_carried_on_to_the_end() -> None:
    # 1,000 so far with 40 missed, 100 a day with 10 missed, 10 days to go: 2,000 allow 100.
    found = at(WITHIN, (960, 1_000), (90, 100), 10 * PACE_MS)
    assert (found.projected_volume, found.projected_misses) == (2_000, 140)
    assert (found.misses_left, found.budget_left_ppm) == (60, 600_000)
    # 61 misses at 10 a day.
    assert found.fails_at_ms == 61 * PACE_MS // 10


def test_an_at_most_clause_spends_its_numerator() -> None:
    found = at(ABANDONED, (40, 1_000), (10, 100), 10 * PACE_MS)
    assert (found.misses, found.misses_left, found.fails_at_ms) == (40, 60, 61 * PACE_MS // 10)


def test_an_untouched_budget_is_whole_and_an_overspent_one_below_zero() -> None:
    assert at(WITHIN, (100, 100), (10, 10), PACE_MS).budget_left_ppm == PPM
    over = at(WITHIN, (0, 100), (0, 0), PACE_MS)
    assert (over.misses_left, over.budget_left_ppm) == (-95, PPM - 100 * PPM // 5)
    assert over.fails_at_ms == 0


def test_nothing_is_known_of_a_budget_without_volume() -> None:
    found = at(WITHIN, (0, 0), (0, 0), PACE_MS)
    assert (found.budget_left_ppm, found.fails_at_ms, found.misses_left) == (None, None, 0)


def test_a_limit_of_exceptions_stays_whatever_comes() -> None:
    clause = Clause("x", "compliance_exceptions", (), period="1M", target_ppm=3 * PPM)
    found = at(clause, (1, 1), (1, 1), 10 * PACE_MS)
    assert (found.misses_left, found.fails_at_ms) == (2, 3 * PACE_MS)
    assert at(clause, (1, 1), (0, 1), 10 * PACE_MS).fails_at_ms is None


def test_money_is_not_projected() -> None:
    clause = Clause("cost", "cost_per_verified", (), period="1M", target_ppm=3 * PPM)
    shown = project(clause, boundary_ms=0, end_ms=HOUR, so_far=(5, 1), last_day=(5, 1))
    assert shown is None


def test_a_boundary_past_the_end_is_refused() -> None:
    with pytest.raises(ValueError, match="past the period's end"):
        project(WITHIN, boundary_ms=2, end_ms=1, so_far=(0, 0), last_day=(0, 0))


@given(targets, counts, counts, st.integers(0, 92 * 24 * HOUR))
def test_it_fails_at_the_first_millisecond_at_which_more_is_missed_than_is_allowed(
    target: int, so_far: tuple[int, int], last_day: tuple[int, int], left: int
) -> None:
    clause = Clause("c", "escalation_within", (), period="1M", target_ppm=target)
    found = at(clause, so_far, last_day, left)
    daily = last_day[1] - last_day[0]

    def missed(time: int) -> int:
        return found.misses + daily * time // PACE_MS

    allowed = found.misses + found.misses_left
    if found.fails_at_ms is None:
        assert missed(left) <= allowed
        assert found.projected_misses <= allowed
    else:
        assert 0 <= found.fails_at_ms <= left
        assert missed(found.fails_at_ms) > allowed
        assert found.fails_at_ms == 0 or missed(found.fails_at_ms - 1) <= allowed


@given(targets, counts, counts, st.integers(0, 92 * 24 * HOUR), st.integers(0, 10**6))
def test_more_misses_never_leave_more_nor_fail_later(
    target: int, so_far: tuple[int, int], last_day: tuple[int, int], left: int, more: int
) -> None:
    assume(so_far[0] >= more)
    clause = Clause("c", "escalation_within", (), period="1M", target_ppm=target)
    better = at(clause, so_far, last_day, left)
    worse = at(clause, (so_far[0] - more, so_far[1]), last_day, left)
    assert worse.misses_left == better.misses_left - more
    assert _or_never(worse.fails_at_ms, left) <= _or_never(better.fails_at_ms, left)
    if better.budget_left_ppm is not None:
        assert worse.budget_left_ppm is not None
        assert worse.budget_left_ppm <= better.budget_left_ppm <= PPM


@given(targets, counts, counts)
def test_at_the_end_of_a_period_nothing_is_projected(
    target: int, so_far: tuple[int, int], last_day: tuple[int, int]
) -> None:
    clause = Clause("c", "escalation_within", (), period="1M", target_ppm=target)
    found = at(clause, so_far, last_day, 0)
    assert (found.projected_volume, found.projected_misses) == (so_far[1], found.misses)
    breached = so_far[0] * PPM < target * so_far[1]
    assert (found.misses_left < 0) is breached
    assert (found.fails_at_ms is not None) is breached


@given(targets, counts, counts, st.integers(0, 92 * 24 * HOUR), st.integers(-(10**12), 10**12))
def test_when_it_is_does_not_matter(
    target: int, so_far: tuple[int, int], last_day: tuple[int, int], left: int, shift: int
) -> None:
    clause = Clause("c", "abandonment", (), period="1M", target_ppm=target)
    figures: dict[str, Any] = {"so_far": so_far, "last_day": last_day}
    here = project(clause, boundary_ms=0, end_ms=left, **figures)
    there = project(clause, boundary_ms=shift, end_ms=left + shift, **figures)
    assert here is not None
    assert there is not None
    assert there.misses_left == here.misses_left
    moved = None if here.fails_at_ms is None else here.fails_at_ms + shift
    assert there.fails_at_ms == moved


def _or_never(at_ms: int | None, left: int) -> int:
    return left + 1 if at_ms is None else at_ms
