"""What an audit reads: a log or the topic of events, in order, cut where the period is final.

The frame of a period is made of the events that had been written down by its cut, so that what
comes later (reviews, corrections) leaves it as it was, and neither the order of a file nor the
partitions of a topic can matter. DEFINITIONS.md section 11. All times in ms since 1970 UTC.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import click
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from streams.cli.log_source import read_source
from streams.domain.calendar_period import NamedPeriod
from streams.domain.contract import ContractBook
from streams.domain.events import Data, Event, Tick, epoch_ms
from streams.domain.facts import Fact, rfc3339
from streams.domain.ticks import interleave_ticks
from streams.domain.wire import Rejection, decode_event
from streams.event_log import Address, address
from streams.kafka import topics
from streams.kafka.connection import ConnectionFailed, check_connection, denied
from streams.kafka.content_modes import structured_value
from streams.kafka.whole_topic import NoTopic, read_whole
from streams.oracle.judge import judge
from streams.oracle.period_values import standing_facts
from streams.settings import Settings


@dataclass(frozen=True)
class AuditLog:
    """Records with when they were written down, in that order; `reaches_ms`: how far time went in
    all of it, None where no time was read.
    """

    name: str
    records: tuple[tuple[int, bytes], ...]
    reaches_ms: int | None

    @property
    def covers(self) -> str:
        """From when to when it was written, in words."""
        if not self.records:
            return "there are no events"
        first, last = self.records[0][0], self.records[-1][0]
        return f"events were written down from {rfc3339(first)} to {rfc3339(last)}"

    @cached_property
    def by_conversation(self) -> dict[str, list[tuple[int, bytes]]]:
        """The records of each conversation."""
        found: dict[str, list[tuple[int, bytes]]] = defaultdict(list)
        for arrival, raw in self.records:
            conversation = address(raw).conversation
            if conversation is not None:
                found[conversation].append((arrival, raw))
        return found

    def events(self, book: ContractBook) -> Iterator[Event]:
        """Every usable event."""
        return _decoded((raw for _, raw in self.records), book)


def log_of_file(
    file: Path, source: str, source_options: tuple[str, ...], settle_ms: int
) -> AuditLog:
    """A log on disk; time goes on for `settle_ms` after its last record. Raises ClickException."""
    read = list(read_source(file, source, source_options))
    ticks = [one for one in interleave_ticks(read, settle_ms=settle_ms) if isinstance(one, int)]
    return AuditLog(str(file), _in_order(read), max(ticks, default=None))


def log_of_topic(settings: Settings) -> AuditLog:
    """The topic of events, each partition with the ticks that stand in it. Raises ClickException.

    As in a worker, an event whose key is not its conversation counts for nothing.
    """
    topic = settings.topic(topics.EVENTS)

    async def read() -> dict[int, list[ConsumerRecord]]:
        await check_connection(settings)
        return await read_whole(settings, topic)

    try:
        partitions = asyncio.run(read())
    except (ConnectionFailed, NoTopic, KafkaError) as error:
        raise click.ClickException(denied(error) or str(error)) from None
    found: list[tuple[bytes, int | None]] = []
    reached: list[int | None] = []
    for records in partitions.values():
        last: int | None = None
        for record in records:
            raw, place = _read(record)
            if place.conversation is not None:
                found.append((raw, place.arrival_ms))
            elif (tick := _tick(raw)) is not None:
                last = tick if last is None else max(last, tick)
        reached.append(last)
    least = None if not reached or None in reached else min(t for t in reached if t is not None)
    return AuditLog(topic, _in_order(found), least)


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


def _in_order(read: Iterable[tuple[bytes, int | None]]) -> tuple[tuple[int, bytes], ...]:
    # What has no time to be read is no event.
    return tuple(sorted({(arrival, raw) for raw, arrival in read if arrival is not None}))


@dataclass(frozen=True)
class ClosedPeriod:
    """What stands of a contract's period at its cut."""

    log: AuditLog
    book: ContractBook
    contract: str
    period: NamedPeriod
    cut_ms: int
    facts: tuple[Fact, ...]

    def too_late(self) -> int:
        """How many conversations have something to say of the period that was written down after
        the cut only, and nothing before: nobody can draw them.
        """
        known = {fact.conversation for fact in self.facts}
        late = (raw for arrival, raw in self.log.records if arrival > self.cut_ms)
        hidden = set()
        for event in _decoded(late, self.book):
            data = getattr(event, "data", None)
            within = self.period.start_ms < epoch_ms(event.time) <= self.period.end_ms
            if within and isinstance(data, Data) and data.contract == self.contract:
                hidden.add(data.conversation_id)
        return len(hidden - known)

    def events_of(self, conversation: str) -> Iterator[Event]:
        """The usable events of a conversation by the cut."""
        said = self.log.by_conversation.get(conversation, [])
        return _decoded((raw for arrival, raw in said if arrival <= self.cut_ms), self.book)


def closed_period(
    log: AuditLog, book: ContractBook, contract: str, period: NamedPeriod, lateness_ms: int
) -> ClosedPeriod:
    """The standing facts of a period by the batch judge. Raises ClickException where the log does
    not reach its cut: what an episode comes to is not known before.
    """
    verification = max(terms.verification_ms for terms in book.versions(contract))
    cut = period.end_ms + verification + lateness_ms
    if log.reaches_ms is None or log.reaches_ms < cut:
        reaches = "holds no time" if log.reaches_ms is None else (
            f"reaches to {rfc3339(log.reaches_ms)}"
        )  # fmt: skip
        raise click.ClickException(
            f"{log.name}: {period.name} is not closed: it is at {rfc3339(cut)}, when the last"
            f" episode has matured, and the log {reaches}"
        )
    seen = [(raw, arrival) for arrival, raw in log.records if arrival <= cut]
    ticks = [*interleave_ticks(seen, settle_ms=0), cut]
    verdict = judge(ticks, book, lateness_ms=lateness_ms)
    facts = tuple(standing_facts(verdict.facts, contract))
    return ClosedPeriod(log, book, contract, period, cut, facts)


def _decoded(records: Iterable[bytes], book: ContractBook) -> Iterator[Event]:
    for raw in records:
        try:
            yield decode_event(raw, book)
        except Rejection:
            continue
