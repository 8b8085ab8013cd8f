"""`baton reconcile`: a vendor's claim against our statement."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.table import Table

from streams.cli.invoice import statement_from
from streams.domain.billing.reconcile import TERMS, Disagreement, VendorClaim, reconciled
from streams.domain.money import decimal_text, millionths

EXIT_DIFFERENT = 1
_COLUMNS = {"version": "contract_version"}


@click.command()
@click.argument("ours", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("theirs", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
def reconcile(ours: Path, theirs: Path, form: str) -> None:
    """List every disagreement of OURS (a statement: `baton invoice --format json`) and THEIRS (CSV
    with conversation, episode, amount; optional life, currency, channel, journey, query_type,
    resolved_by, version), each with its evidence. Exit code 1 where there is one.
    """
    statement = statement_from(ours)
    try:
        found = reconciled(statement, list(_claims(theirs)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise click.ClickException(f"{theirs}: {error}") from None
    if form == "json":
        told = [{**one._asdict(), "difference_micros": one.difference_micros} for one in found]
        click.get_binary_stream("stdout").write(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        click.echo()
    else:
        Console(width=160).print(_table(found, statement.currency))
    if found:
        sys.exit(EXIT_DIFFERENT)


def _claims(file: Path) -> Iterator[VendorClaim]:
    with file.open(newline="", encoding="utf-8-sig") as opened:
        reader = csv.DictReader(opened)
        for name in ("conversation", "amount"):
            if name not in (reader.fieldnames or ()):
                raise click.ClickException(f"{file}:1: the header has no column {name}")
        for row in reader:
            where = f"{file.name}:{reader.line_num}"
            try:
                yield _claim(where, row)
            except (ValueError, ZeroDivisionError, AttributeError):
                click.echo(f"{where}: left out: amount or episode is no number", err=True)


def _claim(where: str, row: dict[str, str]) -> VendorClaim:
    named = {_COLUMNS.get(name, name): value for name, value in row.items() if value}
    return VendorClaim(
        where=where,
        conversation=row["conversation"].strip(),
        life=named.get("life"),
        episode=int(named.get("episode", "1")),
        amount_micros=millionths(row["amount"].strip()),
        currency=named.get("currency"),
        terms=tuple((name, named[name].strip()) for name in TERMS if name in named),
    )


def _table(found: list[Disagreement], currency: str) -> Table:
    table = Table(title=f"{len(found)} disagreements ({currency})")
    for name in ("where", "conversation", "episode", "what", "ours", "theirs", "why", "evidence"):
        table.add_column(name, overflow="fold")
    for one in found:
        table.add_row(
            one.where or "",
            one.conversation,
            str(one.episode),
            one.kind,
            "" if one.ours_micros is None else decimal_text(one.ours_micros, 2),
            "" if one.theirs_micros is None else decimal_text(one.theirs_micros, 2),
            one.detail,
            " ".join(one.evidence),
        )
    return table
