"""Service credits: exact, monotone, capped, rounded once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from streams.domain.calendar_period import period_of
from streams.domain.commercial import Band, ClauseCredit, CommercialTerms, Price
from streams.domain.contract import PPM, Clause
from streams.domain.credits import band_reached, capped, clause_credit, fixed_fee_within
from streams.domain.money import minor_digits

MONEY = CommercialTerms("SGD", at_risk_ppm=150_000, cap_ppm=100_000)
WITHIN = Clause(
    id="within", indicator="escalation_within", grouping=(), target_ppm=800_000, minimum_volume=10
)
RECONTACT = Clause(id="recontact", indicator="recontact", grouping=(), target_ppm=100_000)
COST = Clause(id="cost", indicator="cost_per_verified", grouping=(), target_ppm=2_000_000)
BANDS = (Band(800_000, 250_000), Band(700_000, 1_000_000))
CREDIT = ClauseCredit("within", weight_ppm=400_000, bands=BANDS)

shares = st.integers(0, PPM)
fees = st.integers(-(10**9), 10**16)


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


def test_a_credit_is_fees_by_at_risk_by_weight_by_band() -> None:
    # 10,000.00 x 15 % x 40 % x 25 %
    assert clause_credit(10_000_000_000, MONEY, CREDIT, BANDS[0]) == 150_000_000
    assert clause_credit(10_000_000_000, MONEY, CREDIT, None) == 0


@given(fees, shares, shares, shares, st.sampled_from(["SGD", "JPY", "KWD"]))
def test_a_credit_is_the_exact_product_rounded_down_once(
    fee: int, at_risk: int, weight: int, share: int, currency: str
) -> None:
    money = replace(MONEY, currency=currency, at_risk_ppm=at_risk)
    credit = clause_credit(fee, money, replace(CREDIT, weight_ppm=weight), Band(0, share))
    unit = 10 ** (6 - minor_digits(currency))
    exact = Fraction(max(fee, 0) * at_risk * weight * share, PPM**3)
    assert credit % unit == 0
    assert 0 <= exact - credit < unit


@given(fees, fees, shares, shares)
def test_a_credit_never_falls_with_fees_or_with_the_band(
    less: int, more: int, mild: int, harsh: int
) -> None:
    assume(less <= more and mild <= harsh)
    milder = clause_credit(less, MONEY, CREDIT, Band(0, mild))
    assert milder <= clause_credit(more, MONEY, CREDIT, Band(0, mild))
    assert milder <= clause_credit(less, MONEY, CREDIT, Band(0, harsh))


@given(
    st.integers(1, 1000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.lists(st.integers(0, 800_000), min_size=1, max_size=5, unique=True),
)
def test_a_worse_value_is_never_credited_less(value: tuple[int, int], edges: list[int]) -> None:
    bands = tuple(
        Band(edge, PPM * (n + 1) // len(edges)) for n, edge in enumerate(sorted(edges)[::-1])
    )
    credit = replace(CREDIT, bands=bands)
    clause = replace(WITHIN, minimum_volume=1)
    numerator, denominator = value
    assume(numerator > 0)
    better, worse = (
        clause_credit(10**12, MONEY, credit, band_reached(clause, credit, n, denominator))
        for n in (numerator, numerator - 1)
    )
    assert better <= worse


@given(
    st.integers(0, 10**15),
    st.lists(st.integers(0, PPM), min_size=1, max_size=6),
    st.lists(st.integers(0, PPM), min_size=6, max_size=6),
    shares,
    shares,
)
def test_together_credits_are_within_the_cap_and_within_what_is_at_risk(
    fee: int, parts: list[int], bands: list[int], at_risk: int, cap: int
) -> None:
    whole = max(1, sum(parts))
    weights = [PPM * part // whole for part in parts]  # at most 100 % together
    money = replace(MONEY, at_risk_ppm=at_risk, cap_ppm=cap)
    credits = [
        clause_credit(fee, money, replace(CREDIT, weight_ppm=weight), Band(0, share))
        for weight, share in zip(weights, bands, strict=False)
    ]
    credited = capped(credits, fee, money)
    assert credited <= Fraction(fee * cap, PPM)
    assert credited <= Fraction(fee * at_risk, PPM)
    assert credited == sum(credits) or credited == fee * cap // PPM // 10_000 * 10_000


def test_without_positive_fees_nothing_is_credited() -> None:
    assert clause_credit(-5, MONEY, CREDIT, BANDS[1]) == 0
    assert capped([10_000], -5, MONEY) == 0


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
