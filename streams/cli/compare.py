"""`baton compare`: what a group published beside what the judge says of the same log."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from streams.cli.compare_billing import billing_differences
from streams.cli.demo_check import Difference, differences_from
from streams.cli.judged import Judged, judges_a_log
from streams.cli.options import connection_options, settings_from
from streams.domain.breach_record import encode_breach
from streams.domain.facts import encode_fact
from streams.domain.window_value import encode_window
from streams.kafka import topics
from streams.kafka.connection import ConnectionFailed, check_connection, denied
from streams.kafka.whole_topic import NoTopic, read_whole
from streams.settings import Settings

_T = TypeVar("_T")

EXIT_DIFFERENT = 3
_LONGEST_EXAMPLE = 300
_APPENDED = (
    topics.FACTS,
    topics.BREACHES,
    topics.BILLING_ITEMS,
    topics.BILLING_ADJUSTMENTS,
)


@click.command()
@judges_a_log
@click.option("--broker", envvar="BATON_BROKER", default="127.0.0.1:9092", show_default=True)
@click.option("--prefix", envvar="BATON_PREFIX", default="", help="Prefix of topic names.")
@connection_options
def compare(judged: Callable[[], Judged], **given: Any) -> None:
    """Judge FILE and compare with what was published of it: facts, breaches, windows' last values,
    and, where a contract is billed, all that is booked and sealed.

    For a group that has read a replay of FILE (`baton replay`, workers with --no-ticks), before it
    takes over from another. Give the lateness, tick and settle that it had. A record that
    at-least-once repeated counts once; a seal's signature is not compared (`baton invoice
    --public-key` verifies it). Exit code 0: identical; 3: different.
    """
    settings = settings_from(given)
    # Judging a month takes minutes, after which nobody wants to hear of a mistyped broker.
    _run(check_connection(settings))
    book, verdict = judged()
    published = _run(_published(settings))
    facts, breaches, items, adjustments, windows = published
    wanted = (
        map(encode_fact, verdict.facts),
        map(encode_breach, verdict.breaches),
        map(encode_window, verdict.windows),
    )
    found = differences_from((facts, breaches, windows), wanted)
    found += billing_differences(items, adjustments, verdict, book)
    _print(found)
    sys.exit(0 if all(each.identical for each in found) else EXIT_DIFFERENT)


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    try:
        return asyncio.run(work)
    except (ConnectionFailed, NoTopic, KafkaError) as error:
        raise click.ClickException(denied(error) or str(error)) from None


async def _published(settings: Settings) -> list[list[bytes]]:
    # The same record twice is the same id: one.
    appended = [list(dict.fromkeys(await _values(settings, name))) for name in _APPENDED]
    return [*appended, await _values(settings, topics.WINDOWS)]


async def _values(settings: Settings, name: str) -> list[bytes]:
    read = await read_whole(settings, settings.topic(name))
    return [record.value or b"" for records in read.values() for record in records]


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
