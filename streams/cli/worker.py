"""`baton worker`: the service."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

import click
from aiokafka.errors import KafkaError

from streams.app import Worker, WorkerCrashed
from streams.cli.ending import end_now
from streams.cli.options import book_from, configure_logging, settings_from, settings_options
from streams.domain.contract import ContractBook
from streams.export.pages import PagesError
from streams.kafka.admin import TopicsError, ensure_topics
from streams.kafka.topics import declared_topics
from streams.runtime import run
from streams.settings import Settings


@click.command()
@settings_options
def worker(**given: Any) -> None:
    """Run a worker: consume events, publish facts, windows and breaches, serve metrics.

    Any number may run with the same --app-id: partitions are shared out between them. SIGTERM and
    SIGINT finish the batch in hand, commit and leave the group. Exit code 0 after a signal, 1 after
    an error (what was not committed is processed again by the next worker).
    """
    settings = settings_from(given)
    configure_logging(settings.log_level)
    book = book_from(settings.contract)
    sys.exit(run(_serve(settings, book)))


async def _serve(settings: Settings, book: ContractBook) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        if settings.create_topics:
            specs = declared_topics(settings.prefix, settings.partitions)
            await ensure_topics(settings.broker, specs, settings.replication)
        service = Worker(settings, book)
    except TopicsError as error:
        click.echo(f"baton worker: {error}", err=True)
        return 1
    code = 0
    try:
        await service.start()
        click.echo(
            f"baton worker: reading {settings.broker}, metrics on"
            f" http://{settings.host}:{service.port}/metrics",
            err=True,
        )
        await service.run_until(stop)
    except (PagesError, WorkerCrashed, KafkaError) as error:
        click.echo(f"baton worker: {error}", err=True)
        code = 1
    if not await service.stop():
        click.echo(
            "baton worker: the brokers did not answer in time; what was not committed will be"
            " processed again",
            err=True,
        )
        end_now(1)
    if code == 0:
        click.echo("baton worker: stopped; what was processed is committed", err=True)
    return code
