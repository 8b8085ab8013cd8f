"""`baton contract simulate`: what a contract would have cost on a log."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from streams.cli.log_source import log_options, read_source
from streams.cli.options import book_from, chosen_contract, contract_option
from streams.cli.replay_clock import Duration, lateness_option, tick_option
from streams.domain.contract import ContractError
from streams.oracle.judge import judge
from streams.oracle.simulation import simulate as simulated
from streams.oracle.simulation_report import simulation_json, simulation_table
from streams.replay import ticked

_WIDTH_IN_A_FILE = 160


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@contract_option
@click.option("--name", help="Which contract, where the files hold several.")
@log_options
@lateness_option
@tick_option
@click.option(
    "--settle",
    "settle_ms",
    type=Duration(),
    help="How long after the last event time goes on; default: until the last resolution can have"
    " been verified.",
)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
def simulate(
    file: Path,
    contracts: tuple[Path, ...],
    name: str | None,
    source: str,
    source_options: tuple[str, ...],
    lateness_ms: int,
    tick_ms: int,
    settle_ms: int | None,
    form: str,
) -> None:
    """Say what FILE, a log, would have cost under a contract: values, breaches, and its statements
    with every line, credit and earn-back.

    The batch judge reads the log, the batch computation of billing settles it; every clause is told
    over its calendar period, a rolling one over the billing period. Definitions: BILLING.md.
    """
    book = book_from(contracts)
    chosen = chosen_contract(book, name)
    if settle_ms is None:
        settle_ms = max(t.inactivity_ms + t.verification_ms for t in book.versions(chosen))
    log = ticked(
        read_source(file, source, source_options), interval_ms=tick_ms, settle_ms=settle_ms
    )
    verdict = judge(log, book, lateness_ms=lateness_ms)
    try:
        simulation = simulated(verdict, book, chosen)
    except ContractError as error:
        raise click.ClickException(str(error)) from None
    if simulation is None:
        raise click.ClickException(f"{file}: nothing in it is about the contract {chosen}")
    if form == "json":
        click.get_binary_stream("stdout").write(simulation_json(simulation) + b"\n")
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_IN_A_FILE)
    console.print(simulation_table(simulation))
