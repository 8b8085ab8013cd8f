"""`baton compare`: what a group published beside what the judge says of the same log."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import click
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from streams.cli.demo_check import Difference, differences_from
from streams.cli.log_source import log_options, read_source
from streams.cli.options import (
    book_from,
    connection_options,
    contract_option,
    market_option,
    settings_from,
)
from streams.cli.replay import Duration
from streams.domain.breach_record import encode_breach
from streams.domain.facts import encode_fact
from streams.domain.window_value import encode_window
from streams.kafka import topics
from streams.kafka.connection import ConnectionFailed, check_connection, denied
from streams.kafka.whole_topic import NoTopic, read_whole
from streams.oracle.judge import judge
from streams.replay import ticked
from streams.settings import Settings

EXIT_DIFFERENT = 3
_LONGEST_EXAMPLE = 300


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@contract_option
@log_options
@market_option
@click.option("--lateness", "lateness_ms", type=Duration(), envvar="BATON_LATENESS", default="30s")
@click.option("--tick", "tick_ms", type=Duration(), default="10s", show_default=True)
@click.option("--settle", "settle_ms", type=Duration(), default="10m", show_default=True)
@click.option("--broker", envvar="BATON_BROKER", default="127.0.0.1:9092", show_default=True)
@click.option("--prefix", envvar="BATON_PREFIX", default="", help="Prefix of topic names.")
@connection_options
def compare(
    file: Path,
    contracts: tuple[Path, ...],
    source: str,
    source_options: tuple[str, ...],
    markets: tuple[str, ...],
    lateness_ms: int,
    tick_ms: int,
    settle_ms: int,
    **given: Any,
) -> None:
    """Judge FILE and compare with what was published of it: facts, breaches, windows' last values.

    For a group that has read a replay of FILE (`baton replay`, workers with --no-ticks), before it
    takes over from another. Give the lateness, tick and settle that it had. A record that
    at-least-once repeated counts once. Exit code 0: identical; 3: different.
    """
    settings = settings_from(given)
    book = book_from(contracts)
    log = ticked(
        read_source(file, source, source_options), interval_ms=tick_ms, settle_ms=settle_ms
    )
    verdict = judge(log, book, lateness_ms=lateness_ms, markets=markets)
    try:
        published = asyncio.run(_published(settings))
    except (ConnectionFailed, NoTopic, KafkaError) as error:
        raise click.ClickException(denied(error) or str(error)) from None
    found = differences_from(
        published,
        (
            map(encode_fact, verdict.facts),
            map(encode_breach, verdict.breaches),
            map(encode_window, verdict.windows),
        ),
    )
    _print(found)
    sys.exit(0 if all(each.identical for each in found) else EXIT_DIFFERENT)


async def _published(settings: Settings) -> tuple[list[bytes], list[bytes], list[bytes]]:
    await check_connection(settings)
    facts, breaches, windows = [
        [
            record.value or b""
            for records in (await read_whole(settings, settings.topic(name))).values()
            for record in records
        ]
        for name in (topics.FACTS, topics.BREACHES, topics.WINDOWS)
    ]
    # The same record twice is the same id: one.
    return list(dict.fromkeys(facts)), list(dict.fromkeys(breaches)), windows


def _print(found: list[Difference]) -> None:
    table = Table()
    for column in ("topic", "published", "missing", "unexpected"):
        table.add_column(column, justify="left" if column == "topic" else "right")
    for each in found:
        table.add_row(each.what, str(each.published), str(each.missing), str(each.unexpected))
    Console().print(table)
    different = [each for each in found if not each.identical]
    if not different:
        click.echo("identical")
    for each in different:
        kind = "missing" if each.missing else "unexpected"
        click.echo(f"{each.what}: {kind}, for one: {each.example[:_LONGEST_EXAMPLE]}")
