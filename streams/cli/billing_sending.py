"""Events sent or written: errors become one line, and the group commits what the system has."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson
from aiokafka.errors import KafkaError

from streams.cli.billing_records import BILLING_TOPICS, placed
from streams.export.metering.delivery import DeliveryError, Refused, Sender
from streams.export.metering.exporter import Exporter, Placed, Unexportable
from streams.kafka.committed_topics import CommittedTopics
from streams.kafka.connection import ConnectionFailed, check_connection, denied
from streams.kafka.whole_topic import NoTopic
from streams.settings import Settings

_T = TypeVar("_T")
_MOST_RECORDS = 2000
_STDOUT = Path("-")


def asyncio_run(work: Coroutine[Any, Any, _T]) -> _T:
    """What it returns. Raises click.ClickException for what is known to go wrong."""
    try:
        return asyncio.run(work)
    except Refused as error:
        hint = f"mend it there, or leave it out: --leave-out {error.entry.id}"
        raise click.ClickException(f"{error}; {hint}") from None
    except (DeliveryError, Unexportable) as error:
        raise click.ClickException(str(error)) from None
    except (ConnectionFailed, NoTopic, KafkaError) as error:
        raise click.ClickException(denied(error) or str(error)) from None


async def send_all(exporter: Exporter, sender: Sender, records: list[Placed]) -> None:
    """Send the events of these records. Raises DeliveryError, Unexportable."""
    async with sender:
        await _send(exporter, sender, records)


async def send_topics(
    exporter: Exporter, sender: Sender, settings: Settings, group: str, *, follow: bool
) -> None:
    """Send what the billing topics hold behind the group's offsets, and commit what was taken.

    Raises DeliveryError, Unexportable, ConnectionFailed, NoTopic, KafkaError.
    """
    await check_connection(settings)
    topics = CommittedTopics(
        settings,
        [settings.topic(name) for name in BILLING_TOPICS],
        group,
        most_at_once=_MOST_RECORDS,
    )
    async with sender, topics:
        async for place, records in topics.batches(follow=follow):
            try:
                await _send(exporter, sender, [placed(record) for record in records])
            except DeliveryError as error:
                await topics.commit(place, error.entry.offset)
                raise
            except Unexportable as error:
                await topics.commit(place, error.offset)
                raise
            await topics.commit(place, records[-1].offset + 1)


async def _send(exporter: Exporter, sender: Sender, records: list[Placed]) -> None:
    try:
        entries = exporter.entries(records)
    except Unexportable as error:
        await sender.send(error.before)
        raise
    await sender.send(entries)


def write_events(exporter: Exporter, records: list[Placed], out: Path) -> None:
    """Write the events of these records, one JSON a line; the file is there as a whole or not.

    Raises click.ClickException.
    """
    try:
        lines = b"".join(orjson.dumps(one.event) + b"\n" for one in exporter.entries(records))
    except Unexportable as error:
        raise click.ClickException(str(error)) from None
    try:
        if out == _STDOUT:
            sys.stdout.buffer.write(lines)
            sys.stdout.buffer.flush()
            return
        beside, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
        try:
            with os.fdopen(beside, "wb") as opened:
                opened.write(lines)
                opened.flush()
                os.fsync(opened.fileno())
            os.replace(name, out)
        except BaseException:
            os.unlink(name)
            raise
    except BrokenPipeError:
        raise
    except OSError as error:
        raise click.ClickException(f"{out}: {error.strerror}") from None
