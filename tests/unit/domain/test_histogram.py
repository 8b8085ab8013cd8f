"""Buckets of the latency histogram: exact in integers, monotone, and what a quantile of them is."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.histogram import RELATIVE_ERROR, bucket_of, bucket_value_ms, quantiles_ms


@pytest.mark.parametrize("power", range(1, 40))
def test_a_power_of_two_is_the_last_of_its_bucket(power: int) -> None:
    assert bucket_of(2**power) == 64 * power < bucket_of(2**power + 1)


@pytest.mark.parametrize("value", [-5, 0, 1])
def test_up_to_one_millisecond_is_one_bucket(value: int) -> None:
    assert (bucket_of(value), bucket_value_ms(bucket_of(value))) == (0, 1.0)


@settings(deadline=None)
@given(st.integers(2, 2**40))
def test_a_bucket_is_the_ceiling_of_64_log2_in_integers(value: int) -> None:
    # 64 log2(v) <= i exactly where v^64 <= 2^i: no rounding is involved.
    bucket = bucket_of(value)
    assert 2 ** (bucket - 1) < value**64 <= 2**bucket


@settings(deadline=None)
@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_a_longer_wait_is_in_no_lower_bucket(one: int, other: int) -> None:
    shorter, longer = sorted((one, other))
    assert bucket_of(shorter) <= bucket_of(longer)


def test_the_relative_error_is_the_one_stated_for_the_subdivision() -> None:
    assert pytest.approx(0.005430, abs=1e-6) == RELATIVE_ERROR


@pytest.mark.parametrize(("percent", "rank"), [(1, 1), (50, 5), (51, 6), (95, 10), (100, 10)])
def test_a_quantile_is_the_bucket_at_the_ceiling_of_its_rank(percent: int, rank: int) -> None:
    assert -(-Fraction(percent, 100) * 10 // 1) == rank
    counts = {100 * n: 1 for n in range(1, 11)}
    assert quantiles_ms(counts, [percent]) == [bucket_value_ms(100 * rank)]


def test_counts_weigh() -> None:
    values = [bucket_value_ms(10), bucket_value_ms(20), bucket_value_ms(20)]
    assert quantiles_ms({10: 1, 20: 99}, [1, 2, 100]) == values


def test_a_quantile_of_nothing_is_none() -> None:
    assert quantiles_ms({}, [50, 95]) == [None, None]
