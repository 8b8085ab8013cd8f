"""Samples read back: from a file of JSON lines, or from the topic audit-samples."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from aiokafka.errors import KafkaError

from streams.cli.access import log_access
from streams.cli.audit_options import Subject, broker_settings
from streams.domain.audit.record import Sample, decode_sample
from streams.event_log import LogError, read_log
from streams.kafka import topics
from streams.kafka.connection import ConnectionFailed, check_connection, denied
from streams.kafka.whole_topic import NoTopic, read_whole

_F = TypeVar("_F", bound=Callable[..., Any])


def sample_option(function: _F) -> _F:
    """Add --sample."""
    return click.option(
        "--sample",
        "sample_file",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="The samples, as JSON lines; without it the topic audit-samples of --broker.",
    )(function)


def read_samples(
    subject: Subject, file: Path | None, given: dict[str, Any]
) -> tuple[list[Sample], list[str]]:
    """The samples of the contract and period, and what is wrong with records that are none.

    A file is of one draw, so that samples of another are wrong there; a topic holds those of all.
    """
    samples: list[Sample] = []
    problems: list[str] = []
    lines = _lines(file) if file is not None else _records(given)
    settings = None if file is not None else broker_settings(given)
    log_access(settings, given, "audit-samples", count=len(lines), contract=subject.contract)
    for place, raw in lines:
        try:
            one = decode_sample(raw)
        except ValueError as error:
            problems.append(f"{place}: {error}")
            continue
        about = (one.data.contract, one.data.period.name)
        if about == (subject.contract, subject.period.name):
            samples.append(one)
        elif file is not None:
            problems.append(f"{place}: is of another contract or period")
    return samples, problems


def _lines(file: Path) -> list[tuple[str, bytes]]:
    try:
        return [(f"{file}:{number}", raw) for number, raw in enumerate(read_log(file), start=1)]
    except LogError as error:
        raise click.ClickException(str(error)) from None


def _records(given: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    settings = broker_settings(given)
    topic = settings.topic(topics.AUDIT_SAMPLES)

    async def read() -> list[tuple[str, bytes]]:
        await check_connection(settings)
        # Of a key the last stands; where that is a tombstone, the sample was erased.
        standing = {
            (partition, record.key or str(record.offset)): record
            for partition, records in (await read_whole(settings, topic)).items()
            for record in records
        }
        return [
            (f"{topic}/{partition}@{record.offset}", record.value)
            for (partition, _), record in standing.items()
            if record.value is not None
        ]

    try:
        return asyncio.run(read())
    except (ConnectionFailed, NoTopic, KafkaError) as error:
        raise click.ClickException(denied(error) or str(error)) from None
