"""`baton topics export`: the events topic as a log, for the judge, a replay or an archive."""

from __future__ import annotations

import asyncio
import heapq
import struct
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO

import click
from aiokafka.errors import KafkaError

from streams.cli.options import settings_from, settings_options
from streams.domain.wire import Rejection
from streams.event_log import SUFFIXES, write_lines
from streams.kafka.connection import ConnectionFailed, check_connection, client_options, denied
from streams.kafka.content_modes import structured_value
from streams.kafka.topic_reading import TopicMissing, partitions_in, read_topic
from streams.kafka.topics import EVENTS
from streams.settings import Settings

_TICK = b'"type":"baton.tick"'
_HEAD = struct.Struct(">qI")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--with-ticks", is_flag=True, help="Keep ticks; a replay and the judge make their own."
)
@settings_options
def export(file: Path, with_ticks: bool, **given: Any) -> None:
    """Write what interaction-events holds now to FILE (.jsonl, .jsonl.gz or .jsonl.zst).

    In the order in which brokers were given it, over all partitions; records that were never
    committed are left out. `baton oracle`, `baton replay` and `baton invoice` read such a file.
    """
    settings = settings_from(given)
    if not file.name.endswith(SUFFIXES):  # said before a month is read
        raise click.UsageError(f"{file}: the name must end in one of {', '.join(SUFFIXES)}")
    try:
        written, left_out = asyncio.run(_export(settings, file, with_ticks))
    except (ConnectionFailed, TopicMissing, KafkaError) as error:
        raise click.ClickException(denied(error) or str(error)) from None
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    told = f"; {left_out} without a value or a readable header were left out" if left_out else ""
    click.echo(f"{file}: {written} records{told}")


async def _export(settings: Settings, file: Path, with_ticks: bool) -> tuple[int, int]:
    await check_connection(settings)
    options, topic = client_options(settings), settings.topic(EVENTS)
    numbers = range(await partitions_in(options, topic))
    left_out = 0
    # By partition on disk first: a topic of a month is larger than memory.
    with ExitStack() as stack:
        parts = [
            stack.enter_context(tempfile.TemporaryFile(dir=file.absolute().parent)) for _ in numbers
        ]

        def keep(record: Any) -> None:
            nonlocal left_out
            line = _line(record)
            if line is None:
                left_out += 1
            elif with_ticks or _TICK not in line:
                part = parts[record.partition]
                part.write(_HEAD.pack(max(record.timestamp or 0, 0), len(line)))
                part.write(line)

        await read_topic(options, topic, numbers, keep)
        merged = heapq.merge(*map(_lines, parts), key=itemgetter(0))
        written = await asyncio.to_thread(write_lines, (line for _, line in merged), file)
    return written, left_out


def _line(record: Any) -> bytes | None:
    try:
        value = structured_value(record)
    except Rejection:
        return None
    # Between the parts of a JSON document a line's end is a blank; within one there is none.
    return value.replace(b"\r", b" ").replace(b"\n", b" ").strip() if value else None


def _lines(part: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """In their order: a time that goes back within a partition is held at the greatest so far."""
    part.seek(0)
    latest = 0
    while head := part.read(_HEAD.size):
        timestamp, length = _HEAD.unpack(head)
        latest = max(latest, timestamp)
        yield latest, part.read(length)
