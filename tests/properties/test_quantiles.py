"""Rolling quantiles against exact order statistics of the same waits. DEFINITIONS.md section 8."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.histogram import RELATIVE_ERROR, bucket_of, bucket_value_ms, quantiles_ms
from streams.domain.window_value import PERCENTS, WINDOW_LENGTHS_MS
from streams.oracle.judge import judge
from tests.in_memory_pipeline import InMemoryPipeline
from tests.log_builder import CONTRACT, T, human_message, requested
from tests.properties.books import ONE_VERSION

DAY_MS = 86_400_000
# Few of them, so that ties and tails occur; and the whole range of an escalation's life.
MILLISECONDS = st.one_of(
    st.integers(0, 5), st.integers(0, 200_000), st.integers(0, 30 * DAY_MS), st.just(30_000)
)
# Expiry in this contract comes after 120 s.
WAITS_MS = st.one_of(st.integers(0, 5), st.integers(0, 119_999), st.just(20_000))


def exact(values: Sequence[int], percent: int) -> int:
    """The order statistic at rank ceil(percent/100 * n), counted from 1."""
    return sorted(values)[-(-percent * len(values) // 100) - 1]


def close(estimate: float, value: int, *, rounded: bool = False) -> bool:
    """Within the stated relative error, waits of under 1 ms shown as 1 ms."""
    allowed = RELATIVE_ERROR * max(value, 1) * (1 + 1e-12) + (0.5 if rounded else 0.0)
    return abs(estimate - max(value, 1)) <= allowed


@settings(deadline=None)
@given(MILLISECONDS)
def test_a_buckets_value_is_within_the_relative_error_of_all_it_holds(value: int) -> None:
    assert close(bucket_value_ms(bucket_of(value)), value)


@settings(deadline=None)
@given(st.lists(MILLISECONDS, min_size=1, max_size=300), st.integers(1, 100))
def test_a_quantile_is_within_the_relative_error_of_the_order_statistic(
    values: list[int], percent: int
) -> None:
    (estimate,) = quantiles_ms(Counter(map(bucket_of, values)), [percent])
    assert estimate is not None
    assert close(estimate, exact(values, percent))


@settings(deadline=None)
@given(st.lists(MILLISECONDS), st.lists(MILLISECONDS))
def test_merging_two_histograms_is_the_histogram_of_both(one: list[int], other: list[int]) -> None:
    merged = Counter(map(bucket_of, one)) + Counter(map(bucket_of, other))
    assert merged == Counter(map(bucket_of, one + other))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 600), st.one_of(st.none(), WAITS_MS)), max_size=40),
    st.integers(1, 4),
)
def test_rolling_quantiles_are_those_of_the_oracles_raw_waits(
    waits: list[tuple[int, int | None]], partitions: int
) -> None:
    log: list[bytes | int] = []
    for number, (second, wait) in enumerate(waits):
        log.append(requested(f"c{number}", T(second)))
        if wait is not None:
            log.append(human_message(f"c{number}", T(second) + wait))
    end = T(660)
    log.append(end)
    ended, still_open = [], []
    facts = judge(log, ONE_VERSION, lateness_ms=0).facts
    for fact in facts:
        if fact.kind == "escalation_ended":
            ended.append((fact.time, int(fact.detail["latency_ms"])))
    over = {fact.conversation for fact in facts if fact.kind == "escalation_ended"}
    for fact in facts:
        if fact.kind == "escalation_opened" and fact.conversation not in over:
            still_open.append(end - int(fact.detail["t0"]))
    published = InMemoryPipeline(ONE_VERSION, lateness_ms=0, partitions=partitions).run(log)
    if not waits:
        assert published.windows == {}
    for window, length in WINDOW_LENGTHS_MS.items() if waits else ():
        value = published.windows[((CONTRACT, ()), window)]
        raw = [wait for time, wait in ended if time > end - length] + still_open
        assert value.samples == len(raw)
        for percent in PERCENTS:
            estimate = value.latency_ms[f"p{percent}"]
            if not raw:
                assert estimate is None
            else:
                assert estimate is not None
                assert close(estimate, exact(raw, percent), rounded=True)
