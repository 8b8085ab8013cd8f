"""`baton invoice`: a contract's statement of one billing period, and whether one is untouched."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from streams.cli.invoice_report import statement_csv, statement_html, statement_table
from streams.cli.log_source import log_options, read_source
from streams.cli.options import book_from, chosen_contract, contract_option
from streams.cli.replay import Duration
from streams.domain.billing.ledger import Ledger
from streams.domain.billing.periods import BillingCalendar
from streams.domain.billing.signing import Ed25519Signer, signature_problem
from streams.domain.billing.statement import (
    Statement,
    differing,
    problems_of,
    read_statement,
    statement_json,
    statement_of,
)
from streams.domain.contract import ContractError
from streams.oracle.billing_records import billing_records
from streams.oracle.judge import judge
from streams.replay import ticked

EXIT_DIFFERENT = 1
_WIDTH_IN_A_FILE = 120


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@contract_option
@click.option("--name", help="Which contract, where the files hold several.")
@click.option("--period", required=True, help="Billing period: 2026-06, or 2026-Q2.")
@log_options
@click.option("--lateness", "lateness_ms", type=Duration(), envvar="BATON_LATENESS", default="30s")
@click.option("--tick", "tick_ms", type=Duration(), default="10s", show_default=True)
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json", "html"]), default="table"
)
@click.option(
    "--signing-key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    envvar="BATON_BILLING_KEY_FILE",
    help="Ed25519 private key in PEM, to sign the seal.",
)
@click.option(
    "--verify",
    "verified",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Compare with this statement (json) and name every record that differs; exit code 1.",
)
@click.option(
    "--public-key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="With --verify: Ed25519 public key in PEM that must have signed it.",
)
def invoice(
    file: Path,
    contracts: tuple[Path, ...],
    name: str | None,
    period: str,
    source: str,
    source_options: tuple[str, ...],
    lateness_ms: int,
    tick_ms: int,
    form: str,
    signing_key: Path | None,
    verified: Path | None,
    public_key: Path | None,
) -> None:
    """Say what FILE, a log, comes to under a contract in one billing period.

    What FILE does not tell has not happened: the period is closed. The same FILE and contract give
    the same bytes. Definitions: streams/domain/BILLING.md.
    """
    book = book_from(contracts)
    contract = chosen_contract(book, name)
    settle_ms = max(t.inactivity_ms + t.verification_ms for t in book.versions(contract))
    log = ticked(
        read_source(file, source, source_options), interval_ms=tick_ms, settle_ms=settle_ms
    )
    verdict = judge(log, book, lateness_ms=lateness_ms)
    records = billing_records(verdict, contract)
    if not records or verdict.watermark is None:
        raise click.ClickException(f"{file}: nothing in it is about the contract {contract}")
    signer = None
    if signing_key is not None:
        try:
            signer = Ed25519Signer(signing_key.read_bytes())
        except ValueError as error:
            raise click.ClickException(f"{signing_key}: {error}") from None
    try:
        calendar = BillingCalendar(book, contract)
        ledger = Ledger(book, contract, signer=signer)
    except ContractError as error:
        raise click.ClickException(str(error)) from None
    last = calendar.of_time(max(told.fact.time for told in records))
    # The one before it may stay open longer, by the grace of an earlier version.
    before = calendar.at(calendar.kind, last.start)
    until = max(verdict.watermark, calendar.closes_at(last), calendar.closes_at(before))
    ledger.apply(0, until, records)
    booked = ledger.advance()
    there = sorted({one.period for one in booked})
    if period not in there:
        raise click.ClickException(f"{file}: no period {period}; there are: {', '.join(there)}")
    statement = statement_of(contract, period, calendar.currency, booked)
    if verified is not None:
        _verify(statement, verified, public_key)
        return
    _print(statement, form)


def _print(statement: Statement, form: str) -> None:
    if form == "table":
        console = Console()
        if not console.is_terminal:
            console = Console(width=_WIDTH_IN_A_FILE)
        console.print(statement_table(statement))
        return
    write = {"csv": statement_csv, "html": statement_html, "json": _json}[form]
    click.get_binary_stream("stdout").write(write(statement))


def _json(statement: Statement) -> bytes:
    return statement_json(statement) + b"\n"


def _verify(ours: Statement, file: Path, public_key: Path | None) -> None:
    theirs = statement_from(file)
    problems = problems_of(theirs)
    problems += [f"{name}: is not what the log gives" for name in differing(ours, theirs)]
    if (theirs.contract, theirs.period) != (ours.contract, ours.period):
        problems.append(f"it is of {theirs.contract}, {theirs.period}")
    if public_key is not None:
        try:
            wrong = (
                "there is no seal"
                if theirs.seal is None
                else signature_problem(theirs.seal, public_key.read_bytes())
            )
        except ValueError as error:
            raise click.ClickException(f"{public_key}: {error}") from None
        problems += [wrong] if wrong else []
    for problem in problems:
        click.echo(f"{file}: {problem}")
    if problems:
        sys.exit(EXIT_DIFFERENT)
    signed = "signature good" if public_key is not None else "signature not checked"
    click.echo(f"{file}: {len(theirs.records)} records, chain and totals sound; {signed}")


def statement_from(file: Path) -> Statement:
    """A statement as `baton invoice --format json` wrote it. Raises click.ClickException."""
    try:
        return read_statement(file.read_bytes())
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{file}: {error}") from None
