"""The human desks and the draws behind the synthetic day."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.sources.synthetic.chance import Chance, Choice, Quantiles
from streams.sources.synthetic.day import HOUR_MS
from streams.sources.synthetic.desks import Desk


@given(
    calls=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 900)), min_size=1, max_size=60),
    staff=st.lists(st.integers(1, 4), min_size=1, max_size=4),
)
def test_a_desk_serves_in_order_with_no_agent_in_two_calls(
    calls: list[tuple[int, int]], staff: list[int]
) -> None:
    desk = Desk(1, 0, staff)
    entered, previous_start = 0, 0
    busy: dict[int, int] = {}
    for gap_seconds, held_seconds in calls:
        entered += gap_seconds * 1000
        start, agent = desk.assign(entered)
        assert start >= max(entered, previous_start, busy.get(agent, 0))
        assert 1 <= agent <= max(staff)
        busy[agent] = start + held_seconds * 1000
        desk.occupy(busy[agent])
        previous_start = start if len(set(staff)) == 1 else 0


def test_a_call_waits_only_while_every_agent_is_busy() -> None:
    desk = Desk(1, 0, [2])
    assert desk.assign(0) == (0, 1)
    desk.occupy(60_000)
    assert desk.assign(1_000) == (1_000, 2)
    desk.occupy(30_000)
    assert desk.assign(2_000) == (30_000, 2)
    desk.occupy(90_000)
    assert desk.assign(100_000)[0] == 100_000


def test_more_agents_come_with_the_hour_that_needs_them() -> None:
    desk = Desk(1, 0, [1, 2])
    desk.assign(0)
    desk.occupy(3 * HOUR_MS)
    assert desk.assign(HOUR_MS + 5) == (HOUR_MS + 5, 2)


@given(seed=st.integers(0, 2**40), cuts=st.lists(st.integers(1, 999), unique=True, max_size=6))
def test_values_lie_within_their_quantiles(seed: int, cuts: list[int]) -> None:
    points = [(rank, rank * rank) for rank in (0, *sorted(cuts), 1000)]
    quantiles = Quantiles(*points)
    chance = Chance(seed, 0)
    values = [chance.value(quantiles) for _ in range(50)]
    assert all(0 <= value < 1_000_000 for value in values)
    assert 0 < quantiles.mean() < 1_000_000


def test_quantiles_draw_their_median_and_their_mean() -> None:
    quantiles = Quantiles((0, 0), (500, 100), (1000, 1_000))
    chance = Chance(7, 0)
    values = sorted(chance.value(quantiles) for _ in range(20_000))
    assert 95 <= values[10_000] <= 110
    assert abs(sum(values) // len(values) - quantiles.mean()) < 10
    assert quantiles.mean() == 300


def test_a_choice_is_drawn_by_weight_and_never_without_one() -> None:
    choice = Choice({"often": 9, "never": 0, "seldom": 1})
    chance = Chance(7, 0)
    drawn = Counter(chance.pick(choice) for _ in range(10_000))
    assert 8_800 < drawn["often"] < 9_200
    assert drawn["never"] == 0
    assert choice.share_ppm("seldom") == 100_000


def test_the_streams_of_one_seed_and_of_two_seeds_differ() -> None:
    def draws(seed: int, stream: int) -> tuple[int, ...]:
        chance = Chance(seed, stream)
        return tuple(chance.below(1 << 30) for _ in range(4))

    assert len({draws(seed, stream) for seed in (1, 2) for stream in range(16)}) == 32


def test_quantiles_that_leave_a_rank_out_are_refused() -> None:
    with pytest.raises(ValueError, match="from 0 to 1000 per mille"):
        Quantiles((0, 1), (900, 2))
