"""What a contract would have cost on a log: its statements, and its clauses period by period.

Taken from the batch judge's verdict and the batch computation of billing alone: every period that
the log touches is closed as if nothing more had happened. BILLING.md. Times in ms since 1970 UTC,
amounts in micro-units of the contract's currency.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from streams.domain.billing.records import Adjustment, Booked, Item, LineKind
from streams.domain.breach_record import BreachRecord
from streams.domain.commercial import Band, Price
from streams.domain.contract import Clause, ContractBook, Terms
from streams.domain.facts import Fact
from streams.oracle.billing import Account, account_to_the_end
from streams.oracle.billing_lines import band_of, billing_kind, billing_spans
from streams.oracle.billing_records import billing_records
from streams.oracle.billing_resolutions import money_of
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
_USAGE: frozenset[LineKind] = frozenset(("allowance", "volume_discount", "cap", "minimum"))


@dataclass(frozen=True, slots=True)
class ClausePeriod:
    """One clause over one period. `worst` is the value that counts (None: unknown), `window` the
    worst value of any breach's windows in it; `enough` whether it had the least volume.
    `credit_micros` (at least 0) is what is credited for it before the cap over all clauses.
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
    credit_micros: int


@dataclass(frozen=True, slots=True)
class Charged:
    """Resolutions charged at one price in one statement, those reversed in it taken off."""

    price: Price
    count: int
    amount_micros: int
    agent_micros: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """The statement of one billing period: what is charged, what is not and why, and its lines."""

    span: Span
    complete: bool
    charged: tuple[Charged, ...]
    not_billed: tuple[tuple[str, int], ...]
    lines: tuple[Adjustment, ...]
    total_micros: int

    @property
    def resolutions_micros(self) -> int:
        """What is charged for resolutions."""
        return sum(one.amount_micros for one in self.charged)

    @property
    def fixed_fee_micros(self) -> int:
        """The fixed fee."""
        return self.of("fixed_fee")

    @property
    def fees_micros(self) -> int:
        """Resolutions, what their volume and the commitments make of them, and the fixed fee."""
        return self.resolutions_micros + self.of(*_USAGE) + self.fixed_fee_micros

    @property
    def credited_micros(self) -> int:
        """What is credited once the cap is taken off, at least 0 but for corrections."""
        return -self.of("service_credit", "credit_cap")

    def of(self, *kinds: LineKind) -> int:
        """The sum of all lines of these kinds."""
        return sum(line.amount_micros for line in self.lines if line.kind in kinds)


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


def simulate(verdict: Verdict, book: ContractBook, contract: str) -> Simulation | None:
    """The contract on this verdict's log; None where nothing of it is in the log.

    Raises ContractError where its versions are not in one currency and time zone.
    """
    facts = standing_facts(verdict.facts, contract)
    if not facts or verdict.watermark is None:
        return None
    records = billing_records(verdict, contract)
    account = account_to_the_end(records, book, contract, verdict.watermark)
    # Whoever is somebody else to billing is it here too: credits must be those of what is shown.
    customers = {one.fact.id: one.customer.hex() for one in records if one.customer is not None}
    return _Simulated(facts, customers, verdict, account, book, contract).whole()


class _Simulated:
    def __init__(
        self,
        facts: Sequence[Fact],
        customers: Mapping[str, str],
        verdict: Verdict,
        account: Account,
        book: ContractBook,
        contract: str,
    ) -> None:
        assert verdict.watermark is not None
        self._book = book
        self._contract = contract
        self._first = facts[0].time
        self._end = max(verdict.watermark, slice_end(self._first))
        self._last = book.at(contract, self._end)
        self._zone = self._last.time_zone
        self._breaches = [r for r in verdict.breaches if r.contract == contract]
        self._statements: dict[str, list[Booked]] = defaultdict(list)
        self._credits: Counter[tuple[str | None, str | None]] = Counter()
        for one in account.booked:
            self._statements[one.period].append(one)
            if isinstance(one, Adjustment) and one.kind == "service_credit":
                self._credits[one.clause, one.clause_period] -= one.amount_micros
        sealed = {seal.period for seal in account.seals}
        closed_at = max(seal.closed_at for seal in account.seals)
        self._spans = [
            span
            for span in billing_spans(book, contract, self._first, closed_at)
            if span.name in sealed
        ]
        end = self._spans[-1].end
        self._values = PeriodValues(facts, customers, book, self._zone, end)

    def whole(self) -> Simulation:
        settled = billing_kind(self._book, self._contract)
        clauses: list[ClausePeriod] = []
        versions = self._book.versions(self._contract)
        periods = {one.period or settled for t in versions for one in t.clauses}
        for kind in sorted(periods, key=("1d", "1w", "1M", "1Q").index):
            for span in spans_of(kind, self._zone, self._first, self._end):
                terms = self._book.at(self._contract, span.end - 1)
                clauses += [
                    self._clause(terms, clause, span)
                    for clause in terms.clauses
                    if (clause.period or settled) == kind
                ]
        order = {clause.id: n for n, clause in enumerate(self._last.clauses)}
        clauses.sort(key=lambda c: (order.get(c.clause.id, len(order)), c.clause.id, c.span.end))
        return Simulation(
            contract=self._contract,
            currency=self._last.currency,
            time_zone=self._zone,
            begin=slice_end(self._first) - _MINUTE_MS,
            end=self._end,
            clauses=tuple(clauses),
            settlements=tuple(self._settlement(span) for span in self._spans),
        )

    def _clause(self, terms: Terms, clause: Clause, span: Span) -> ClausePeriod:
        worst = None
        if clause.indicator != "escalation_wait":
            worst = worst_of(clause, self._values.of(clause, span))
        credit = money_of(terms).credit_of(clause.id)
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
            band=None if credit is None else band_of(clause, credit, worst),
            credit_micros=self._credits[clause.id, span.name],
        )

    def _settlement(self, span: Span) -> Settlement:
        booked = self._statements[span.name]
        items = [one for one in booked if isinstance(one, Item)]
        voids = Counter(one.reason or "" for one in items if one.status == "void")
        return Settlement(
            span=span,
            complete=span.start >= self._first and span.end <= self._end,
            charged=tuple(self._charged(items)),
            not_billed=tuple(sorted(voids.items())),
            lines=tuple(one for one in booked if isinstance(one, Adjustment)),
            total_micros=sum(one.amount_micros for one in booked),
        )

    def _charged(self, items: Iterable[Item]) -> list[Charged]:
        found: dict[Price, Charged] = {}
        for one in items:
            sign = {"final": 1, "reversal": -1}.get(one.status)
            if sign is None or one.charge != "resolution":
                continue
            about = one.about
            money = money_of(self._book.version(self._contract, about.version))
            price = money.price_of(about.channel, about.journey, about.query_type)
            assert price is not None
            so_far = found.get(price, Charged(price, 0, 0, 0))
            found[price] = Charged(
                price,
                so_far.count + sign,
                so_far.amount_micros + sign * about.agreed_micros,
                so_far.agent_micros + sign * about.agent_micros,
            )
        return [found[price] for price in sorted(found, key=_label)]


def _label(price: Price) -> tuple[str | int, ...]:
    return (*(one or "" for one in price.selector), price.amount_micros)


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
