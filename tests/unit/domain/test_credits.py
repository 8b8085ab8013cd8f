"""Bands of a service credit, fixed fees of parts of a month, and the price that counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from streams.domain.calendar_period import period_of
from streams.domain.commercial import Band, ClauseCredit, CommercialTerms, Price
from streams.domain.contract import PPM, Clause
from streams.domain.credits import band_reached, fixed_fee_within

WITHIN = Clause(
    id="within", indicator="escalation_within", grouping=(), target_ppm=800_000, minimum_volume=10
)
RECONTACT = Clause(id="recontact", indicator="recontact", grouping=(), target_ppm=100_000)
COST = Clause(id="cost", indicator="cost_per_verified", grouping=(), target_ppm=2_000_000)
BANDS = (Band(800_000, 250_000), Band(700_000, 1_000_000))
CREDIT = ClauseCredit("within", weight_ppm=400_000, bands=BANDS)


@pytest.mark.parametrize(
    ("numerator", "denominator", "band"),
    [
        (80, 100, None),  # exactly on it is not beyond it
        (799_999, 1_000_000, BANDS[0]),
        (70, 100, BANDS[0]),
        (69, 100, BANDS[1]),
        (0, 100, BANDS[1]),
        (0, 9, None),  # fewer than the clause's minimum
        (0, 0, None),
    ],
)
def test_the_harshest_band_that_the_value_lies_strictly_beyond_counts(
    numerator: int, denominator: int, band: Band | None
) -> None:
    assert band_reached(WITHIN, CREDIT, numerator, denominator) == band


def test_where_more_is_worse_bands_are_beyond_upwards() -> None:
    credit = ClauseCredit("recontact", 100_000, (Band(100_000, 500_000), Band(200_000, PPM)))
    reached = [band_reached(RECONTACT, credit, returned, 100) for returned in (10, 11, 20, 21)]
    assert reached == [None, credit.bands[0], credit.bands[0], credit.bands[1]]


def test_a_bands_limit_of_an_amount_is_in_its_own_unit() -> None:
    credit = ClauseCredit("cost", 100_000, (Band(2_000_000, PPM),))
    # 4.00 for two is 2.00 each; one micro-unit more is beyond it; costs taken back are not.
    reached = [band_reached(COST, credit, cost, 2) for cost in (4_000_000, 4_000_001, -5_000_000)]
    assert reached == [None, credit.bands[0], None]


@given(
    st.integers(1, 1000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.lists(st.integers(0, 800_000), min_size=1, max_size=5, unique=True),
)
def test_a_worse_value_never_reaches_a_milder_band(
    value: tuple[int, int], edges: list[int]
) -> None:
    bands = tuple(
        Band(edge, PPM * (n + 1) // len(edges)) for n, edge in enumerate(sorted(edges)[::-1])
    )
    credit = replace(CREDIT, bands=bands)
    clause = replace(WITHIN, minimum_volume=1)
    numerator, denominator = value
    assume(numerator > 0)
    better, worse = (
        band_reached(clause, credit, n, denominator) for n in (numerator, numerator - 1)
    )
    assert better is None or (worse is not None and better.share_ppm <= worse.share_ppm)


_START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1000
_YEAR_MS = 366 * 86_400_000


@given(
    st.integers(0, 10**13),
    st.lists(st.integers(0, _YEAR_MS), min_size=2, max_size=6).map(sorted),
    st.sampled_from(["Asia/Singapore", "America/New_York", "Europe/London"]),
)
def test_parts_of_a_fixed_fee_add_up_to_the_whole(fee: int, cuts: list[int], zone: str) -> None:
    times = [_START + cut for cut in cuts]
    parts = [fixed_fee_within(fee, zone, a, b) for a, b in pairwise(times)]
    assert sum(parts) == fixed_fee_within(fee, zone, times[0], times[-1])


def test_a_month_costs_a_months_fee_whatever_its_length_and_clocks() -> None:
    for day in (15, 45, 75, 105, 300):
        start, end = period_of("1M", "America/New_York", _START + day * 86_400_000)
        assert fixed_fee_within(38_000_000_000, "America/New_York", start, end) == 38_000_000_000


def test_the_most_specific_price_counts() -> None:
    anywhere, chat = Price(1), Price(2, channel="chat")
    refund, refund_chat = Price(3, journey="refund"), Price(4, channel="chat", journey="refund")
    late = Price(5, query_type="late_parcel")
    money = CommercialTerms("SGD", prices=(anywhere, chat, refund, refund_chat, late))
    assert money.price_of("voice", "order") == anywhere
    assert money.price_of("chat", "order") == chat
    assert money.price_of("voice", "refund") == refund
    assert money.price_of("chat", "refund") == refund_chat
    assert money.price_of("chat", "refund", "late_parcel") == late
    assert replace(money, prices=(chat,)).price_of("voice", "order") is None
