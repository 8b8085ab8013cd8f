"""A platform's own Kafka topic as canonical events: a consumer group that maps and commits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from streams.domain.wire import Rejection
from streams.intake.dead_letters import dead_letter_headers
from streams.intake.hooks import STRUCTURED
from streams.intake.mapping import Feed, Mapped
from streams.intake.metrics import IntakeCounts
from streams.intake.transaction import Writer
from streams.kafka.connection import denied, let_go
from streams.kafka.content_modes import structured_value
from streams.kafka.header_names import read_any_header_name
from streams.kafka.outbox import Fenced, Outbox, OutboxError, partition_of
from streams.sources.base import SourceProblem

log = logging.getLogger("baton")

_POLL_MS = 500
_RETRY_AFTER_S = 1.0
_MOST_RETRY_S = 15.0
# For how long a batch in hand may go on once the process is told to end.
_FAREWELL_S = 10.0


class Targets:
    """The topics written to, and how many partitions each has."""

    def __init__(self, events: str, dead_letters: str, partitions: Mapping[str, int]) -> None:
        self.events = events
        self.dead_letters = dead_letters
        self._partitions = partitions

    def put_event(self, outbox: Outbox, key: bytes | None, raw: bytes, spread: int) -> None:
        """Put an event on the partition of its key; of one about no conversation, on any."""
        count = self._partitions[self.events]
        partition = spread % count if key is None else partition_of(key, count)
        outbox.put(self.events, partition, key, raw, STRUCTURED)

    def put_dead_letter(
        self, outbox: Outbox, record: Any, value: bytes | None, headers: Any
    ) -> None:
        """Put a dead letter on the partition of its number, as far as there are so many."""
        partition = record.partition % self._partitions[self.dead_letters]
        key = f"{record.topic}/{record.partition}".encode()
        outbox.put(self.dead_letters, partition, key, value, headers)


class TopicSource:
    """Reads `topic` as a member of the consumer's group until told to stop.

    A batch is one partition's records of one fetch: mapped, written and its offset committed
    before the next. A partition is given up only between batches, so a rebalance cuts none in two.
    """

    def __init__(
        self,
        feed: Feed,
        topic: str,
        consumer: AIOKafkaConsumer,
        writer: Writer,
        targets: Targets,
        counts: IntakeCounts,
        *,
        batch_records: int = 2_000,
        keep_payloads: bool = False,
    ) -> None:
        self._feed = feed
        self._topic = topic
        self._consumer = consumer
        self._writer = writer
        self._targets = targets
        self._counts = counts
        self._batch_records = batch_records
        self._keep_payloads = keep_payloads
        self._between_batches = asyncio.Lock()
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._shared_out = 0
        self._failures = 0
        self._failed: KafkaError | None = None
        self.ready = False

    async def run_until(self, stop: asyncio.Event) -> None:
        """Join the group and work. Raises KafkaError for what waiting does not mend."""
        read_any_header_name()
        await self._consumer.start()
        self._consumer.subscribe([self._topic], listener=_Listener(self))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                await self._round(stopping)
        finally:
            stopping.cancel()
            self.ready = False
            # aiokafka's clients end with what was under way, cancelled, where brokers are away.
            with suppress(asyncio.CancelledError, KafkaError):
                async with self._between_batches:
                    await self._writer.stop()
            with suppress(asyncio.CancelledError, KafkaError):
                await let_go(self._consumer.stop())

    async def revoked(self) -> None:
        """The group is to share the partitions out anew: finish the batches in hand first."""
        self.ready = False
        async with self._between_batches:
            self._shared_out += 1
            self._assigned = frozenset()
            self._counts.lag.clear()

    async def assigned(self, places: Collection[TopicPartition]) -> None:
        """These are ours now."""
        async with self._between_batches:
            self._shared_out += 1
            self._assigned = frozenset(places)
            try:
                await self._begin_anew()
            except KafkaError as error:
                # The coordinator would only log it: the next round tries again.
                self._failed = error
        self.ready = True

    async def _round(self, stopping: asyncio.Future[Any]) -> None:
        shared_out = self._shared_out
        fetching = asyncio.ensure_future(
            self._consumer.getmany(timeout_ms=_POLL_MS, max_records=self._batch_records)
        )
        await asyncio.wait({fetching, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if stopping.done():
            fetching.cancel()
            with suppress(asyncio.CancelledError, KafkaError):
                await fetching
            return
        working = asyncio.ensure_future(self._work(await fetching, shared_out, stopping))
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await asyncio.wait({working}, timeout=_FAREWELL_S)
        if not working.done():
            # Brokers that are away keep a producer waiting for ever; what was not committed is
            # read again by the next.
            log.warning("the brokers do not answer: the batch in hand is given up")
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
            return
        await working

    async def _work(
        self,
        batches: Mapping[TopicPartition, list[Any]],
        shared_out: int,
        stopping: asyncio.Future[Any],
    ) -> None:
        async with self._between_batches:
            try:
                if self._failed is not None:
                    error, self._failed = self._failed, None
                    raise error
                if shared_out != self._shared_out and batches:
                    # Fetched before or after the partitions changed hands: nobody can tell.
                    await self._begin_anew()
                    return
                done = await asyncio.gather(
                    *(
                        self._batch(place, records)
                        for place, records in batches.items()
                        if place in self._assigned
                    ),
                    return_exceptions=True,
                )
                for trouble in done:
                    if trouble is not None:
                        raise trouble
                self._failures = 0
            except (OutboxError, Fenced, KafkaError) as error:
                await self._recover(error, stopping)
        self._show_lag()

    async def _recover(self, error: Exception, stopping: asyncio.Future[Any]) -> None:
        if denied(error):
            raise error
        self._counts.retried[self._feed.name] += 1
        self._failures += 1
        wait_s = min(_RETRY_AFTER_S * 2 ** (self._failures - 1), _MOST_RETRY_S)
        log.warning("%s; reading again from what is committed, in %.0f s", error, wait_s)
        await asyncio.wait({stopping}, timeout=wait_s)
        if stopping.done():
            return
        try:
            await self._begin_anew()
        except KafkaError as again:
            self._failed = again

    async def _begin_anew(self) -> None:
        """Take the assigned partitions over and read on from their committed offsets."""
        places = self._assigned
        await self._writer.take_over(sorted(places))
        for place in places:
            offset = await self._consumer.committed(place)
            if offset is None:
                await self._consumer.seek_to_beginning(place)
            else:
                self._consumer.seek(place, offset)

    async def _batch(self, place: TopicPartition, records: Sequence[Any]) -> None:
        outbox = self._writer.outbox(place)
        mapped = [(record, self._mapped(record)) for record in records]
        for record, one in mapped:
            for ready in one.records:
                self._targets.put_event(outbox, ready.key, ready.raw, record.offset)
            if one.problems:
                self._put_dead_letter(outbox, record, one.problems)
        await self._writer.commit(place, records[-1].offset + 1)
        self._count([one for _, one in mapped])

    def _mapped(self, record: Any) -> Mapped:
        where = f"{record.topic}/{record.partition}@{record.offset}"
        try:
            value = structured_value(record)
            if value is None:
                return Mapped([], [])  # a tombstone: nothing happened
            payload = orjson.loads(value)
        except Rejection as error:
            return Mapped([], [SourceProblem(error.code, error.message, where)])
        except orjson.JSONDecodeError:
            return Mapped([], [SourceProblem("malformed_json", "not a JSON document", where)])
        return self._feed.map(payload, where)

    def _put_dead_letter(
        self, outbox: Outbox, record: Any, problems: Sequence[SourceProblem]
    ) -> None:
        origin = [
            ("topic", record.topic),
            ("partition", str(record.partition)),
            ("offset", str(record.offset)),
        ]
        headers = dead_letter_headers(self._feed.name, problems, origin)
        value = record.value if self._keep_payloads else None
        self._targets.put_dead_letter(outbox, record, value, headers)

    def _count(self, mapped: Sequence[Mapped]) -> None:
        name, counts = self._feed.name, self._counts
        counts.read[name] += len(mapped)
        counts.mapped[name] += sum(len(one.records) for one in mapped)
        counts.dropped[name] += sum(not one.records and not one.problems for one in mapped)
        counts.problems.update((name, each.code) for one in mapped for each in one.problems)

    def _show_lag(self) -> None:
        for place in self._assigned:
            end = self._consumer.highwater(place)
            at = self._consumer._subscription.subscription.assignment.state_value(place)
            if end is not None and at is not None and at.has_valid_position:
                self._counts.lag[self._feed.name, place.partition] = max(0, end - at.position)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, source: TopicSource) -> None:
        self._source = source

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        await self._source.revoked()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        await self._source.assigned(assigned)
