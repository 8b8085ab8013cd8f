"""Service credits of a billing period, the cap over all of them, and what is earned back.
BILLING.md section 7. Amounts in micro-units, shares in parts per million.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from streams.domain.billing.line import Line
from streams.domain.billing.lines import Fees, fixed_within, money_of
from streams.domain.billing.periods import BillingCalendar, Span
from streams.domain.billing.units import Units
from streams.domain.billing.values import ClauseValue
from streams.domain.calendar_period import PERIODS, Period
from streams.domain.commercial import ClauseCredit
from streams.domain.contract import AMOUNTS, PPM, Clause
from streams.domain.credits import band_reached
from streams.domain.money import down_to_minor_unit

WorstOf = Callable[[Clause, Span], ClauseValue | None]
# What schemas/contract.schema.json allows.
MOST_EARN_BACK_PERIODS = 12


@dataclass(frozen=True, slots=True)
class Credit:
    """One clause's credit for one of its periods: at most 0."""

    clause: Clause
    terms: ClauseCredit
    span: Span
    line: Line


@dataclass(frozen=True, slots=True)
class Credits:
    """A billing period's credits, and what its cap gives back of them (at least 0)."""

    each: tuple[Credit, ...]
    cap: Line

    def of(self, span: Span) -> Iterator[Credit]:
        """Those of one clause period that can be earned back."""
        return (c for c in self.each if c.terms.earn_back_periods and c.span == span)

    @property
    def total_micros(self) -> int:
        """All of them before the cap: at most 0."""
        return sum(one.line.amount_micros for one in self.each)


def credits_of(
    calendar: BillingCalendar, span: Span, fees: Fees, units: Units, worst: WorstOf
) -> Credits:
    """The credits of all clause periods that end in a billing period."""
    found = [
        _credit(calendar, clause, terms, one, _base(calendar, span, one, fees, units), worst)
        for clause, terms, one in _credited(calendar, span)
    ]
    order = {clause.id: n for n, clause in enumerate(calendar.terms(span).clauses)}
    found.sort(key=lambda c: (order.get(c.clause.id, len(order)), c.clause.id, c.span.end))
    version = calendar.terms(span).version
    money = money_of(calendar.terms(span))
    most = down_to_minor_unit(max(0, fees.total_micros) * money.cap_ppm // PPM, calendar.currency)
    over = max(0, -sum(one.line.amount_micros for one in found) - most)
    cap = Line(
        kind="credit_cap",
        version=version,
        time=span.end,
        amount_micros=over,
        base_micros=fees.total_micros,
        band_ppm=money.cap_ppm,
        at_risk_ppm=money.at_risk_ppm,
        formula="max(0, credits - base x cap, rounded down to the smallest unit)",
    )
    return Credits(tuple(found), cap)


def _credited(calendar: BillingCalendar, span: Span) -> Iterator[tuple[Clause, ClauseCredit, Span]]:
    """The clauses that have bands, each with its periods that end in the billing period."""
    for kind in PERIODS:
        for one in calendar.within(kind, span):
            terms = calendar.terms(one)
            for clause in terms.clauses:
                credit = money_of(terms).credit_of(clause.id)
                if (clause.period or calendar.kind) == kind and credit and credit.bands:
                    yield clause, credit, one


def _base(calendar: BillingCalendar, span: Span, one: Span, fees: Fees, units: Units) -> Fraction:
    if (one.start, one.end) == (span.start, span.end):
        return Fraction(fees.total_micros)
    whole = fees.list_micros + fees.fixed
    if whole == 0:
        return Fraction(0)
    listed = units.within(one.start, one.end)
    # A week can begin before the billing period, in which it is settled for its share here alone.
    fixed = fixed_within(calendar, max(one.start, span.start), one.end)
    return fees.total_micros * (listed + fixed) / whole


def _credit(
    calendar: BillingCalendar,
    clause: Clause,
    credit: ClauseCredit,
    span: Span,
    base: Fraction,
    worst: WorstOf,
) -> Credit:
    terms = calendar.terms(span)
    money = money_of(terms)
    value = worst(clause, span)
    band = None
    if value is not None:
        band = band_reached(clause, credit, value.numerator, value.denominator)
    amount = 0
    if band is not None and base > 0:
        exact = base * money.at_risk_ppm * credit.weight_ppm * band.share_ppm / PPM**3
        amount = -down_to_minor_unit(int(exact), calendar.currency)
    line = _figures(clause, value, credit, span)
    line = replace(
        line,
        kind="service_credit",
        version=terms.version,
        amount_micros=amount,
        base_micros=int(base),
        threshold_ppm=None if band is None else band.beyond_ppm,
        band_ppm=0 if band is None else band.share_ppm,
        at_risk_ppm=money.at_risk_ppm,
        formula="- (base x at risk x weight x band), rounded down to the smallest unit",
    )
    return Credit(clause, credit, span, line)


def _figures(clause: Clause, value: ClauseValue | None, credit: ClauseCredit, span: Span) -> Line:
    samples = None
    if value is not None:
        samples = 1 if clause.indicator in AMOUNTS else value.denominator
    key = None
    if value is not None:
        key = ",".join(f"{n}={v}" for n, v in zip(clause.grouping, value.key, strict=True))
    return Line(
        kind="service_credit",
        version=0,
        time=span.end,
        amount_micros=0,
        formula="",
        clause=clause.id,
        clause_period=span.name,
        numerator=None if value is None else value.numerator,
        denominator=None if value is None else value.denominator,
        samples=samples,
        weight_ppm=credit.weight_ppm,
        worst_key=key,
    )


def earn_backs(
    calendar: BillingCalendar,
    span: Span,
    credits_in: Callable[[Span], Credits | None],
    worst: WorstOf,
) -> list[Line]:
    """What is earned back where the last of the periods that it takes ends in a billing period.

    `credits_in` are another billing period's credits, None where it is not billed.
    """
    found: list[tuple[str, int, Line]] = []
    for kind, most in _earned_over(calendar).items():
        for last in calendar.within(kind, span):
            credited, later = last, [last]
            for count in range(1, most + 1):
                credited = calendar.at(kind, credited.start)
                held = credits_in(calendar.at(calendar.kind, credited.end))
                for credit in held.of(credited) if held is not None else ():
                    if credit.terms.earn_back_periods == count:
                        line = _earn_back(calendar, credit, held, later, worst)
                        found.append((credit.clause.id, credited.end, line))
                later = [*later, credited]
    order = {clause.id: n for n, clause in enumerate(calendar.terms(span).clauses)}
    found.sort(key=lambda f: (order.get(f[0], len(order)), f[0], f[1]))
    return [line for _, _, line in found]


def _earned_over(calendar: BillingCalendar) -> dict[Period, int]:
    """The kinds of period that credits are earned back over, each with the most that it takes."""
    found: dict[Period, int] = {}
    for terms in calendar.versions:
        for clause in terms.clauses:
            credit = money_of(terms).credit_of(clause.id)
            if credit is not None and credit.bands and credit.earn_back_periods:
                kind = clause.period or calendar.kind
                found[kind] = max(credit.earn_back_periods, found.get(kind, 0))
    return found


def _earn_back(
    calendar: BillingCalendar,
    credit: Credit,
    held: Credits | None,
    later: Sequence[Span],
    worst: WorstOf,
) -> Line:
    clause, terms = credit.clause, credit.terms
    values = [worst(clause, span) for span in later]
    total = 0 if held is None else held.total_micros
    amount = 0
    if held is not None and total < 0 and all(_met(clause, value) for value in values):
        left = -total - held.cap.amount_micros
        exact = Fraction(-credit.line.amount_micros * left * terms.earn_back_ppm, -total * PPM)
        amount = down_to_minor_unit(int(exact), calendar.currency)
    # The period met last is the newest one.
    line = _figures(clause, values[0], terms, credit.span)
    return replace(
        line,
        kind="earn_back",
        version=credit.line.version,
        time=max(span.end for span in later),
        amount_micros=amount,
        quantity=len(later),
        base_micros=-credit.line.amount_micros,
        threshold_ppm=clause.target_ppm,
        band_ppm=terms.earn_back_ppm,
        formula="credit x (credits left by the cap / credits) x earn-back, rounded down to the"
        " smallest unit, where every later period met the target",
    )


def _met(clause: Clause, value: ClauseValue | None) -> bool:
    if value is None or value.denominator < max(1, clause.minimum_volume):
        return False
    measured, bound = value.numerator * clause.scale, clause.target_ppm * value.denominator
    return measured <= bound if clause.at_most else measured >= bound
