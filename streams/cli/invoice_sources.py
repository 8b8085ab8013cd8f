"""Where `baton invoice` has a statement from: the billing topics, or a log, computed anew."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
import orjson
from aiokafka.errors import KafkaError

from streams.cli.invoice_preview import open_span
from streams.cli.log_source import read_source
from streams.cli.options import settings_from
from streams.domain.billing.chain import Signer
from streams.domain.billing.gathered import gathered
from streams.domain.billing.ledger import Ledger
from streams.domain.billing.preview import PublishedPreview, encode_preview, read_preview
from streams.domain.billing.statement import Statement, statement_of
from streams.domain.contract import ContractBook, ContractError
from streams.kafka import topics
from streams.kafka.connection import ConnectionFailed, check_connection, denied
from streams.kafka.whole_topic import NoTopic, read_whole
from streams.oracle.billing_records import billing_records
from streams.oracle.judge import judge
from streams.replay import ticked
from streams.settings import Settings


class LogStatement(NamedTuple):
    """What a log comes to in one period, and what it would if it closed where the log ends."""

    statement: Statement
    preview: PublishedPreview | None


class TopicStatement(NamedTuple):
    """What the topics hold of one period, and the preview of it that was published last."""

    statement: Statement
    problems: list[str]
    preview: PublishedPreview | None


def from_log(
    file: Path,
    source: tuple[str, tuple[str, ...]],
    book: ContractBook,
    contract: str,
    period: str,
    *,
    lateness_ms: int,
    tick_ms: int,
    signer: Signer | None,
    preview: bool,
) -> LogStatement:
    """The statement that a log comes to; without `preview` the log is all that ever happened, and
    the period is closed. Raises click.ClickException.
    """
    settle_ms = max(t.inactivity_ms + t.verification_ms for t in book.versions(contract))
    log = ticked(
        read_source(file, *source),
        interval_ms=tick_ms,
        settle_ms=0 if preview else settle_ms,
    )
    verdict = judge(log, book, lateness_ms=lateness_ms)
    records = billing_records(verdict, contract)
    if not records or verdict.watermark is None:
        raise click.ClickException(f"{file}: nothing in it is about the contract {contract}")
    try:
        ledger = Ledger(book, contract, signer=signer)
    except ContractError as error:
        raise click.ClickException(str(error)) from None
    calendar, until = ledger.calendar, verdict.watermark
    if not preview:
        last = calendar.of_time(max(told.fact.time for told in records))
        # The one before it may stay open longer, by the grace of an earlier version.
        before = calendar.at(calendar.kind, last.start)
        until = max(until, calendar.closes_at(last), calendar.closes_at(before))
    ledger.apply(0, until, records)
    booked = ledger.advance()
    foreseen = ledger.preview(open_span(calendar, period)) if preview else None
    there = sorted({one.period for one in booked})
    if period not in there and foreseen is None:
        raise click.ClickException(f"{file}: no period {period}; there are: {', '.join(there)}")
    statement = statement_of(contract, period, calendar.currency, booked)
    if foreseen is None:
        return LogStatement(statement, None)
    return LogStatement(statement, read_preview(encode_preview(foreseen), contract, period))


def from_topics(
    given: Mapping[str, Any], contract: str, period: str, *, preview: bool
) -> TopicStatement:
    """What the billing topics hold of one period; the preview where it is asked for. Raises
    click.ClickException.
    """
    here = {name: value for name, value in given.items() if name in Settings.model_fields}
    settings = settings_from(here)
    names = [settings.topic(name) for name in (topics.BILLING_ITEMS, topics.BILLING_ADJUSTMENTS)]

    foreseen: PublishedPreview | None = None

    async def read() -> list[tuple[str, bytes]]:
        nonlocal foreseen
        await check_connection(settings)
        if preview:
            # Before the items, so that none that it is made of is missing.
            foreseen = await _published_preview(settings, contract, period)
        return [
            (f"{topic}/{partition}@{record.offset}", record.value or b"")
            for topic in names
            for partition, records in (await read_whole(settings, topic)).items()
            for record in records
        ]

    try:
        found = gathered(contract, period, asyncio.run(read()))
    except (ConnectionFailed, NoTopic, KafkaError) as error:
        raise click.ClickException(denied(error) or str(error)) from None
    if found.statement is None and foreseen is not None:
        nothing = Statement(contract, period, foreseen.data["currency"], (), (), None)
        return TopicStatement(nothing, found.problems, foreseen)
    if found.statement is None:
        there = ", ".join(found.periods) or "none"
        raise click.ClickException(
            f"{settings.broker}: no record of {contract} in {period}; of its periods there are:"
            f" {there}"
        )
    return TopicStatement(found.statement, found.problems, foreseen)


async def _published_preview(
    settings: Settings, contract: str, period: str
) -> PublishedPreview | None:
    """The last one of a period. Raises click.ClickException, NoTopic and KafkaError."""
    topic = settings.topic(topics.BILLING_PREVIEWS)
    last = None
    for partition, records in (await read_whole(settings, topic)).items():
        for record in records:
            if record.key == orjson.dumps([contract, period]):
                last = (f"{topic}/{partition}@{record.offset}", record.value)
    if last is None or last[1] is None:
        return None
    try:
        return read_preview(last[1], contract, period)
    except ValueError as error:
        raise click.ClickException(f"{last[0]}: {error}") from None
