"""The records of the billing topics: from a statement, JSON lines, or the topics as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from streams.domain.billing.statement import problems_of, read_statement
from streams.event_log import LogError, read_log
from streams.export.metering.exporter import Placed
from streams.kafka import topics
from streams.kafka.connection import check_connection
from streams.kafka.whole_topic import read_whole
from streams.settings import Settings

BILLING_TOPICS = (topics.BILLING_ITEMS, topics.BILLING_ADJUSTMENTS)
_MOST_PROBLEMS = 3


def records_in(file: Path, contract: str) -> list[Placed]:
    """The records of a statement (`baton invoice --format json`), or one a line of a .jsonl file.

    Raises click.ClickException; for a statement also where it is another contract's, or not what
    was booked and sealed.
    """
    if ".jsonl" in file.suffixes:
        try:
            lines = enumerate(read_log(file), start=1)
            return [Placed(f"{file}:{number}", raw) for number, raw in lines]
        except LogError as error:
            raise click.ClickException(str(error)) from None
    try:
        statement = read_statement(file.read_bytes())
        problems = problems_of(statement)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{file}: {error}; JSON lines are read from *.jsonl") from None
    if statement.contract != contract:
        raise click.ClickException(f"{file}: is a statement of {statement.contract}")
    if problems:
        shown = "; ".join(problems[:_MOST_PROBLEMS])
        raise click.ClickException(f"{file}: is not what was booked, nothing was sent: {shown}")
    return [
        Placed(f"{file}, record {number}", record)
        for number, record in enumerate(statement.records, start=1)
    ]


async def records_on(settings: Settings) -> list[Placed]:
    """All that the billing topics hold, a partition's in order.

    Raises NoTopic, ConnectionFailed and KafkaError.
    """
    await check_connection(settings)
    found: list[Placed] = []
    for name in BILLING_TOPICS:
        for records in (await read_whole(settings, settings.topic(name))).values():
            found += [placed(record) for record in records]
    return found


def placed(record: Any) -> Placed:
    """A record of a topic (an aiokafka ConsumerRecord) with its place."""
    where = f"{record.topic}/{record.partition}@{record.offset}"
    return Placed(where, record.value, record.offset)
