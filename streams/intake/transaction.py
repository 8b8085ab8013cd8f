"""One batch of a source topic: what came of it, and the offsets that say so, all or nothing.

A transactional id a source partition, as kafka/transactions.py has it: who takes a partition over
initialises its id before it asks for the committed offset, so that the last owner's transaction is
ended, one way or the other, and nothing that it still sends counts. The offsets are in the
transaction, so the group's committed offset says exactly what has been written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from streams.kafka.connection import let_go
from streams.kafka.outbox import Fenced, Outbox, failure
from streams.kafka.transactions import TRANSACTION_TIMEOUT_MS, fencing

Commit = Callable[[Mapping[TopicPartition, int]], Any]


class Writer(Protocol):
    """Writes what comes of the batches of source partitions."""

    async def take_over(self, places: Iterable[TopicPartition]) -> None:
        """Before the committed offsets of these are read. Raises KafkaError."""

    def outbox(self, place: TopicPartition) -> Outbox:
        """Where to put what comes of a partition's batch. Raises Fenced."""

    async def commit(self, place: TopicPartition, offset: int) -> None:
        """Return once what was put and `offset` (of the next record to read) are acknowledged.

        Raises OutboxError, Fenced or KafkaError; the batch then is to be read again.
        """

    async def stop(self) -> None:
        """Close."""


class _OffsetOutbox(Outbox):
    """An outbox whose flush holds an offset of the group."""

    async def flush_with(self, place: TopicPartition, offset: int, group: str) -> None:
        """Write everything put since the last flush, and the offset, in one transaction."""
        outputs, states = self._taken()
        producer = self._producer
        try:
            await producer.begin_transaction()
            await self._acknowledged(outputs, whole=False)
            await producer.send_offsets_to_transaction({place: offset}, group)
            await producer.commit_transaction()
        except KafkaError as error:
            if fencing(error):
                raise Fenced(f"fenced: {error!r}") from error
            raise failure(error, outputs, states) from error


class TransactionalWriter:
    """Exactly once, where source and target are topics of one cluster."""

    def __init__(self, options: Mapping[str, Any], group: str) -> None:
        self._options = options
        self._group = group
        self._producers: dict[TopicPartition, AIOKafkaProducer] = {}
        self._outboxes: dict[TopicPartition, _OffsetOutbox] = {}

    async def take_over(self, places: Iterable[TopicPartition]) -> None:
        """As Writer.take_over: fences whoever wrote for these until now."""
        await self.stop()
        for place in places:
            producer = AIOKafkaProducer(
                **self._options,
                transactional_id=f"{self._group}-{place.topic}-{place.partition}",
                transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            )
            self._producers[place] = producer
            self._outboxes[place] = _OffsetOutbox(producer)
        await asyncio.gather(*(each.start() for each in self._producers.values()))

    def outbox(self, place: TopicPartition) -> Outbox:
        """As Writer.outbox."""
        return self._held(place)

    async def commit(self, place: TopicPartition, offset: int) -> None:
        """As Writer.commit."""
        await self._held(place).flush_with(place, offset, self._group)

    async def stop(self) -> None:
        """Close all; an open transaction is aborted by whoever comes next."""
        producers = list(self._producers.values())
        self._producers.clear()
        self._outboxes.clear()
        await asyncio.gather(*(let_go(each.stop()) for each in producers), return_exceptions=True)

    def _held(self, place: TopicPartition) -> _OffsetOutbox:
        try:
            return self._outboxes[place]
        except KeyError:
            raise Fenced(f"{place.topic}/{place.partition} was given up") from None


class AcknowledgedWriter:
    """At least once, between clusters: offsets after the acknowledgement; ids tell repetitions."""

    def __init__(self, options: Mapping[str, Any], commit: Commit) -> None:
        self._options = options
        self._commit = commit
        self._producer: AIOKafkaProducer | None = None
        self._outboxes: dict[TopicPartition, Outbox] = {}

    async def take_over(self, places: Iterable[TopicPartition]) -> None:
        """As Writer.take_over: a producer of its own, for the last may have failed half way."""
        await self.stop()
        self._producer = AIOKafkaProducer(**self._options)
        await self._producer.start()
        self._outboxes = {place: Outbox(self._producer) for place in places}

    def outbox(self, place: TopicPartition) -> Outbox:
        """As Writer.outbox."""
        try:
            return self._outboxes[place]
        except KeyError:
            raise Fenced(f"{place.topic}/{place.partition} was given up") from None

    async def commit(self, place: TopicPartition, offset: int) -> None:
        """As Writer.commit."""
        await self.outbox(place).flush()
        await self._commit({place: offset})

    async def stop(self) -> None:
        """Close, once what is under way has been written."""
        producer, self._producer = self._producer, None
        self._outboxes.clear()
        if producer is not None:
            await let_go(producer.stop())
