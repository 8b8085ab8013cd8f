"""The periods of one contract's account: what is booked in each, its lines, its close and seal.
BILLING.md sections 5 to 8. Times in ms since 1970 UTC, amounts in micro-units.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from streams.domain.billing.cells import Cell
from streams.domain.billing.chain import Chain, OpenPeriod, Signer
from streams.domain.billing.credit_lines import (
    MOST_EARN_BACK_PERIODS,
    Credits,
    credits_of,
    earn_backs,
)
from streams.domain.billing.horizons import Horizons
from streams.domain.billing.items import Draft, item_id_of
from streams.domain.billing.line import Line
from streams.domain.billing.lines import Fees, usage_lines
from streams.domain.billing.periods import BillingCalendar, Span
from streams.domain.billing.records import (
    CORRECTION,
    Adjustment,
    Booked,
    Item,
    LineKind,
    Seal,
    encode_booked,
    encode_seal,
)
from streams.domain.billing.units import MemberStore, Units
from streams.domain.billing.values import ClauseValues
from streams.domain.calendar_period import Period
from streams.domain.memory import DAY_MS
from streams.domain.money import down_to_minor_unit

LineKey = tuple[LineKind, str, str]
# (what a line came to so far, how often it was booked)
Told = tuple[int, int]
_LONGEST_DAYS: dict[Period, int] = {"1d": 2, "1w": 8, "1M": 31, "1Q": 92}


@dataclass(slots=True)
class Changes:
    """What changed since it was last stored."""

    lines: set[Span] = field(default_factory=set)
    credits: set[Span] = field(default_factory=set)
    cells: list[Cell] = field(default_factory=list)


class Books:
    """Where items and lines are booked. With `horizons`, what a period came to is kept for its
    restatement until nothing can change it any more.
    """

    def __init__(
        self,
        calendar: BillingCalendar,
        values: ClauseValues,
        signer: Signer | None,
        horizons: Horizons | None,
        store: MemberStore,
    ) -> None:
        self._calendar = calendar
        self._values = values
        self._signer = signer
        self._horizons = horizons
        self.store = store
        self.units: dict[Span, Units] = {}
        self.first: Span | None = None
        self.next: Span | None = None
        self.open: dict[Span, OpenPeriod] = {}
        self.lines: dict[Span, dict[LineKey, Told]] = defaultdict(dict)
        self.previous_head = ""
        self.closed_at: int | None = None
        # Of periods that are not restated any more: earn-back looks at their credits.
        self.settled: dict[Span, Credits | None] = {}
        self.changes = Changes()
        # The canonical bytes of what was booked and sealed since they were last taken, in order.
        self.encoded: list[bytes] = []
        # As of the last look.
        self._credits: dict[Span, Credits | None] = {}
        self._usages: dict[Span, tuple[list[Line], Fees]] = {}

    def begin(self, time: int) -> None:
        """The first record is of `time`."""
        self.first = self.next = self._calendar.of_time(time)

    def book_item(self, draft: Draft, known: int) -> Item:
        """Book one item at the moment that it follows from."""
        about = draft.about
        service = self._calendar.of_time(about.time)
        closed = self._is_closed(service)
        period = self._period(self._calendar.of_time(known) if closed else service)
        if draft.status == "final":
            self.units_of(service).put(about.time, about.of, about.agreed_micros)
        elif draft.status == "reversal":
            self.units_of(service).drop(about.time, about.of)
        item = Item(
            status=draft.status,
            charge=draft.charge,
            revision=draft.revision,
            about=about,
            amount_micros=draft.amount_micros,
            estimate_micros=draft.estimate_micros,
            reason=draft.reason,
            reverses_id=None if draft.reverses is None else item_id_of(draft.reverses),
            evidence_id=draft.evidence_id,
            booked_at=known,
            period=period.span.name,
            service_period=service.name,
            charge_class=CORRECTION if closed else None,
            sequence=period.chain.length + 1,
        )
        self._append(period, item)
        return item

    def units_of(self, span: Span) -> Units:
        """The resolutions that are charged with a service period."""
        found = self.units.get(span)
        if found is None:
            found = self.units[span] = Units(span, self.store)
        return found

    def put_away(self) -> None:
        """Put the units that were looked at into the store."""
        for units in self.units.values():
            units.put_away()

    def _append(self, period: OpenPeriod, record: Booked) -> None:
        raw = encode_booked(record)
        period.chain.append_bytes(raw)
        period.total += record.amount_micros
        self.encoded.append(raw)

    def _is_closed(self, span: Span) -> bool:
        return self.next is not None and span < self.next

    def _period(self, span: Span) -> OpenPeriod:
        found = self.open.get(span)
        if found is None:
            chain = Chain(self._calendar.contract, span.name)
            found = self.open[span] = OpenPeriod(span, chain)
        return found

    def close_before(self, known: int) -> Iterator[Booked | Seal]:
        """Close every period whose last moment is before `known`."""
        while self.next is not None and (at := self._closes_at(self.next)) < known:
            yield from self._close(self.next, at)
            self.closed_at = at
            self.next = self._calendar.after(self.next)

    @property
    def closes_next(self) -> int | None:
        """When the oldest open period closes; None before the first record."""
        return None if self.next is None else self._closes_at(self.next)

    def _closes_at(self, span: Span) -> int:
        at = self._calendar.closes_at(span)
        # Not before the one before it, whose grace may be of another version.
        return at if self.closed_at is None else max(at, self.closed_at)

    def _close(self, span: Span, at: int) -> Iterator[Booked | Seal]:
        period = self._period(span)
        for service, line in self.due(span):
            booked = self._adjustment(period, service, line, at)
            if booked is not None:
                yield booked
        rounding = self.rounding(span, period.total)
        if rounding.amount_micros:
            yield self._book(period, span, rounding, at, 0)
        del self.open[span]
        seal = Seal(
            contract=self._calendar.contract,
            period=span.name,
            closed_at=at,
            records=period.chain.length,
            total_micros=period.total,
            currency=self._calendar.currency,
            head=period.chain.head,
            previous_head=self.previous_head,
        )
        self.previous_head = seal.head
        self._settle(span, at)
        sealed = seal if self._signer is None else self._signer.signed(seal)
        self.encoded.append(encode_seal(sealed))
        yield sealed

    def due(self, span: Span) -> Iterator[tuple[Span, Line]]:
        """Restated lines of closed periods, then the period's own, as they are now."""
        self._values.settle()
        self._credits, self._usages = {}, {}
        # What is open before it closes before it, and leaves it nothing to restate.
        restated = self._restated(span) if span == self.next else []
        for one in (*restated, span):
            for line in self._lines(one):
                yield one, line

    def _restated(self, span: Span) -> list[Span]:
        """The periods before `span` that may still change, in order."""
        assert self.first is not None
        booked = {one for one, units in self.units.items() if units} | self.lines.keys()
        earlier = {one for one in booked if one < self.first}
        closed = self.first
        while closed < span:
            earlier.add(closed)
            closed = self._calendar.after(closed)
        return sorted(earlier - self.settled.keys())

    def _lines(self, span: Span) -> list[Line]:
        assert self.first is not None
        lines = list(self._usage(span)[0])
        if span < self.first:
            return [line for line in lines if line.kind not in ("minimum", "fixed_fee")]
        credits = self._credits_in(span)
        assert credits is not None
        lines += [credit.line for credit in credits.each]
        lines.append(credits.cap)
        lines += earn_backs(self._calendar, span, self._credits_in, self._values.worst)
        return lines

    def _usage(self, span: Span) -> tuple[list[Line], Fees]:
        assert self.first is not None
        if span not in self._usages:
            units = self.units_of(span)
            early = span < self.first
            self._usages[span] = usage_lines(self._calendar, span, units, before_first=early)
        return self._usages[span]

    def _credits_in(self, span: Span) -> Credits | None:
        if self.first is None or span < self.first:
            return None
        if span in self.settled:
            return self.settled[span]
        if span not in self._credits:
            units = self.units_of(span)
            _, fees = self._usage(span)
            self._credits[span] = credits_of(self._calendar, span, fees, units, self._values.worst)
        return self._credits[span]

    def _settle(self, closed: Span, at: int) -> None:
        """Forget what the periods came to that nothing known after `at` can change: this close was
        the last to restate them.
        """
        if self._horizons is None:
            return
        for span in (*self._restated(closed), closed):
            if span.end + self._horizons.claim_ms > at:
                continue
            self.settled[span] = self._credits_in(span)
            self.changes.credits.add(span)
            if (units := self.units.pop(span, None)) is not None:
                units.forget()
            self.lines.pop(span, None)
            self.changes.lines.add(span)
            for kind, days in _LONGEST_DAYS.items():
                until = span.start - (MOST_EARN_BACK_PERIODS + 1) * days * DAY_MS
                self.changes.cells += self._values.cells.drop_before(kind, until)

    def _adjustment(
        self, period: OpenPeriod, service: Span, line: Line, at: int
    ) -> Adjustment | None:
        """Book what a line differs by from what has been booked of it; None for nothing."""
        so_far, times = self.lines[service].get(line.key, (0, 0))
        if line.amount_micros == so_far:
            return None
        self.lines[service][line.key] = (line.amount_micros, times + 1)
        self.changes.lines.add(service)
        due = replace(line, amount_micros=line.amount_micros - so_far)
        return self._book(period, service, due, at, times)

    def _book(
        self, period: OpenPeriod, service: Span, line: Line, at: int, revision: int
    ) -> Adjustment:
        number = period.chain.length + 1
        booked = self.booked(period.span, service, line, at, revision, number)
        self._append(period, booked)
        return booked

    def booked(
        self, span: Span, service: Span, line: Line, at: int, revision: int, sequence: int
    ) -> Adjustment:
        """The record of a line as number `sequence` of a period, which is not booked by that."""
        return line.booked(
            contract=self._calendar.contract,
            currency=self._calendar.currency,
            revision=revision,
            booked_at=at,
            period=span.name,
            service_period=service.name,
            charge_class=None if service == span else CORRECTION,
            sequence=sequence,
        )

    def rounding(self, span: Span, total: int) -> Line:
        """What rounds the total of a period."""
        amount = down_to_minor_unit(total, self._calendar.currency) - total
        return Line(
            kind="rounding",
            version=self._calendar.terms(span).version,
            time=span.end,
            amount_micros=amount,
            formula="what is to be paid, cut towards zero to the smallest unit, minus the sum",
        )
