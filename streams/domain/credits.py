"""Which band of a service credit a value reaches, and what a fixed fee is for part of a month.

BILLING.md sections 6 and 7. Amounts in micro-units of the contract's currency.
"""

from __future__ import annotations

from fractions import Fraction

from streams.domain.calendar_period import period_of
from streams.domain.commercial import Band, ClauseCredit
from streams.domain.contract import Clause


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
