"""What a period that is not closed would come to. BILLING.md 7.9. Amounts in micro-units."""

from __future__ import annotations

from dataclasses import dataclass, replace

from streams.domain.billing.books import Books
from streams.domain.billing.line import Line
from streams.domain.billing.periods import Span


@dataclass(frozen=True, slots=True)
class Preview:
    """What a period would come to if it closed now: `total_micros`, of which `booked_micros` are
    booked; `at_risk_micros` are what its credits would take, by clause, before the cap.
    """

    span: Span
    booked_micros: int
    total_micros: int
    at_risk_micros: dict[str, int]
    lines: tuple[tuple[Span, Line], ...]


def preview_of(books: Books) -> Preview | None:
    """What the oldest open period would come to if it closed now, horizons that end later as they
    stand; None before the first record.
    """
    span = books.next
    if span is None:
        return None
    held = books.open.get(span)
    booked = total = 0 if held is None else held.total
    at_risk: dict[str, int] = {}
    lines: list[tuple[Span, Line]] = []
    for service, line in books.due(span):
        so_far, _ = books.lines.get(service, {}).get(line.key, (0, 0))
        if service == span and line.kind == "service_credit" and line.clause is not None:
            at_risk[line.clause] = at_risk.get(line.clause, 0) - line.amount_micros
        if line.amount_micros != so_far:
            due = replace(line, amount_micros=line.amount_micros - so_far)
            lines.append((service, due))
            total += due.amount_micros
    return Preview(span, booked, total, at_risk, tuple(lines))
