"""Service credits: integers, rounded once, capped. DEFINITIONS.md section 10.

Amounts in micro-units of the contract's currency, shares in parts per million. The settlement with
earn-back, disputes and corrections of closed periods is made elsewhere, of this arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from streams.domain.calendar_period import period_of
from streams.domain.commercial import Band, ClauseCredit, CommercialTerms
from streams.domain.contract import PPM, Clause
from streams.domain.money import down_to_minor_unit


def band_reached(
    clause: Clause, credit: ClauseCredit, numerator: int, denominator: int
) -> Band | None:
    """The harshest band that a value lies strictly beyond; None for none, or for too little volume.

    `numerator` and `denominator` are the indicator's over the period.
    """
    if denominator < max(1, clause.minimum_volume):
        return None
    measured = numerator * clause.scale
    reached = None
    for band in credit.bands:
        bound = band.beyond_ppm * denominator
        if (measured > bound) if clause.at_most else (measured < bound):
            reached = band
    return reached


def clause_credit(
    fees_micros: int, terms: CommercialTerms, credit: ClauseCredit, band: Band | None
) -> int:
    """What one clause credits of a period's fees: fees x at risk x weight x band, exactly, then
    rounded down once to the currency's smallest unit. 0 where no band was reached or fees are not
    positive.
    """
    if band is None or fees_micros <= 0:
        return 0
    shares = terms.at_risk_ppm * credit.weight_ppm * band.share_ppm
    return down_to_minor_unit(fees_micros * shares // PPM**3, terms.currency)


def capped(credits: Iterable[int], fees_micros: int, terms: CommercialTerms) -> int:
    """What is credited of a settlement period: the sum of its clauses' credits, at most the cap's
    share of its fees, rounded down to the currency's smallest unit.
    """
    most = down_to_minor_unit(max(0, fees_micros) * terms.cap_ppm // PPM, terms.currency)
    return min(sum(credits), most)


def fixed_fee_within(monthly_micros: int, zone: str, start_ms: int, end_ms: int) -> Fraction:
    """The part of a monthly fee that falls in (start, end], ms since 1970 UTC, by the share of each
    calendar month's time. Exact, so that parts of a span add up to it.
    """
    fee = Fraction(0)
    at = start_ms
    while at < end_ms:
        month_start, month_end = period_of("1M", zone, at + 1)
        until = min(month_end, end_ms)
        fee += Fraction(monthly_micros * (until - at), month_end - month_start)
        at = until
    return fee
