"""What open periods would come to if they closed now. BILLING.md 7.9. Amounts in micro-units."""

from __future__ import annotations

from dataclasses import replace

from streams.domain.billing.books import Books
from streams.domain.billing.chain import Chain, OpenPeriod
from streams.domain.billing.periods import BillingCalendar, Span
from streams.domain.billing.preview import Preview
from streams.domain.billing.records import Adjustment


def preview_of(
    books: Books, calendar: BillingCalendar, at: int, span: Span | None = None
) -> Preview | None:
    """What an open period (None: the oldest) would come to if it, and those before it, closed at
    `at` (ms), horizons that end later as they stand; None before the first record, and for a
    period that is closed.
    """
    if books.next is None or (span is not None and span < books.next):
        return None
    span = books.next if span is None else span
    held = books.open.get(span) or OpenPeriod(span, Chain(calendar.contract, span.name))
    at_risk: dict[str, int] = {}
    lines: list[Adjustment] = []
    total = held.total

    def number() -> int:
        return held.chain.length + len(lines) + 1

    for service, line in books.due(span):
        so_far, times = books.lines.get(service, {}).get(line.key, (0, 0))
        if service == span and line.kind == "service_credit" and line.clause is not None:
            at_risk[line.clause] = at_risk.get(line.clause, 0) - line.amount_micros
        if line.amount_micros != so_far:
            due = replace(line, amount_micros=line.amount_micros - so_far)
            lines.append(books.booked(span, service, due, at, times, number()))
            total += due.amount_micros
    rounding = books.rounding(span, total)
    if rounding.amount_micros:
        lines.append(books.booked(span, span, rounding, at, 0, number()))
    return Preview(
        contract=calendar.contract,
        period=span.name,
        at=at,
        currency=calendar.currency,
        records=held.chain.length,
        head=held.chain.head,
        booked_micros=held.total,
        total_micros=total + rounding.amount_micros,
        at_risk_micros=at_risk,
        lines=tuple(lines),
    )
