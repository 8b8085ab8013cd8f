"""What an audit reads: a log or the topic of events, kept on disk by conversation.

However long it is, memory is needed for what stands of some conversations at a time (spill.py).
All times in ms since 1970 UTC.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

import click
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from streams.cli.log_source import read_source
from streams.domain.audit.erased import Requests
from streams.domain.contract import ContractBook
from streams.domain.events import Event, Tick, epoch_ms
from streams.domain.facts import rfc3339
from streams.domain.ticks import interleave_ticks
from streams.domain.wire import Rejection, decode_event
from streams.event_log import Address, address, asks_to_erase
from streams.kafka import topics
from streams.kafka.connection import ConnectionFailed, check_connection, denied
from streams.kafka.content_modes import structured_value
from streams.kafka.whole_topic import NoTopic, visit_whole
from streams.settings import Settings
from streams.spill import BUCKETS, Spill, SpillError, bucket_of

Written = tuple[int, bytes]  # when a record was written down, and it
_TIME_BYTES: Final = 8


class AuditLog:
    """Records of conversations with when they were written down, and requests of erasure.

    `reaches_ms`: how far time went in all of it, None where no time was read. `count`: how many
    records were read, repeated ones too.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.reaches_ms: int | None = None
        self.count = 0
        self._first: int | None = None
        self._last: int | None = None
        self._records = Spill()
        self._requests: set[Written] = set()
        self._by_conversation = lru_cache(maxsize=1)(self._of_bucket)

    def add(self, raw: bytes, place: Address) -> None:
        """Take a record; one of no conversation, or without a time to be read, says nothing here.

        Raises SpillError.
        """
        arrival, conversation = place
        if arrival is None:
            return
        if conversation is None:
            if asks_to_erase(raw):
                self._requests.add((arrival, raw))
            return
        self.count += 1
        self._first = arrival if self._first is None else min(self._first, arrival)
        self._last = arrival if self._last is None else max(self._last, arrival)
        written = arrival.to_bytes(_TIME_BYTES, "big", signed=True)
        self._records.add(bucket_of(conversation), written + raw)

    @property
    def covers(self) -> str:
        """From when to when it was written, in words."""
        if self._first is None or self._last is None:
            return "there are no events"
        first, last = rfc3339(self._first), rfc3339(self._last)
        return f"events were written down from {first} to {last}"

    def records(self, bucket: int) -> list[Written]:
        """The records of a bucket's conversations, each once, in the order in which they were
        written down.
        """
        read = self._records.read(bucket)
        return sorted(
            {
                (int.from_bytes(one[:_TIME_BYTES], "big", signed=True), one[_TIME_BYTES:])
                for one in read
            }
        )

    def with_requests(self, bucket: int, until: int) -> list[Written]:
        """The records of a bucket that were written down by then, and the requests by then, in
        order.
        """
        read = [one for one in self.records(bucket) if one[0] <= until]
        return sorted([*read, *(one for one in self._requests if one[0] <= until)])

    def requests(self, book: ContractBook) -> Requests:
        """Whom all of it asks to erase."""
        return Requests(decoded((raw for _, raw in self._requests), book))

    def said_of(self, conversation: str, until: int | None = None) -> Iterator[bytes]:
        """The records of a conversation that were written down by then. Quick for conversations of
        one bucket after another.
        """
        said = self._by_conversation(bucket_of(conversation)).get(conversation, [])
        return (raw for arrival, raw in said if until is None or arrival <= until)

    def _of_bucket(self, bucket: int) -> dict[str, list[Written]]:
        found: dict[str, list[Written]] = defaultdict(list)
        for one in self.records(bucket):
            conversation = address(one[1]).conversation
            if conversation is not None:
                found[conversation].append(one)
        return found

    def events(self, book: ContractBook) -> Iterator[Event]:
        """Every usable event of a conversation."""
        for bucket in range(BUCKETS):
            yield from decoded((raw for _, raw in self.records(bucket)), book)


def log_of_file(
    file: Path, source: str, source_options: tuple[str, ...], settle_ms: int
) -> AuditLog:
    """A log on disk; time goes on for `settle_ms` after its last record. Raises ClickException."""
    log = AuditLog(str(file))

    def read() -> Iterator[tuple[None, int | None]]:
        for raw, arrival in read_source(file, source, source_options):
            log.add(raw, Address(arrival, address(raw).conversation))
            yield None, arrival

    try:
        ticks = (one for one in interleave_ticks(read(), settle_ms=settle_ms) if one is not None)
        log.reaches_ms = max(ticks, default=None)
    except SpillError as error:
        raise click.ClickException(str(error)) from None
    return log


def log_of_topic(settings: Settings) -> AuditLog:
    """The topic of events, each partition with the ticks that stand in it. Raises ClickException.

    As in a worker, an event whose key is not its conversation counts for nothing.
    """
    log = AuditLog(settings.topic(topics.EVENTS))
    reached: dict[int, int] = {}

    def visit(record: ConsumerRecord) -> None:
        raw, place = _read(record)
        log.add(raw, place)
        if place.conversation is None and (tick := _tick(raw)) is not None:
            reached[record.partition] = max(tick, reached.get(record.partition, tick))

    async def read() -> list[int]:
        await check_connection(settings)
        return await visit_whole(settings, log.name, visit)

    try:
        partitions = asyncio.run(read())
    except (ConnectionFailed, NoTopic, KafkaError, SpillError) as error:
        raise click.ClickException(denied(error) or str(error)) from None
    if partitions and all(number in reached for number in partitions):
        log.reaches_ms = min(reached.values())
    return log


def _read(record: ConsumerRecord) -> tuple[bytes, Address]:
    try:
        raw = structured_value(record) or b""
    except Rejection:
        return b"", Address(None, None)
    place = address(raw)
    keyed = place.conversation is None or record.key == place.conversation.encode()
    return (raw, place) if keyed else (b"", Address(None, None))


def _tick(raw: bytes) -> int | None:
    try:
        event = decode_event(raw, ())
    except Rejection:
        return None
    return epoch_ms(event.time) if isinstance(event, Tick) else None


def decoded(records: Iterable[bytes], book: ContractBook) -> Iterator[Event]:
    """Those that are usable events."""
    for raw in records:
        try:
            yield decode_event(raw, book)
        except Rejection:
            continue
