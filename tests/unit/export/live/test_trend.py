"""Trends are a function of the log: not of batches, of looks at them, or of when they began."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.contract import Clause
from streams.domain.delta import Entry, Key
from streams.domain.window_value import SLICE_MS
from streams.domain.windows import WindowPartition
from streams.export.live.trend import POINTS, Point, Trends, plan_of
from tests.deltas import one_step
from tests.log_builder import CONTRACT, EPOCH_MS
from tests.unit.oracle.verdicts import BOOK

HOUR_MS = 3_600_000
CLAUSE = Clause(
    id="within", indicator="escalation_within", grouping=(), window_ms=HOUR_MS, target_ppm=800_000
)
WAIT = Clause(id="wait", indicator="escalation_wait", grouping=())
KEY: Key = (CONTRACT, ())


def minute(number: int) -> int:
    """The boundary that ends a minute of the test."""
    return EPOCH_MS + number * SLICE_MS


def counted(partition: WindowPartition, number: int, counts: dict[str, int]) -> None:
    """One minute's counts, and the watermark at its end."""
    entries = [Entry(CONTRACT, (), minute(number), counts)] if counts else []
    partition.apply(0, one_step(minute(number), entries))
    partition.advance()


def points(trends: Trends, partition: WindowPartition, clause: Clause) -> tuple[Point, ...]:
    assert partition.closed is not None
    return trends.points(partition.keys[KEY], clause, partition.closed)


def test_a_point_counts_the_window_that_ends_there() -> None:
    partition = WindowPartition(BOOK, 1)
    for number in range(1, 121):
        counted(partition, number, {"within": 1, "missed": number // 100})
    found = {p.boundary: p for p in points(Trends(), partition, CLAUSE)}
    assert found[minute(60)] == Point(minute(60), 60, 60)
    assert found[minute(120)] == Point(minute(120), 60, 60 + 21)


def test_where_nothing_was_counted_the_denominator_is_0() -> None:
    partition = WindowPartition(BOOK, 1)
    counted(partition, 1, {"within": 1})
    counted(partition, 180, {})
    found = {p.boundary: p.denominator for p in points(Trends(), partition, CLAUSE)}
    assert found[minute(60)] == 1
    assert found[minute(120)] == 0


def test_a_wait_s_trend_says_how_many_became_overdue_in_each_minute() -> None:
    partition = WindowPartition(BOOK, 1)
    for number, overdue in enumerate([2, 0, 3], start=1):
        counted(partition, number, {"overdue": overdue} if overdue else {})
    counted(partition, 4, {"escalations": 1})
    assert [p.numerator for p in points(Trends(), partition, WAIT)] == [2, 0, 3, 0]


def test_a_trend_has_a_bound_and_ends_at_the_last_boundary() -> None:
    partition = WindowPartition(BOOK, 1)
    for number in range(1, 23 * 60):
        counted(partition, number, {"within": 1})
    for clause in (CLAUSE, WAIT, replace(CLAUSE, window_ms=86_400_000)):
        found = points(Trends(), partition, clause)
        assert len(found) == POINTS
        assert partition.closed is not None
        assert 0 <= partition.closed - found[-1].boundary < plan_of(clause).step_ms


def test_a_trend_reaches_no_further_back_than_minutes_are_kept() -> None:
    day = 24 * HOUR_MS
    for window_ms in (300_000, HOUR_MS, day, 0):
        plan = plan_of(replace(CLAUSE, window_ms=window_ms))
        assert plan.span_ms + plan.window_ms + plan.step_ms <= day


def test_trends_of_what_is_no_longer_looked_at_are_forgotten() -> None:
    partition = WindowPartition(BOOK, 1)
    counted(partition, 1, {"within": 1})
    trends = Trends()
    points(trends, partition, CLAUSE)
    points(trends, partition, WAIT)
    trends.keep([(KEY, CLAUSE.id)])
    assert list(trends._rings) == [(KEY, CLAUSE.id)]


@settings(max_examples=40, deadline=None)
@given(
    minutes=st.lists(
        st.fixed_dictionaries(
            {}, optional={"within": st.integers(1, 9), "missed": st.integers(1, 9)}
        ),
        min_size=1,
        max_size=200,
    ),
    looks=st.sets(st.integers(0, 199)),
)
def test_looking_more_often_changes_nothing(minutes: list[dict[str, int]], looks: set[int]) -> None:
    partition, often = WindowPartition(BOOK, 1), Trends()
    counted(partition, 0, {"eligible": 1})
    for number, counts in enumerate(minutes, start=1):
        counted(partition, number, counts)
        if number in looks:
            points(often, partition, CLAUSE)
    assert points(often, partition, CLAUSE) == points(Trends(), partition, CLAUSE)
