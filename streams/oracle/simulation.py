"""What a contract would have cost on a log: fees, breaches and service credits by period.

Taken from the batch judge's verdict alone. DEFINITIONS.md section 10. Times in ms since 1970 UTC,
amounts in micro-units of the contract's currency.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from streams.domain.breach_record import BreachRecord
from streams.domain.calendar_period import Period, period_of
from streams.domain.commercial import Band, CommercialTerms, Price
from streams.domain.contract import Clause, ContractBook, Terms
from streams.domain.credits import band_reached, capped, clause_credit, fixed_fee_within
from streams.domain.facts import Fact
from streams.oracle.indicators import slice_end
from streams.oracle.judge import Verdict
from streams.oracle.period_values import (
    PeriodValues,
    Span,
    Value,
    spans_of,
    standing_facts,
    worst_of,
)

_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class ClausePeriod:
    """One clause over one period. `worst` is the value that counts (None: unknown), `window` the
    worst value of any breach's windows in it; `enough` whether it had the least volume.
    """

    clause: Clause
    version: int
    span: Span
    worst: Value | None
    enough: bool
    window: tuple[int, int] | None
    opened: int
    breached_ms: int
    band: Band | None
    fees_micros: int
    credit_micros: int


@dataclass(frozen=True, slots=True)
class Charged:
    """Verified resolutions at one price; None for those that have none."""

    price: Price | None
    count: int

    @property
    def amount_micros(self) -> int:
        """What they cost together."""
        return self.count * self.price.amount_micros if self.price is not None else 0


@dataclass(frozen=True, slots=True)
class Settlement:
    """One settlement period: its fees, its clauses' credits and what the cap leaves of them."""

    span: Span
    complete: bool
    charged: tuple[Charged, ...]
    fixed_fee_micros: int
    fees_micros: int
    credits_micros: int
    credited_micros: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """The whole, for one contract. `begin` and `end` are what the log covers."""

    contract: str
    currency: str
    time_zone: str
    begin: int
    end: int
    clauses: tuple[ClausePeriod, ...]
    settlements: tuple[Settlement, ...]
    query_types: bool


def simulate(verdict: Verdict, book: ContractBook, contract: str) -> Simulation | None:
    """The contract on this verdict's log; None where nothing of it is in the log."""
    facts = standing_facts(verdict.facts, contract)
    if not facts or verdict.watermark is None:
        return None
    return _Simulated(facts, verdict, book, contract).whole()


class _Simulated:
    def __init__(
        self, facts: Sequence[Fact], verdict: Verdict, book: ContractBook, contract: str
    ) -> None:
        assert verdict.watermark is not None
        self._facts = facts
        self._book = book
        self._contract = contract
        self._begin = slice_end(facts[0].time) - _MINUTE_MS
        self._end = max(verdict.watermark, slice_end(facts[0].time))
        self._terms = book.at(contract, self._end)
        self._zone = self._terms.time_zone
        self._breaches = [r for r in verdict.breaches if r.contract == contract]
        self._values = PeriodValues(facts, verdict.customers, book, self._zone, self._end)
        self._charged: dict[Span, tuple[tuple[Charged, ...], int, int]] = {}

    def whole(self) -> Simulation:
        settled = self._settled_over()
        clauses: list[ClausePeriod] = []
        periods = {one.period or settled for t in self._versions() for one in t.clauses}
        for kind in sorted(periods, key=("1d", "1w", "1M", "1Q").index):
            for span in spans_of(kind, self._zone, self._begin, self._end):
                terms = self._in_force(span)
                clauses += [
                    self._clause(terms, clause, span)
                    for clause in terms.clauses
                    if (clause.period or settled) == kind
                ]
        order = {clause.id: n for n, clause in enumerate(self._terms.clauses)}
        clauses.sort(key=lambda c: (order.get(c.clause.id, len(order)), c.clause.id, c.span.end))
        settlements = [
            self._settlement(span, clauses)
            for span in spans_of(settled, self._zone, self._begin, self._end)
        ]
        return Simulation(
            contract=self._contract,
            currency=self._terms.currency,
            time_zone=self._zone,
            begin=self._begin,
            end=self._end,
            clauses=tuple(clauses),
            settlements=tuple(settlements),
            query_types=any(p.query_type for t in self._versions() for p in _money(t).prices),
        )

    def _versions(self) -> tuple[Terms, ...]:
        return self._book.versions(self._contract)

    def _settled_over(self) -> Period:
        """A month; a quarter where a clause that has credits is judged over quarters."""
        quarterly = any(
            clause.period == "1Q" and (credit := _money(t).credit_of(clause.id)) and credit.bands
            for t in self._versions()
            for clause in t.clauses
        )
        return "1Q" if quarterly else "1M"

    def _in_force(self, span: Span) -> Terms:
        """The version at the period's last instant, or the log's."""
        return self._book.at(self._contract, min(span.end - 1, self._end))

    def _clause(self, terms: Terms, clause: Clause, span: Span) -> ClausePeriod:
        money = _money(terms)
        worst = None
        if clause.indicator != "escalation_wait":
            worst = worst_of(clause, self._values.of(clause, span))
        credit = money.credit_of(clause.id)
        band = None
        if worst is not None and credit is not None:
            band = band_reached(clause, credit, worst.numerator, worst.denominator)
        fees = self._fees(span)[2]
        records = [record for record in self._breaches if record.clause == clause.id]
        return ClausePeriod(
            clause=clause,
            version=terms.version,
            span=span,
            worst=worst,
            enough=worst is not None and worst.denominator >= clause.minimum_volume,
            window=_worst_window(clause, records, span),
            opened=sum(r.status == "opened" and _within(r.time, span) for r in records),
            breached_ms=_breached_ms(records, span, self._end),
            band=band,
            fees_micros=fees,
            credit_micros=0 if credit is None else clause_credit(fees, money, credit, band),
        )

    def _fees(self, span: Span) -> tuple[tuple[Charged, ...], int, int]:
        """What was charged in a period as far as the log covers it, the fixed fee, and both."""
        if span not in self._charged:
            self._charged[span] = self._charge(span)
        return self._charged[span]

    def _charge(self, span: Span) -> tuple[tuple[Charged, ...], int, int]:
        counts: Counter[Price | None] = Counter()
        for fact in self._facts:
            verified = fact.kind == "episode_matured" and fact.detail["outcome"] == "verified"
            if verified and _within(slice_end(fact.time), span):
                money = _money(self._book.version(self._contract, fact.version))
                counts[money.price_of(fact.channel, fact.journey)] += 1
        charged = tuple(
            Charged(price, counts[price])
            for price in sorted(counts, key=lambda p: (p is None, *_label(p)))
        )
        start, end = max(span.start, self._begin), min(span.end, self._end)
        monthly = _money(self._in_force(span)).fixed_fee_micros
        fixed = int(fixed_fee_within(monthly, self._zone, start, end))
        return charged, fixed, fixed + sum(one.amount_micros for one in charged)

    def _settlement(self, span: Span, clauses: Iterable[ClausePeriod]) -> Settlement:
        charged, fixed, fees = self._fees(span)
        settled_here = [
            one.credit_micros
            for one in clauses
            if period_of(span.kind, self._zone, one.span.end) == (span.start, span.end)
        ]
        money = _money(self._in_force(span))
        return Settlement(
            span=span,
            complete=span.start >= self._begin and span.end <= self._end,
            charged=charged,
            fixed_fee_micros=fixed,
            fees_micros=fees,
            credits_micros=sum(settled_here),
            credited_micros=capped(settled_here, fees, money),
        )


def _money(terms: Terms) -> CommercialTerms:
    return terms.commercial or CommercialTerms(terms.currency)


def _label(price: Price | None) -> tuple[str, ...]:
    return () if price is None else tuple(one or "" for one in price.selector)


def _within(time: int, span: Span) -> bool:
    return span.start < time <= span.end


def _worst_window(
    clause: Clause, records: Iterable[BreachRecord], span: Span
) -> tuple[int, int] | None:
    """The worst numerator and denominator that a breach of the clause showed in the period."""
    values = [
        Value(record.key, record.numerator, record.denominator)
        for record in records
        if record.status != "closed" and _within(record.time, span)
    ]
    worst = worst_of(clause, values)
    return None if worst is None else (worst.numerator, worst.denominator)


def _breached_ms(records: Iterable[BreachRecord], span: Span, end: int) -> int:
    """Time in the period during which any breach of the clause was open; keys are not added up."""
    latest = {record.id: record for record in records}
    spans = sorted(
        (
            max(record.opened_at, span.start),
            min(record.time if record.status == "closed" else end, span.end),
        )
        for record in latest.values()
    )
    total, reached = 0, span.start
    for begins, ends in spans:
        total += max(0, ends - max(begins, reached))
        reached = max(reached, ends)
    return total
