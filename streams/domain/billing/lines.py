"""What a period's volume, its fixed fee and its end make of the sum of its resolutions.
BILLING.md section 6. Amounts in micro-units.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from streams.domain.billing.line import Line
from streams.domain.billing.periods import BillingCalendar, Span
from streams.domain.billing.records import LineKind
from streams.domain.billing.units import Units
from streams.domain.commercial import BillingRules, CommercialTerms
from streams.domain.contract import PPM, Terms
from streams.domain.credits import fixed_fee_within


@dataclass(frozen=True, slots=True)
class Fees:
    """What a period's credits are computed of: `total_micros` is F, `list_micros` and `fixed` what
    it came to before volume, rounding and commitments.
    """

    total_micros: int
    list_micros: int
    fixed: Fraction


def money_of(terms: Terms) -> CommercialTerms:
    """The money of a version; no prices and nothing at risk where it says nothing."""
    return terms.commercial or CommercialTerms(terms.currency)


def usage_lines(
    calendar: BillingCalendar, span: Span, units: Units, *, before_first: bool = False
) -> tuple[list[Line], Fees]:
    """Lines 1 to 5 of a period, and its fees. `before_first`: the period lies before the contract's
    first, so that nothing fixed is due for it.
    """
    terms = calendar.terms(span)
    rules = money_of(terms).billing
    listed = units.listed_micros
    free = min(rules.allowance, units.count)
    allowance = -units.first([free])[0]
    discount = -_discount(units, free, rules)
    usage = listed + allowance + discount
    over = 0 if rules.cap_micros is None else min(0, rules.cap_micros - usage)
    capped = usage + over
    owes = not before_first and calendar.in_force(span)
    short = max(0, rules.minimum_micros - capped) if owes else 0
    fixed = Fraction(0) if before_first else fixed_within(calendar, span.start, span.end)

    def line(kind: LineKind, amount: int, base: int, formula: str, quantity: int) -> Line:
        return Line(
            kind=kind,
            version=terms.version,
            time=span.end,
            amount_micros=amount,
            base_micros=base,
            quantity=quantity,
            formula=formula,
        )

    lines = [
        line("allowance", allowance, -allowance, "- list amounts of the first units", free),
        line(
            "volume_discount",
            discount,
            listed + allowance,
            "- (list amount x (1 - tier)), summed, rounded down to a micro-unit",
            units.count - free,
        ),
        line("cap", over, usage, "min(0, cap - usage)", units.count),
        line("minimum", short, capped, "max(0, minimum - usage)", units.count),
        line("fixed_fee", int(fixed), int(fixed), "monthly fee x share of each month", 1),
    ]
    return lines, Fees(capped + short + int(fixed), listed, fixed)


def _discount(units: Units, free: int, rules: BillingRules) -> int:
    """What the tiers take off the units after the first `free`."""
    begins = [free + tier.from_unit - 1 for tier in rules.tiers]
    sums = units.first([*begins, units.count])
    off = sum(
        (after - before) * (PPM - tier.share_ppm)
        for tier, before, after in zip(rules.tiers, sums, sums[1:], strict=False)
    )
    return off // PPM


def fixed_within(calendar: BillingCalendar, start: int, end: int) -> Fraction:
    """The fixed fees of all versions within (start, end], exactly."""
    total = Fraction(0)
    for terms in calendar.versions:
        until = end if terms.effective_to_ms is None else min(end, terms.effective_to_ms)
        begin = max(start, terms.effective_from_ms)
        if begin < until:
            monthly = money_of(terms).fixed_fee_micros
            total += fixed_fee_within(monthly, calendar.zone, begin, until)
    return total
