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
from streams.export.access import AccessError, pages_access
from streams.export.otlp import OtlpMissing
from streams.export.pages import PagesError
from streams.kafka.admin import TopicsError, check_access, ensure_topics
from streams.kafka.connection import ConnectionFailed, check_connection, denied, security_options
from streams.kafka.partition_tables import LocalStateError
from streams.kafka.topics import worker_topics
from streams.runtime import run
from streams.secrets import SecretError
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
        pages_access(settings)  # what needs no broker to be found wrong is said first
        await check_connection(settings)
        specs = worker_topics(settings.prefix, settings.partitions)
        names, security = [spec.name for spec in specs], security_options(settings)
        await check_access(settings.broker, names, settings.app_id, security)
        if settings.create_topics:
            await ensure_topics(settings.broker, specs, settings.replication, security)
        service = Worker(settings, book)
    except (
        AccessError,
        SecretError,
        OtlpMissing,
        ConnectionFailed,
        TopicsError,
        KafkaError,
    ) as error:
        _say(error)
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
    except (PagesError, TopicsError, LocalStateError, WorkerCrashed, KafkaError) as error:
        _say(error)
        code = 1
    if not await service.stop():
        click.echo(
            "baton worker: could not take leave of the brokers; what was not committed will be"
            " processed again",
            err=True,
        )
        end_now(1)
    if code == 0:
        click.echo("baton worker: stopped; what was processed is committed", err=True)
    return code


def _say(error: Exception) -> None:
    click.echo(f"baton worker: {denied(error) or error}", err=True)
