"""`baton oracle`: the batch judge."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from streams.cli.log_source import log_options, read_source
from streams.cli.options import book_from, contract_option, market_option
from streams.cli.replay import Duration
from streams.oracle.judge import judge
from streams.oracle.report import verdict_parts, verdict_table
from streams.replay import ticked


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@contract_option
@log_options
@market_option
@click.option("--lateness", "lateness_ms", type=Duration(), envvar="BATON_LATENESS", default="30s")
@click.option("--tick", "tick_ms", type=Duration(), default="10s", show_default=True)
@click.option("--settle", "settle_ms", type=Duration(), default="10m", show_default=True)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
def oracle(
    file: Path,
    contracts: tuple[Path, ...],
    source: str,
    source_options: tuple[str, ...],
    markets: tuple[str, ...],
    lateness_ms: int,
    tick_ms: int,
    settle_ms: int,
    form: str,
) -> None:
    """Say what a stream must have published from FILE: facts, windows, breaches.

    Plain sorted loops, without Kafka and without the stream's code; give it the lateness, tick and
    settle that the worker and the replay had.
    """
    book = book_from(contracts)
    log = ticked(
        read_source(file, source, source_options), interval_ms=tick_ms, settle_ms=settle_ms
    )
    verdict = judge(log, book, lateness_ms=lateness_ms, markets=markets)
    if form == "json":
        out = click.get_binary_stream("stdout")
        out.writelines(verdict_parts(verdict))
        out.write(b"\n")
    else:
        Console().print(verdict_table(verdict))
