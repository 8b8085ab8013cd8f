"""A producer whose brokers can be away, slow or unwilling, and what they hold."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.errors import KafkaError


class Brokers:
    """What all producers write to. `away`: they keep what they were given and go on trying."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes | None, bytes | None, Any]] = []
        self.there = asyncio.Event()
        self.there.set()
        self.refusing: KafkaError | None = None
        self.producers = 0

    def ids(self) -> list[tuple[str, bytes | None]]:
        """Topic and value of each record."""
        return [(topic, value) for topic, _, value, _ in self.records]

    def producer(self) -> InMemoryProducer:
        self.producers += 1
        return InMemoryProducer(self)


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

    async def send(
        self, topic: str, *, value: bytes | None, key: bytes | None, headers: Any
    ) -> asyncio.Task[None]:
        task = asyncio.create_task(self._append((topic, key, value, headers)))
        self._tasks.add(task)
        return task

    async def _append(self, record: tuple[str, bytes | None, bytes | None, Any]) -> None:
        await self._brokers.there.wait()
        if self._brokers.refusing is not None:
            raise self._brokers.refusing
        self._brokers.records.append(record)
