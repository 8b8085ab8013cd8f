"""The ledger of one contract: records in, items and adjustments out, period by period.
BILLING.md.

Records come from any number of sources, each in any order; they are taken by the moment they were
known, up to the least watermark over all sources. So neither interleaving, nor batches, nor what
comes twice can change what is booked, or its order. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from heapq import heappop, heappush

from streams.domain.billing.accounts import Accounts
from streams.domain.billing.chain import Chain, Signer
from streams.domain.billing.credit_lines import Credits, credits_of, earn_backs
from streams.domain.billing.items import Account, Draft
from streams.domain.billing.line import Line
from streams.domain.billing.lines import Fees, Unit, usage_lines
from streams.domain.billing.periods import BillingCalendar, Span
from streams.domain.billing.records import (
    CORRECTION,
    Adjustment,
    Booked,
    EpisodeId,
    Item,
    Seal,
    Told,
)
from streams.domain.billing.values import ClauseValues
from streams.domain.contract import ContractBook
from streams.domain.money import down_to_minor_unit

_LineKey = tuple[str, str, str, str]


@dataclass(slots=True)
class _Period:
    """One period that is not closed: its chain and what it came to so far."""

    span: Span
    chain: Chain
    total: int = 0


class Ledger:
    """One contract's account. `sources`: how many send records; nothing is taken before each has
    been heard. Raises ContractError where its versions are not in one currency and time zone.
    """

    def __init__(
        self, book: ContractBook, contract: str, *, sources: int = 1, signer: Signer | None = None
    ) -> None:
        self._contracts = book
        self._calendar = BillingCalendar(book, contract)
        self._signer = signer
        self._sources = sources
        self._heard: dict[int, int] = {}
        self._ahead: list[tuple[int, str, Told]] = []
        self._queued: set[str] = set()
        self._reached: int | None = None
        self._accounts = Accounts(book)
        self._values = ClauseValues(book, self._calendar)
        self._claims: dict[EpisodeId, Account] = defaultdict(Account)
        self._units: dict[Span, dict[EpisodeId, Unit]] = defaultdict(dict)
        self._first: Span | None = None
        self._next: Span | None = None
        self._open: dict[Span, _Period] = {}
        self._booked_lines: dict[_LineKey, tuple[int, int]] = {}
        self._previous_head = ""
        self._closed_at: int | None = None
        self._credits: dict[Span, Credits | None] = {}

    @property
    def reached(self) -> int | None:
        """Up to when records have been taken."""
        return self._reached

    def apply(self, source: int, watermark: int, records: Iterable[Told]) -> None:
        """Take one source's records up to its watermark; those that came before change nothing."""
        self._heard[source] = max(watermark, self._heard.get(source, watermark))
        for record in records:
            name = record.fact.id
            fresh = self._reached is None or record.known > self._reached
            if fresh and name not in self._queued:
                self._queued.add(name)
                heappush(self._ahead, (record.known, name, record))

    def advance(self) -> list[Booked | Seal]:
        """What is booked up to the least watermark, in order, with the seals of closed periods."""
        if len(self._heard) < self._sources:
            return []
        watermark = min(self._heard.values())
        if self._reached is not None and watermark <= self._reached:
            return []
        booked: list[Booked | Seal] = []
        while self._ahead and self._ahead[0][0] <= watermark:
            known = self._ahead[0][0]
            batch = self._known_at(known)
            if self._first is None:
                least = min(record.fact.time for record in batch)
                self._first = self._next = self._calendar.of_time(least)
            booked += self._close_before(known)
            booked += self._take(known, batch)
        booked += self._close_before(watermark + 1)
        self._reached = watermark
        return booked

    def _known_at(self, known: int) -> list[Told]:
        batch: list[Told] = []
        while self._ahead and self._ahead[0][0] == known:
            _, name, record = heappop(self._ahead)
            self._queued.discard(name)
            batch.append(record)
        return batch

    def _take(self, known: int, batch: Iterable[Told]) -> Iterator[Item]:
        """All records of one k at once."""
        for record in batch:
            self._values.change(*self._accounts.take(record))
        drafts: list[Draft] = []
        for episode, claim, settled in self._accounts.settled():
            if episode in self._claims or claim.claimed:
                drafts += self._claims[episode].follow(claim, settled, self._contracts)
        for draft in sorted(drafts, key=lambda draft: draft.order):
            yield self._book_item(draft, known)

    def _book_item(self, draft: Draft, known: int) -> Item:
        about = draft.about
        service = self._calendar.of_time(about.time)
        closed = self._is_closed(service)
        period = self._period(self._calendar.of_time(known) if closed else service)
        units = self._units[service]
        if draft.status == "final":
            units[about.of] = Unit(about.time, about.of, about.agreed_micros)
        elif draft.status == "reversal":
            units.pop(about.of, None)
        item = Item(
            status=draft.status,
            charge=draft.charge,
            revision=draft.revision,
            about=about,
            amount_micros=draft.amount_micros,
            estimate_micros=draft.estimate_micros,
            reason=draft.reason,
            reverses_id=None if draft.reverses is None else _item_id(draft.reverses),
            evidence_id=draft.evidence_id,
            booked_at=known,
            period=period.span.name,
            service_period=service.name,
            charge_class=CORRECTION if closed else None,
            sequence=period.chain.length + 1,
        )
        self._append(period, item)
        return item

    def _append(self, period: _Period, record: Booked) -> None:
        period.chain.append(record)
        period.total += record.amount_micros

    def _is_closed(self, span: Span) -> bool:
        return self._next is not None and span < self._next

    def _period(self, span: Span) -> _Period:
        found = self._open.get(span)
        if found is None:
            chain = Chain(self._calendar.contract, span.name)
            found = self._open[span] = _Period(span, chain)
        return found

    def _close_before(self, known: int) -> Iterator[Booked | Seal]:
        """Close every period whose last moment is before `known`."""
        while self._next is not None and (at := self._closes_at(self._next)) < known:
            yield from self._close(self._next, at)
            self._closed_at = at
            self._next = self._calendar.after(self._next)

    def _closes_at(self, span: Span) -> int:
        at = self._calendar.closes_at(span)
        # Not before the one before it, whose grace may be of another version.
        return at if self._closed_at is None else max(at, self._closed_at)

    def _close(self, span: Span, at: int) -> Iterator[Booked | Seal]:
        period = self._period(span)
        for service, line, correction in self._due(span):
            booked = self._adjustment(period, service, line, at, correction=correction)
            if booked is not None:
                yield booked
        rounding = down_to_minor_unit(period.total, self._calendar.currency) - period.total
        if rounding:
            yield self._book(period, span, _rounding(self._calendar, span, rounding), at, 0, None)
        del self._open[span]
        seal = Seal(
            contract=self._calendar.contract,
            period=span.name,
            closed_at=at,
            records=period.chain.length,
            total_micros=period.total,
            currency=self._calendar.currency,
            head=period.chain.head,
            previous_head=self._previous_head,
        )
        self._previous_head = seal.head
        yield seal if self._signer is None else self._signer.signed(seal)

    def _due(self, span: Span) -> Iterator[tuple[Span, Line, bool]]:
        """Restated lines of closed periods, then the period's own, as they are now."""
        assert self._first is not None
        self._values.settle()
        self._credits = {}
        earlier = {one for one in self._units if one < self._first}
        closed = self._first
        while closed < span:
            earlier.add(closed)
            closed = self._calendar.after(closed)
        for one in (*sorted(earlier), span):
            for line in self._lines(one):
                yield one, line, one != span

    def _lines(self, span: Span) -> list[Line]:
        assert self._first is not None
        lines, _ = self._usage(span)
        if span < self._first:
            return [line for line in lines if line.kind not in ("minimum", "fixed_fee")]
        credits = self._credits_in(span)
        assert credits is not None
        lines += [credit.line for credit in credits.each]
        lines.append(credits.cap)
        lines += earn_backs(self._calendar, span, self._credits_in, self._values.worst)
        return lines

    def _usage(self, span: Span) -> tuple[list[Line], Fees]:
        assert self._first is not None
        units = list(self._units.get(span, {}).values())
        return usage_lines(self._calendar, span, units, before_first=span < self._first)

    def _credits_in(self, span: Span) -> Credits | None:
        if self._first is None or span < self._first:
            return None
        if span not in self._credits:
            units = list(self._units.get(span, {}).values())
            _, fees = self._usage(span)
            self._credits[span] = credits_of(self._calendar, span, fees, units, self._values.worst)
        return self._credits[span]

    def _adjustment(
        self, period: _Period, service: Span, line: Line, at: int, *, correction: bool
    ) -> Adjustment | None:
        """Book what a line differs by from what has been booked of it; None for nothing."""
        key = (service.name, *line.key)
        so_far, times = self._booked_lines.get(key, (0, 0))
        if line.amount_micros == so_far:
            return None
        self._booked_lines[key] = (line.amount_micros, times + 1)
        due = replace(line, amount_micros=line.amount_micros - so_far)
        return self._book(period, service, due, at, times, CORRECTION if correction else None)

    def _book(
        self,
        period: _Period,
        service: Span,
        line: Line,
        at: int,
        revision: int,
        charge_class: str | None,
    ) -> Adjustment:
        booked = line.booked(
            contract=self._calendar.contract,
            currency=self._calendar.currency,
            revision=revision,
            booked_at=at,
            period=period.span.name,
            service_period=service.name,
            charge_class=charge_class,
            sequence=period.chain.length + 1,
        )
        self._append(period, booked)
        return booked


def _item_id(draft: Draft) -> str:
    return Item(
        status=draft.status,
        charge=draft.charge,
        revision=draft.revision,
        about=draft.about,
        amount_micros=0,
        estimate_micros=0,
        reason=None,
        reverses_id=None,
        evidence_id="",
        booked_at=0,
        period="",
        service_period="",
        charge_class=None,
        sequence=0,
    ).id


def _rounding(calendar: BillingCalendar, span: Span, amount: int) -> Line:
    return Line(
        kind="rounding",
        version=calendar.terms(span).version,
        time=span.end,
        amount_micros=amount,
        formula="what is to be paid, cut towards zero to the smallest unit, minus the sum",
    )
