"""`baton invoice`: a contract's statement of one billing period, and whether one is untouched."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from streams.cli.invoice_preview import preview_json, preview_problems, preview_text
from streams.cli.invoice_report import statement_csv, statement_html, statement_table
from streams.cli.invoice_sources import from_log, from_topics
from streams.cli.log_source import log_options
from streams.cli.options import book_from, chosen_contract, connection_options
from streams.cli.replay_clock import lateness_option, tick_option
from streams.domain.billing.preview import PublishedPreview
from streams.domain.billing.signing import Ed25519Signer, signature_problem
from streams.domain.billing.statement import (
    Statement,
    differing,
    problems_of,
    read_statement,
    statement_json,
)

EXIT_DIFFERENT = 1
_PREVIEW_FORMS = ("table", "json")
_WIDTH_IN_A_FILE = 120


@click.command()
@click.argument(
    "file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@click.option(
    "--contract",
    "contracts",
    multiple=True,
    envvar="BATON_CONTRACT",
    help="Contract file or folder of *.yaml; or, where the topics are read, a contract's name.",
)
@click.option("--name", help="Which contract, where the files hold several.")
@click.option("--period", required=True, help="Billing period: 2026-06, or 2026-Q2.")
@log_options
@lateness_option
@tick_option
@click.option(
    "--broker",
    envvar="BATON_BROKER",
    default="127.0.0.1:9092",
    show_default=True,
    help="Read the billing topics there, where no FILE is given.",
)
@click.option("--prefix", envvar="BATON_PREFIX", default="", help="Of topic names.")
@connection_options
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json", "html"]), default="table"
)
@click.option(
    "--preview",
    is_flag=True,
    help="What the period, still open, would come to if it closed now, service credits included;"
    " as table or json.",
)
@click.option(
    "--signing-key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    envvar="BATON_BILLING_KEY_FILE",
    help="With FILE: Ed25519 private key in PEM, to sign the seal.",
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
    help="Ed25519 public key in PEM that must have signed the seal.",
)
def invoice(
    file: Path | None,
    contracts: tuple[str, ...],
    name: str | None,
    period: str,
    source: str,
    source_options: tuple[str, ...],
    lateness_ms: int,
    tick_ms: int,
    form: str,
    preview: bool,
    signing_key: Path | None,
    verified: Path | None,
    public_key: Path | None,
    **given: Any,
) -> None:
    """Say what a contract comes to in one billing period: from the billing topics, or with FILE, a
    log, computed anew.

    From the topics: every record is checked for its place, its id and its amount, and the chain
    for its seal; what is wrong is named, exit code 1. From a log: what FILE does not tell has not
    happened, and the period is closed. The same records or FILE give the same bytes. Definitions:
    streams/domain/BILLING.md.
    """
    files = tuple(Path(one) for one in contracts if file is not None or Path(one).exists())
    named = [one for one in contracts if Path(one) not in files]
    if len(named) > 1 or (named and name not in (None, named[0])):
        raise click.UsageError("--contract names more than one contract")
    book = book_from(files) if files or (file is not None) else None
    if book is not None:
        contract = chosen_contract(book, name or (named[0] if named else None))
    elif named or name:
        contract = name or named[0]
    else:
        raise click.UsageError("no contract given: --contract NAME or FILE (or BATON_CONTRACT)")
    if preview and (form not in _PREVIEW_FORMS or verified is not None):
        raise click.UsageError(
            "--preview is of an open period, which nobody has sealed: not with --verify"
            if verified is not None
            else f"--preview is written as {' or '.join(_PREVIEW_FORMS)}, not as {form}"
        )
    problems: list[str] = []
    if file is None:
        found = from_topics(given, contract, period, preview=preview)
        statement, problems, ahead = found
        if ahead is not None:
            problems += preview_problems(ahead, statement, book)
        problems += _signature(statement, public_key) if verified is None else []
    else:
        assert book is not None
        told = from_log(
            file,
            (source, source_options),
            book,
            contract,
            period,
            lateness_ms=lateness_ms,
            tick_ms=tick_ms,
            signer=_signer(signing_key),
            preview=preview,
        )
        statement, ahead = told.statement, told.preview
    for problem in problems:
        click.echo(problem, err=True)
    if verified is not None:
        _verify(statement, verified, public_key, "log gives" if file is not None else "topics give")
    elif ahead is not None:
        _print_preview(ahead, form)
    elif preview:
        raise click.ClickException(_no_preview(statement))
    else:
        _print(statement, form)
    if problems:
        sys.exit(EXIT_DIFFERENT)


def _signer(key: Path | None) -> Ed25519Signer | None:
    if key is None:
        return None
    try:
        return Ed25519Signer(key.read_bytes())
    except ValueError as error:
        raise click.ClickException(f"{key}: {error}") from None


def _signature(statement: Statement, public_key: Path | None) -> list[str]:
    if public_key is None:
        return []
    try:
        wrong = (
            "there is no seal"
            if statement.seal is None
            else signature_problem(statement.seal, public_key.read_bytes())
        )
    except ValueError as error:
        raise click.ClickException(f"{public_key}: {error}") from None
    return [wrong] if wrong else []


def _print(statement: Statement, form: str) -> None:
    if form == "table":
        console = Console()
        if not console.is_terminal:
            console = Console(width=_WIDTH_IN_A_FILE)
        console.print(statement_table(statement))
        return
    write = {"csv": statement_csv, "html": statement_html, "json": _json}[form]
    click.get_binary_stream("stdout").write(write(statement))


def _print_preview(preview: PublishedPreview, form: str) -> None:
    if form == "json":
        click.get_binary_stream("stdout").write(preview_json(preview))
    else:
        click.echo(preview_text(preview), nl=False)


def _no_preview(statement: Statement) -> str:
    about = f"{statement.contract}, {statement.period}"
    if statement.seal is not None:
        return f"{about} is closed: what it came to is its statement, without --preview"
    return (
        f"{about}: no preview has been published; a worker does so each --preview-interval. With"
        " a log: baton invoice FILE --preview"
    )


def _json(statement: Statement) -> bytes:
    return statement_json(statement) + b"\n"


def _verify(ours: Statement, file: Path, public_key: Path | None, basis: str) -> None:
    theirs = statement_from(file)
    problems = problems_of(theirs)
    problems += [f"{name}: is not what the {basis}" for name in differing(ours, theirs)]
    if (theirs.contract, theirs.period) != (ours.contract, ours.period):
        problems.append(f"it is of {theirs.contract}, {theirs.period}")
    problems += _signature(theirs, public_key)
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
