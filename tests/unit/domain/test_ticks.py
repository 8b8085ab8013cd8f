"""Ticks made from a log's own arrival times."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.ticks import interleave_ticks

Records = list[tuple[str, int | None]]


def ticked(*records: tuple[str, int | None], interval: int = 10, settle: int = 100) -> list[object]:
    return list(interleave_ticks(records, interval_ms=interval, settle_ms=settle))


def test_ticks_stand_on_multiples_before_the_records_that_reach_them() -> None:
    assert ticked(("a", 7), ("b", 23), ("c", 39), settle=5) == [
        0,
        "a",
        20,
        "b",
        30,
        "c",
        44,
    ]


def test_a_record_moves_time_only_as_far_as_the_next_confirms() -> None:
    assert ticked(("a", 10), ("b", 50), ("c", 20), settle=5) == [10, "a", 20, "b", "c", 25 + 0]


def test_a_lone_record_from_the_far_future_does_not_move_time() -> None:
    records = ticked(("a", 10), ("outlier", 10**15), ("b", 20), ("c", 30))
    assert [item for item in records if isinstance(item, int)] == [10, 20, 30, 130]


def test_the_last_record_needs_no_confirmation() -> None:
    assert ticked(("a", 10), ("b", 50)) == [10, "a", 50, "b", 150]


def test_the_last_tick_is_exact() -> None:
    assert ticked(("a", 13), settle=4) == [10, "a", 17]


def test_an_empty_log_has_no_tick() -> None:
    assert ticked() == []


def test_records_without_a_time_stay_in_their_place_and_move_none() -> None:
    assert ticked(("x", None), ("a", 10), ("y", None), ("b", 20)) == [
        "x",
        10,
        "a",
        "y",
        20,
        "b",
        120,
    ]


def test_a_log_without_any_time_has_no_tick() -> None:
    assert ticked(("x", None), ("y", None)) == ["x", "y"]


def test_a_time_reached_twice_is_ticked_once() -> None:
    assert ticked(("a", 10), ("b", 11), ("c", 12), settle=8) == [10, "a", "b", "c", 20]


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.integers(0, 500)), max_size=30),
    st.integers(1, 60),
    st.integers(0, 60),
)
def test_records_keep_their_order_and_ticks_rise(
    arrivals: list[int | None], interval: int, settle: int
) -> None:
    records = [(f"r{n}", arrival) for n, arrival in enumerate(arrivals)]
    items = list(interleave_ticks(records, interval_ms=interval, settle_ms=settle))
    ticks = [item for item in items if isinstance(item, int)]
    assert [item for item in items if isinstance(item, str)] == [name for name, _ in records]
    assert ticks == sorted(ticks)
    assert all(tick % interval == 0 for tick in ticks[:-1])
    assert bool(ticks) == any(arrival is not None for arrival in arrivals)
