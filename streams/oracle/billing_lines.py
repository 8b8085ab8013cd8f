"""A period's adjustments in batch: volume, fixed fee, service credits, earn-back.

BILLING.md sections 6 and 7. Times in ms since 1970 UTC, amounts in micro-units.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from streams.domain.billing.line import Line
from streams.domain.billing.records import EpisodeId, LineKind, Told
from streams.domain.calendar_period import PERIODS, Period, period_name, period_of
from streams.domain.commercial import Band, ClauseCredit
from streams.domain.contract import AMOUNTS, PPM, Clause, ContractBook, Terms
from streams.domain.money import down_to_minor_unit
from streams.oracle.billing_resolutions import money_of
from streams.oracle.indicators import slice_end
from streams.oracle.period_values import PeriodValues, Span, Value, spans_of, worst_of


@dataclass(frozen=True, slots=True)
class Unit:
    """A resolution that is charged: its maturity, its episode, service period and list amount."""

    time: int
    episode: EpisodeId
    period: str
    amount_micros: int


class _Credited(NamedTuple):
    """A clause and what it is worth, one of its periods, and what is credited for that."""

    clause: Clause
    credit: ClauseCredit
    span: Span
    line: Line


@lru_cache(maxsize=64)
def billing_kind(book: ContractBook, contract: str) -> Period:
    """A quarter where a clause with credits is judged over quarters, else a month."""
    for terms in book.versions(contract):
        for clause in terms.clauses:
            credit = money_of(terms).credit_of(clause.id)
            if clause.period == "1Q" and credit is not None and credit.bands:
                return "1Q"
    return "1M"


def billing_spans(book: ContractBook, contract: str, begin: int, end: int) -> list[Span]:
    """The billing periods that [begin, end] touches, in order."""
    return list(_spans(billing_kind(book, contract), _zone(book, contract), begin, end))


def grace_of(book: ContractBook, contract: str, span: Span) -> int:
    """How long after its end a period stays open, in ms."""
    terms = book.at(contract, span.end - 1)
    grace = money_of(terms).billing.grace_ms
    return terms.verification_ms if grace is None else grace


@lru_cache(maxsize=4096)
def _spans(kind: Period, zone: str, begin: int, end: int) -> tuple[Span, ...]:
    return tuple(spans_of(kind, zone, begin, max(end, slice_end(begin))))


def _zone(book: ContractBook, contract: str) -> str:
    return book.versions(contract)[0].time_zone


class PeriodLines:
    """The lines of one contract's periods, from the facts that stand and what is charged, as of the
    close of `last`.
    """

    def __init__(
        self,
        book: ContractBook,
        contract: str,
        standing: Sequence[Told],
        units: Sequence[Unit],
        first: Span,
        last: Span,
    ) -> None:
        self._book = book
        self._contract = contract
        self._units = units
        self._first = first
        self._kind = billing_kind(book, contract)
        self._zone = _zone(book, contract)
        self.currency = book.versions(contract)[0].currency
        told = sorted(standing, key=lambda one: (one.fact.time, one.fact.id))
        customers = {t.fact.id: t.customer.hex() for t in told if t.customer is not None}
        facts = [one.fact for one in told]
        self._values = PeriodValues(facts, customers, book, self._zone, last.end)
        self._credited: dict[Span, list[_Credited]] = {}

    def of(self, span: Span) -> list[Line]:
        """Lines 1 to 6 of one period; only usage before the contract's first one."""
        usage, fees = self._usage(span)
        if span.end < self._first.end:
            return [line for line in usage if line.kind not in ("minimum", "fixed_fee")]
        credits = self._credits(span, fees)
        cap = self._cap(span, fees, credits)
        return [*usage, *(one.line for one in credits), cap, *self._earned(span)]

    def rounding(self, amount: int, span: Span) -> Line:
        """The line that makes a total payable."""
        return Line(
            kind="rounding",
            version=self._terms(span).version,
            time=span.end,
            amount_micros=amount,
            formula="what is to be paid, cut towards zero to the smallest unit, minus the sum",
        )

    def _terms(self, span: Span) -> Terms:
        return self._book.at(self._contract, span.end - 1)

    def _usage(self, span: Span) -> tuple[list[Line], int]:
        terms = self._terms(span)
        rules = money_of(terms).billing
        units = sorted(
            (unit for unit in self._units if unit.period == span.name),
            key=lambda unit: (unit.time, unit.episode),
        )
        listed = sum(unit.amount_micros for unit in units)
        free = units[: rules.allowance]
        paid = units[rules.allowance :]
        off = Fraction(0)
        for number, unit in enumerate(paid, start=1):
            share = PPM
            for tier in rules.tiers:
                if number >= tier.from_unit:
                    share = tier.share_ppm
            off += Fraction(unit.amount_micros * (PPM - share), PPM)
        allowance = -sum(unit.amount_micros for unit in free)
        discount = -(off.numerator // off.denominator)
        usage = listed + allowance + discount
        cap = usage if rules.cap_micros is None else min(usage, rules.cap_micros)
        least, fixed = rules.minimum_micros, self._fixed(span.start, span.end)
        if span.end < self._first.end or not self._in_force(span):
            least = 0
        if span.end < self._first.end:
            fixed = Fraction(0)
        floor = max(cap, least)
        whole = fixed.numerator // fixed.denominator
        figures: list[tuple[LineKind, int, int, int, str]] = [
            ("allowance", allowance, -allowance, len(free), "- list amounts of the first units"),
            (
                "volume_discount",
                discount,
                listed + allowance,
                len(paid),
                "- (list amount x (1 - tier)), summed, rounded down to a micro-unit",
            ),
            ("cap", cap - usage, usage, len(units), "min(0, cap - usage)"),
            ("minimum", floor - cap, cap, len(units), "max(0, minimum - usage)"),
            ("fixed_fee", whole, whole, 1, "monthly fee x share of each month"),
        ]
        return [
            Line(kind, terms.version, span.end, amount, formula, quantity=count, base_micros=base)
            for kind, amount, base, count, formula in figures
        ], floor + whole

    def _in_force(self, span: Span) -> bool:
        """Whether there is a version at any time of the period."""
        return any(
            terms.effective_from_ms < span.end
            and (terms.effective_to_ms is None or terms.effective_to_ms > span.start)
            for terms in self._book.versions(self._contract)
        )

    def _fixed(self, start: int, end: int) -> Fraction:
        """Month by month, of each version what lies in it and in (start, end]."""
        total = Fraction(0)
        for month in spans_of("1M", self._zone, start + 1, end):
            for terms in self._book.versions(self._contract):
                begin = max(start, month.start, terms.effective_from_ms)
                until = min(
                    end, month.end, end if terms.effective_to_ms is None else terms.effective_to_ms
                )
                if begin < until:
                    length = month.end - month.start
                    total += Fraction(money_of(terms).fixed_fee_micros * (until - begin), length)
        return total

    def _clause_periods(self, span: Span) -> list[tuple[Clause, ClauseCredit, Span]]:
        """The clauses with bands, each with its periods that end in the billing period, in the
        order of the statement.
        """
        found: list[tuple[Clause, ClauseCredit, Span]] = []
        for kind in PERIODS:
            for one in spans_of(kind, self._zone, span.start + 1, span.end):
                if not span.start < one.end <= span.end:
                    continue
                terms = self._terms(one)
                for clause in terms.clauses:
                    credit = money_of(terms).credit_of(clause.id)
                    over = clause.period if clause.period is not None else self._kind
                    if over == kind and credit is not None and credit.bands:
                        found.append((clause, credit, one))
        order = [clause.id for clause in self._terms(span).clauses]

        def place(entry: tuple[Clause, ClauseCredit, Span]) -> tuple[int, str, int]:
            name = entry[0].id
            return (order.index(name) if name in order else len(order), name, entry[2].end)

        return sorted(found, key=place)

    def _worst(self, clause: Clause, span: Span) -> Value | None:
        return worst_of(clause, self._values.of(clause, span))

    def _credits(self, span: Span, fees: int) -> list[_Credited]:
        # Asked again for each later period, of which it says what is earned back.
        if span not in self._credited:
            self._credited[span] = list(self._credits_of(span, fees))
        return self._credited[span]

    def _credits_of(self, span: Span, fees: int) -> Iterator[_Credited]:
        for clause, credit, one in self._clause_periods(span):
            terms = self._terms(one)
            value = self._worst(clause, one)
            band = band_of(clause, credit, value)
            base = self._base(span, one, fees)
            at_risk = money_of(terms).at_risk_ppm
            amount = 0
            if band is not None and base > 0:
                share = Fraction(at_risk * credit.weight_ppm * band.share_ppm, PPM**3)
                amount = self._down(base * share)
            yield _Credited(
                clause,
                credit,
                one,
                Line(
                    kind="service_credit",
                    version=terms.version,
                    time=one.end,
                    amount_micros=-amount,
                    clause=clause.id,
                    clause_period=one.name,
                    base_micros=_towards_zero(base),
                    numerator=None if value is None else value.numerator,
                    denominator=None if value is None else value.denominator,
                    samples=_samples(clause, value),
                    threshold_ppm=None if band is None else band.beyond_ppm,
                    band_ppm=0 if band is None else band.share_ppm,
                    weight_ppm=credit.weight_ppm,
                    at_risk_ppm=at_risk,
                    worst_key=_key(value),
                    formula="- (base x at risk x weight x band), rounded down to the smallest unit",
                ),
            )

    def _base(self, span: Span, one: Span, fees: int) -> Fraction:
        if one.end == span.end and one.start == span.start:
            return Fraction(fees)
        listed = [unit for unit in self._units if unit.period == span.name]
        whole = sum(u.amount_micros for u in listed) + self._fixed_due(span, span.start, span.end)
        if whole == 0:
            return Fraction(0)
        here = sum(u.amount_micros for u in listed if one.start < slice_end(u.time) <= one.end)
        part = here + self._fixed_due(span, max(one.start, span.start), one.end)
        return Fraction(fees) * part / whole

    def _fixed_due(self, span: Span, start: int, end: int) -> Fraction:
        return Fraction(0) if span.end < self._first.end else self._fixed(start, end)

    def _cap(self, span: Span, fees: int, credits: Iterable[_Credited]) -> Line:
        money = money_of(self._terms(span))
        most = self._down(Fraction(max(0, fees) * money.cap_ppm, PPM))
        credited = -sum(one.line.amount_micros for one in credits)
        return Line(
            kind="credit_cap",
            version=self._terms(span).version,
            time=span.end,
            amount_micros=max(0, credited - most),
            base_micros=fees,
            band_ppm=money.cap_ppm,
            at_risk_ppm=money.at_risk_ppm,
            formula="max(0, credits - base x cap, rounded down to the smallest unit)",
        )

    def _earned(self, span: Span) -> list[Line]:
        """Credits of this and earlier periods whose last period to be met ends in this one."""
        lines: list[tuple[tuple[int, str, int], Line]] = []
        order = [clause.id for clause in self._terms(span).clauses]
        for earlier in spans_of(self._kind, self._zone, self._first.end, span.end):
            _, fees = self._usage(earlier)
            credits = self._credits(earlier, fees)
            total = -sum(one.line.amount_micros for one in credits)
            left = total - self._cap(earlier, fees, credits).amount_micros
            for clause, credit, one, line in credits:
                if credit.earn_back_periods == 0:
                    continue
                later = _following(one, credit.earn_back_periods, self._zone)
                if not span.start < later[-1].end <= span.end:
                    continue
                met = all(_met(clause, self._worst(clause, each)) for each in later)
                amount = 0
                if met and total > 0:
                    share = Fraction(left * credit.earn_back_ppm, total * PPM)
                    amount = self._down(-line.amount_micros * share)
                place = order.index(clause.id) if clause.id in order else len(order)
                lines.append(
                    (
                        (place, clause.id, one.end),
                        self._earn_back(clause, credit, line, later, amount),
                    )
                )
        return [line for _, line in sorted(lines, key=lambda entry: entry[0])]

    def _earn_back(
        self,
        clause: Clause,
        credit: ClauseCredit,
        credited: Line,
        later: Sequence[Span],
        amount: int,
    ) -> Line:
        value = self._worst(clause, later[-1])
        return Line(
            kind="earn_back",
            version=credited.version,
            time=later[-1].end,
            amount_micros=amount,
            clause=clause.id,
            clause_period=credited.clause_period,
            quantity=len(later),
            base_micros=-credited.amount_micros,
            numerator=None if value is None else value.numerator,
            denominator=None if value is None else value.denominator,
            samples=_samples(clause, value),
            threshold_ppm=clause.target_ppm,
            band_ppm=credit.earn_back_ppm,
            weight_ppm=credit.weight_ppm,
            worst_key=_key(value),
            formula="credit x (credits left by the cap / credits) x earn-back, rounded down to the"
            " smallest unit, where every later period met the target",
        )

    def _down(self, amount: Fraction) -> int:
        return down_to_minor_unit(amount.numerator // amount.denominator, self.currency)


def _following(span: Span, count: int, zone: str) -> list[Span]:
    found: list[Span] = []
    while len(found) < count:
        boundary = (found[-1] if found else span).end + 1
        start, end = period_of(span.kind, zone, boundary)
        found.append(Span(span.kind, start, end, period_name(span.kind, zone, boundary)))
    return found


def band_of(clause: Clause, credit: ClauseCredit, value: Value | None) -> Band | None:
    """The last band that a value lies strictly beyond; None for none, or where it is not judged."""
    if value is None or not _judged(clause, value):
        return None
    measured = Fraction(value.numerator * clause.scale, value.denominator)
    beyond = [
        band
        for band in credit.bands
        if (measured > band.beyond_ppm if clause.at_most else measured < band.beyond_ppm)
    ]
    return beyond[-1] if beyond else None


def _judged(clause: Clause, value: Value | None) -> bool:
    return value is not None and value.denominator >= max(1, clause.minimum_volume)


def _met(clause: Clause, value: Value | None) -> bool:
    if value is None or not _judged(clause, value):
        return False
    measured = Fraction(value.numerator * clause.scale, value.denominator)
    return measured <= clause.target_ppm if clause.at_most else measured >= clause.target_ppm


def _samples(clause: Clause, value: Value | None) -> int | None:
    if value is None:
        return None
    return 1 if clause.indicator in AMOUNTS else value.denominator


def _key(value: Value | None) -> str | None:
    if value is None:
        return None
    return ",".join(f"{name}={one}" for name, one in value.key)


def _towards_zero(amount: Fraction) -> int:
    return int(amount)
