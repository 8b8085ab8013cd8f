"""The whole account of a contract from its records, in batch. BILLING.md.

It shares record types and contract with the ledger, and none of its computation. Times in ms since
1970 UTC, amounts in micro-units.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from streams.domain.billing.line import Line
from streams.domain.billing.preview import Preview
from streams.domain.billing.records import (
    CORRECTION,
    Adjustment,
    Booked,
    EpisodeId,
    Item,
    Seal,
    Told,
    encode_booked,
)
from streams.domain.contract import ContractBook, ContractError
from streams.domain.money import down_to_minor_unit
from streams.oracle.billing_claims import Event, events_of, standing_as_of
from streams.oracle.billing_lines import PeriodLines, Unit, billing_spans, grace_of
from streams.oracle.period_values import Span


class Account(NamedTuple):
    """What was booked, in order of its booking, and the seals of the periods that are closed."""

    booked: tuple[Booked, ...]
    seals: tuple[Seal, ...]


def account_of(records: Iterable[Told], book: ContractBook, contract: str, until: int) -> Account:
    """What is booked of one contract from the records known at or before `until`, and closed by
    then. Raises ContractError where its versions are not in one currency and time zone.
    """
    books = _books_of(records, book, contract, until)
    return Account((), ()) if books is None else books.closed()


def foreseen(
    records: Iterable[Told], book: ContractBook, contract: str, until: int, period: str = ""
) -> Preview | None:
    """What a period (without a name: the oldest that is open) would come to if it closed at
    `until`, and all before it: section 7.9. None before the first record, and for a period that is
    closed or has not begun. Raises ContractError as account_of does.
    """
    books = _books_of(records, book, contract, until)
    return None if books is None else books.foreseen(period)


def _books_of(
    records: Iterable[Told], book: ContractBook, contract: str, until: int
) -> _Books | None:
    versions = book.versions(contract)
    if len({(terms.currency, terms.time_zone) for terms in versions}) > 1:
        raise ContractError(
            f"contract {contract}: `currency` or `timeZone` differs between versions; billing"
            " needs the same in all of them"
        )
    unique = {record.fact.id: record for record in records if record.known <= until}
    ordered = sorted(unique.values(), key=lambda record: (record.known, record.fact.id))
    if not ordered:
        return None
    first = min(record.fact.time for record in ordered if record.known == ordered[0].known)
    return _Books(ordered, events_of(ordered, book), book, contract, first, until)


def account_to_the_end(
    records: Sequence[Told], book: ContractBook, contract: str, watermark: int
) -> Account:
    """The account in which every period that a record lies in is closed: what no record tells has
    not happened. There must be at least one.
    """
    times = [record.fact.time for record in records]
    spans = billing_spans(book, contract, min(times), max(times))
    closes = [span.end + grace_of(book, contract, span) for span in spans]
    return account_of(records, book, contract, max(watermark, *closes))


class _Books:
    def __init__(
        self,
        records: Sequence[Told],
        events: Sequence[Event],
        book: ContractBook,
        contract: str,
        first: int,
        until: int,
    ) -> None:
        self._records = records
        self._events = events
        self._book = book
        self._contract = contract
        self._until = until
        self._spans = billing_spans(book, contract, first, until)
        self._first = self._spans[0]
        self._booked: list[Booked] = []
        self._counts: Counter[str] = Counter()
        self._finals: dict[tuple[EpisodeId, str, int], str] = {}
        self._line_sums: dict[tuple[str, ...], tuple[int, int]] = {}

    def closed(self) -> Account:
        seals: list[Seal] = []
        done = 0
        for span in self._spans:
            at = self._closes(span)
            if at > self._until:
                break
            while done < len(self._events) and self._events[done].known <= at:
                self._book_item(self._events[done])
                done += 1
            self._book_lines(span, at)
            seals.append(self._seal(span, at, seals))
        for event in self._events[done:]:
            self._book_item(event)
        return Account(tuple(self._booked), tuple(seals))

    def foreseen(self, period: str) -> Preview | None:
        """The preview of a period, as of `until`."""
        closed = {seal.period for seal in self.closed().seals}
        begun = [span for span in self._spans if span.name not in closed]
        # A period without grace is closed as it ends, before the next one has begun.
        spans = begun or [self._span(self._until + 1)]
        names = [span.name for span in spans]
        if period and period not in names:
            return None
        wanted = spans[names.index(period) if period else 0]
        items = [one for one in self._booked if one.period == wanted.name]
        own: list[Line] = []
        for span in spans[: spans.index(wanted) + 1]:
            own = self._book_lines(span, self._until)
        records = [one for one in self._booked if one.period == wanted.name]
        at_risk: Counter[str] = Counter()
        for line in own:
            if line.kind == "service_credit" and line.clause is not None:
                at_risk[line.clause] -= line.amount_micros
        return Preview(
            contract=self._contract,
            period=wanted.name,
            at=self._until,
            currency=self._book.versions(self._contract)[0].currency,
            records=len(items),
            head=head_of(self._contract, wanted.name, items),
            booked_micros=sum(one.amount_micros for one in items),
            total_micros=sum(one.amount_micros for one in records),
            at_risk_micros=dict(at_risk),
            lines=tuple(one for one in records[len(items) :] if isinstance(one, Adjustment)),
        )

    def _book_item(self, event: Event) -> None:
        service = self._span(event.about.time)
        closed = service.end < self._first.end or self._closes(service) < event.known
        period = self._span(event.known) if closed else service
        reverses = None
        if event.reverses is not None:
            charge, revision, about = event.reverses
            reverses = self._finals[about.of, charge, revision]
        self._enter(
            Item(
                status=event.status,
                charge=event.charge,
                revision=event.revision,
                about=event.about,
                amount_micros=event.amount_micros,
                estimate_micros=event.estimate_micros,
                reason=event.reason,
                reverses_id=reverses,
                evidence_id=event.evidence_id,
                booked_at=event.known,
                period=period.name,
                service_period=service.name,
                charge_class=CORRECTION if closed else None,
                sequence=self._count(period) + 1,
            )
        )

    def _closes(self, span: Span) -> int:
        """No period closes before the one before it."""
        return max(
            one.end + grace_of(self._book, self._contract, one)
            for one in billing_spans(self._book, self._contract, self._first.end, span.end)
        )

    def _span(self, time: int) -> Span:
        return billing_spans(self._book, self._contract, time, time)[0]

    def _count(self, span: Span) -> int:
        return self._counts[span.name]

    def _enter(self, record: Booked) -> None:
        self._booked.append(record)
        self._counts[record.period] += 1
        if isinstance(record, Item) and record.status == "final":
            self._finals[record.about.of, record.charge, record.revision] = record.id

    def _units(self) -> list[Unit]:
        """The resolutions that are charged as of now, with their service periods."""
        reversed_ids = {
            one.reverses_id
            for one in self._booked
            if isinstance(one, Item) and one.reverses_id is not None
        }
        amounts: Counter[tuple[int, str, int, int, str]] = Counter()
        for one in self._booked:
            if isinstance(one, Item) and one.status == "final" and one.id not in reversed_ids:
                about = one.about
                place = (about.time, about.conversation, about.life, about.episode)
                amounts[(*place, one.service_period)] += one.amount_micros
        return [
            Unit(time, (conversation, life, episode), period, amount)
            for (time, conversation, life, episode, period), amount in amounts.items()
        ]

    def _book_lines(self, span: Span, at: int) -> list[Line]:
        """Book what a close at `at` books; the period's own lines, also those that come to 0."""
        lines = PeriodLines(
            self._book,
            self._contract,
            standing_as_of(self._records, at),
            self._units(),
            self._first,
            span,
        )
        before = {
            self._span(one.about.time)
            for one in self._booked
            if isinstance(one, Item) and self._span(one.about.time).end < self._first.end
        }
        past = [one for one in self._spans if one.end < span.end]
        own: list[Line] = []
        for service in (*sorted(before, key=lambda s: s.end), *past, span):
            own = lines.of(service)
            for line in own:
                self._book_line(span, service, line, at)
        total = sum(one.amount_micros for one in self._booked if one.period == span.name)
        rounding = down_to_minor_unit(total, lines.currency) - total
        if rounding:
            self._enter(self._adjustment(span, span, lines.rounding(rounding, span), at, 0))
        return own

    def _book_line(self, span: Span, service: Span, line: Line, at: int) -> None:
        key = (service.name, line.kind, line.clause or "", line.clause_period or "")
        so_far, times = self._line_sums.get(key, (0, 0))
        if line.amount_micros != so_far:
            self._line_sums[key] = (line.amount_micros, times + 1)
            due = replace(line, amount_micros=line.amount_micros - so_far)
            self._enter(self._adjustment(span, service, due, at, times))

    def _adjustment(self, span: Span, service: Span, line: Line, at: int, times: int) -> Adjustment:
        return line.booked(
            contract=self._contract,
            currency=self._book.versions(self._contract)[0].currency,
            revision=times,
            booked_at=at,
            period=span.name,
            service_period=service.name,
            charge_class=None if service == span else CORRECTION,
            sequence=self._count(span) + 1,
        )

    def _seal(self, span: Span, at: int, seals: Sequence[Seal]) -> Seal:
        records = [one for one in self._booked if one.period == span.name]
        return Seal(
            contract=self._contract,
            period=span.name,
            closed_at=at,
            records=len(records),
            total_micros=sum(one.amount_micros for one in records),
            currency=self._book.versions(self._contract)[0].currency,
            head=head_of(self._contract, span.name, records),
            previous_head=seals[-1].head if seals else "",
        )


def head_of(contract: str, period: str, records: Iterable[Booked]) -> str:
    """The chain's last digest over a period's records, in hexadecimal. Section 8.3."""
    head = hashlib.sha256(f"baton-billing-1\n{contract}\n{period}".encode()).digest()
    for record in records:
        body = hashlib.sha256(encode_booked(record)).digest()
        head = hashlib.sha256(head + body).digest()
    return head.hex()
