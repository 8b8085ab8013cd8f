"""`baton reconcile`: a vendor's claim against our statement."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.table import Table

from streams.cli.claim_files import OurStatement, our_statement, vendor_claims
from streams.domain.billing.reconcile import Disagreement, counts_of, reconciled
from streams.domain.money import decimal_text

EXIT_DIFFERENT = 1


@click.command()
@click.argument("ours", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("theirs", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
def reconcile(ours: Path, theirs: Path, form: str) -> None:
    """List every disagreement of OURS (a statement: `baton invoice --format json` or `csv`) and
    THEIRS (CSV with conversation, amount; optional episode, life, currency, channel, journey,
    query_type, resolved_by, version, in any order), each with its evidence.

    Exit code 1 where there is one, or where a row of THEIRS cannot be read.
    """
    statement = our_statement(ours)
    unread: list[str] = []
    claims = list(vendor_claims(theirs, unread.append))
    found = reconciled(statement.entries, claims)
    for line in unread:
        click.echo(line, err=True)
    if form == "json":
        told = [{**one._asdict(), "difference_micros": one.difference_micros} for one in found]
        click.get_binary_stream("stdout").write(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        click.echo()
    else:
        _print(found, statement, len(claims))
    if found or unread:
        sys.exit(EXIT_DIFFERENT)


def _print(found: list[Disagreement], statement: OurStatement, claims: int) -> None:
    """What disagrees, and below it how much in all, of how many rows."""
    if found:
        Console(width=160).print(_table(found, statement.currency))
    of = f"{claims:,} rows against {statement.name}: "
    if not found:
        click.echo(f"{of}no disagreement")
        return
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(counts_of(found).items()))
    # What is claimed in another currency cannot be added to it.
    more = sum(one.difference_micros for one in found if one.kind != "wrong_currency")
    than = "more" if more >= 0 else "less"
    click.echo(f"{of}{len(found):,} disagreements ({kinds})")
    click.echo(f"by these they claim {decimal_text(abs(more), 2)} {statement.currency} {than}")


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
