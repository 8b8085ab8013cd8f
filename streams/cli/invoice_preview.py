"""What a period that is still open would come to if it closed now. BILLING.md 7.9."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any

import click
import orjson

from streams.domain.billing.lines import usage_lines
from streams.domain.billing.periods import BillingCalendar, Span
from streams.domain.billing.preview import PublishedPreview, problems_of_preview
from streams.domain.billing.statement import Statement
from streams.domain.billing.store import InMemoryStore
from streams.domain.billing.units import Units
from streams.domain.calendar_period import period_named
from streams.domain.contract import ContractBook, ContractError
from streams.domain.money import decimal_text

_EPOCH_DAY = date(1970, 1, 1).toordinal()
# What follows from the items alone: BILLING.md 6, lines 1 to 5.
_OF_USAGE = frozenset(("allowance", "volume_discount", "cap", "minimum", "fixed_fee"))


def open_span(calendar: BillingCalendar, period: str) -> Span:
    """The billing period of that name. Raises click.ClickException where it is none of them."""
    try:
        span = calendar.at(calendar.kind, period_named(period, calendar.zone).end_ms)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if span.name != period:
        raise click.ClickException(
            f"{period} is no billing period of {calendar.contract}; the one it lies in is"
            f" {span.name}"
        )
    return span


def preview_problems(
    preview: PublishedPreview, statement: Statement, book: ContractBook | None
) -> list[str]:
    """What keeps a published preview from being that of the items beside it; with the contract's
    terms also where its lines 1 to 5 are not what follows from these.
    """
    found = problems_of_preview(preview, statement)
    if book is not None and not found:
        found += _usage_problems(preview.data, statement, book)
    return [f"preview as of {preview.time}: {problem}" for problem in found]


def _usage_problems(
    data: dict[str, Any], statement: Statement, book: ContractBook
) -> Iterator[str]:
    try:
        calendar = BillingCalendar(book, statement.contract)
    except (ContractError, KeyError) as error:
        raise click.ClickException(str(error)) from None
    span = open_span(calendar, statement.period)
    lines, _ = usage_lines(calendar, span, _units(statement.entries[: data["records"]], span))
    told = {
        line["kind"]: line["amount_micros"]
        for line in data["lines"]
        if line["kind"] in _OF_USAGE and line["service_period"] == statement.period
    }
    for line in lines:
        if told.get(line.kind, 0) != line.amount_micros:
            yield (
                f"{line.kind.replace('_', ' ')} is {told.get(line.kind, 0)} micro-units; by the"
                f" contract and the items it is {line.amount_micros}"
            )


def _units(entries: Iterable[dict[str, Any]], span: Span) -> Units:
    """The resolutions that are charged with this service period."""
    units = Units(span, InMemoryStore())
    for entry in entries:
        kind = str(entry["type"]).removeprefix("baton.billing.")
        if kind not in ("final", "reversal") or entry["service_period"] != span.name:
            continue
        life = date.fromisoformat(entry["life"]).toordinal() - _EPOCH_DAY
        episode = (entry["conversation_id"], life, entry["episode"])
        at = round(datetime.fromisoformat(entry["time"]).timestamp() * 1000)
        if kind == "final":
            units.put(at, episode, entry["agreed_micros"])
        else:
            units.drop(at, episode)
    return units


def preview_text(preview: PublishedPreview) -> str:
    """The preview in lines."""
    data = preview.data
    currency = data["currency"]

    def amount(micros: int) -> str:
        return f"{decimal_text(micros, 2)} {currency}"

    told = [f"{data['contract']}, {data['period']} (open), as of {preview.time}"]
    told.append(f"booked so far: {amount(data['booked_micros'])} in {data['records']:,} records")
    for line in data["lines"]:
        about = f" {line['clause']} {line['clause_period']}" if line["clause"] else ""
        of = f" (correction of {line['service_period']})" if line["charge_class"] else ""
        figures = "" if line["denominator"] is None else _figures(line)
        told.append(
            f"  {line['kind'].replace('_', ' ')}{about}{of}:"
            f" {amount(line['amount_micros'])}{figures}"
        )
    told.append(f"if it closed now: {amount(data['total_micros'])}")
    return "\n".join(told) + "\n"


def _figures(line: dict[str, Any]) -> str:
    key = f" of {line['key']}" if line["key"] else ""
    return f"  [{line['numerator']:,} / {line['denominator']:,}{key}]"


def preview_json(preview: PublishedPreview) -> bytes:
    """The preview as it is published, to be read by people too; the same preview gives the same
    bytes.
    """
    return orjson.dumps(orjson.loads(preview.raw), option=orjson.OPT_INDENT_2) + b"\n"
