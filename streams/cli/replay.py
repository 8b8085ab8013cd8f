"""`baton replay`: a recorded log onto the topic."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import click
from aiokafka.errors import KafkaError

from streams.cli.log_source import log_options, read_source, warn_of_known_salt
from streams.cli.options import connection_options, settings_from
from streams.cli.replay_clock import settle_option, tick_option
from streams.kafka import topics
from streams.kafka.connection import ConnectionFailed, check_connection, denied, security_options
from streams.kafka.outbox import OutboxError
from streams.replay import Disturbance, Progress, Replayer, disturbed, ticked


class Speed(click.ParamType):
    """`max`, or a factor of real time."""

    name = "N|max"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | None:
        """The factor, or None for max."""
        if value == "max" or value is None:
            return None
        try:
            factor = float(str(value))
        except ValueError:
            factor = 0.0
        if not factor > 0:
            self.fail(f"{value!r} is neither max nor a number above 0", param, ctx)
        return factor


class Within(click.FloatRange):
    """A number from the first to the last; NaN, which compares with nothing, is none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number."""
        number = float(super().convert(value, param, ctx))
        if number != number:
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@log_options
@click.option("--broker", envvar="BATON_BROKER", default="127.0.0.1:9092", show_default=True)
@click.option("--prefix", envvar="BATON_PREFIX", default="", help="Prefix of topic names.")
@click.option(
    "--partitions",
    envvar="BATON_PARTITIONS",
    type=click.IntRange(1, 10_000),
    default=topics.DEFAULT_PARTITIONS,
    show_default=True,
)
@click.option(
    "--speed", type=Speed(), default="max", show_default=True, help="Data seconds a second, or max."
)
@tick_option
@settle_option
@click.option(
    "--shuffle-seconds", type=Within(0, 31_536_000), default=0.0, help="Delay records up to this."
)
@click.option("--duplicate", type=Within(0, 1), default=0.0, help="Share written twice.")
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Of shuffling and duplicating."
)
@click.option(
    "--idempotence/--no-idempotence", default=True, help="Off for brokers that cannot (embedded)."
)
@connection_options
def replay(
    file: Path,
    source: str,
    source_options: tuple[str, ...],
    broker: str,
    prefix: str,
    partitions: int,
    speed: float | None,
    tick_ms: int,
    settle_ms: int,
    shuffle_seconds: float,
    duplicate: float,
    seed: int,
    idempotence: bool,
    **connection: Any,
) -> None:
    """Write FILE to the events topic, with ticks that carry the data's own time.

    FILE is canonical JSON lines (plain, .gz, .zst) in the order of arrival, or another system's
    log with
    --source. The same file, seed and options give the same topic.
    """
    warn_of_known_salt(source, source_options)
    how = Disturbance(int(shuffle_seconds * 1000), round(duplicate * 1_000_000), seed)
    records = disturbed(read_source(file, source, source_options), how)
    log = ticked(records, interval_ms=tick_ms, settle_ms=settle_ms)
    settings = settings_from({"broker": broker, **connection})

    async def run() -> Progress:
        await check_connection(settings)
        replayer = Replayer(
            broker,
            prefix + topics.EVENTS,
            partitions,
            speed=speed,
            idempotence=idempotence,
            security=security_options(settings),
            on_progress=_show,
        )
        return await replayer.run(log)

    try:
        done = asyncio.run(run())
    except (ConnectionFailed, KafkaError, OutboxError) as error:
        raise click.ClickException(denied(error) or f"{broker}: {error}") from None
    start = "\r" if sys.stderr.isatty() else ""
    click.echo(f"{start}{file}: {done.records} records, {done.ticks} ticks written", err=True)


def _show(progress: Progress) -> None:
    if not sys.stderr.isatty():  # a log file would hold each of them
        return
    click.echo(f"\r{progress.records} records", err=True, nl=False)
