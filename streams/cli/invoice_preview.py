"""What a period that is still open would come to if it closed now. BILLING.md 7.9."""

from __future__ import annotations

from datetime import date, datetime

import click

from streams.domain.billing.lines import usage_lines
from streams.domain.billing.periods import BillingCalendar
from streams.domain.billing.preview import Preview
from streams.domain.billing.statement import Statement
from streams.domain.billing.store import InMemoryStore
from streams.domain.billing.units import Units
from streams.domain.calendar_period import period_named
from streams.domain.contract import ContractBook, ContractError
from streams.domain.money import decimal_text

_EPOCH_DAY = date(1970, 1, 1).toordinal()


def preview_of(statement: Statement, book: ContractBook) -> Preview:
    """What the items of a statement come to with its volume and fixed fee; credits are not in it,
    for what clauses came to does not stand in the billing topics. Raises click.ClickException.
    """
    try:
        calendar = BillingCalendar(book, statement.contract)
        named = period_named(statement.period, calendar.zone)
    except (ContractError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    span = calendar.at(calendar.kind, named.end_ms)
    units = Units(span, InMemoryStore())
    booked = 0
    for entry in statement.entries:
        booked += entry["amount_micros"]
        kind = str(entry["type"]).removeprefix("baton.billing.")
        if kind not in ("final", "reversal") or entry["service_period"] != statement.period:
            continue
        life = date.fromisoformat(entry["life"]).toordinal() - _EPOCH_DAY
        episode = (entry["conversation_id"], life, entry["episode"])
        at = round(datetime.fromisoformat(entry["time"]).timestamp() * 1000)
        if kind == "final":
            units.put(at, episode, entry["agreed_micros"])
        else:
            units.drop(at, episode)
    if statement.seal is not None:
        return Preview(span, booked, booked, {}, ())
    lines, _ = usage_lines(calendar, span, units)
    due = tuple((span, line) for line in lines if line.amount_micros)
    return Preview(span, booked, booked + sum(line.amount_micros for _, line in due), {}, due)


def preview_text(statement: Statement, preview: Preview, *, complete: bool) -> str:
    """The preview in lines; `complete`: credits are in it."""
    currency = statement.currency

    def amount(micros: int) -> str:
        return f"{decimal_text(micros, 2)} {currency}"

    state = "open" if statement.seal is None else "closed"
    told = [f"{statement.contract}, {statement.period} ({state})"]
    told.append(f"booked so far: {amount(preview.booked_micros)}")
    for span, line in preview.lines:
        about = "" if line.clause is None else f" {line.clause} {line.clause_period}"
        of = "" if span == preview.span else f" (correction of {span.name})"
        told.append(f"  {line.kind.replace('_', ' ')}{about}{of}: {amount(line.amount_micros)}")
    told.append(f"if it closed now: {amount(preview.total_micros)}")
    if not complete:
        told.append("without service credits: baton_clause_money_at_risk_micros shows those")
    return "\n".join(told) + "\n"
