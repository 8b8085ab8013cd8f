"""A producer whose brokers can be away, slow or unwilling, and what they hold."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.errors import KafkaError, MessageSizeTooLargeError

MOST_RECORDS = 100
MOST_BYTES = 500_000


class Brokers:
    """What all producers write to. `away`: they keep what they were given and go on trying."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes | None, bytes | None, Any]] = []
        self.there = asyncio.Event()
        self.there.set()
        self.refusing: KafkaError | None = None
        self.producers = 0
        self.batches = 0
        # Of one batch; what is larger is refused, as a topic's max.message.bytes has it.
        self.most_bytes = 10**9

    def ids(self) -> list[tuple[str, bytes | None]]:
        """Topic and value of each record."""
        return [(topic, value) for topic, _, value, _ in self.records]

    def producer(self) -> InMemoryProducer:
        self.producers += 1
        return InMemoryProducer(self)


class Batch:
    """aiokafka's BatchBuilder, as Delivery uses it: it takes MOST_RECORDS and no more."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes | None, bytes | None, Any]] = []

    def append(
        self, *, timestamp: int | None, key: bytes | None, value: bytes | None, headers: Any
    ) -> object | None:
        if len(self.records) == MOST_RECORDS or len(value or b"") > MOST_BYTES:
            return None
        self.records.append((key, value, headers))
        return object()


class InMemoryProducer:
    """aiokafka's producer, as Delivery uses it."""

    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        await self._brokers.there.wait()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def partitions_for(self, topic: str) -> set[int]:
        return {0, 1, 2}

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> asyncio.Task[None]:
        task = asyncio.create_task(self._append(batch, topic))
        self._tasks.add(task)
        return task

    async def _append(self, batch: Batch, topic: str) -> None:
        await self._brokers.there.wait()
        if self._brokers.refusing is not None:
            raise self._brokers.refusing
        if sum(len(value or b"") for _, value, _ in batch.records) > self._brokers.most_bytes:
            raise MessageSizeTooLargeError()
        self._brokers.batches += 1
        self._brokers.records += [(topic, *record) for record in batch.records]
