"""How far a group has committed, looked at all the time by somebody who takes no part in it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

_EVERY_S = 0.05
_ANSWER_S = 3.0

Offsets = Mapping[int, int]


@dataclass(frozen=True)
class Sample:
    """Committed offsets by topic and partition; asked for after `asked` (monotonic seconds)."""

    asked: float
    answered: float
    committed: Mapping[str, Offsets]


class Progress(threading.Thread):
    """Samples the committed offsets of a group's topics until it is ended."""

    def __init__(self, broker: str, group: str, topics: tuple[str, ...], partitions: int) -> None:
        super().__init__(name="progress", daemon=True)
        self._broker = broker
        self._group = group
        self._wanted = [TopicPartition(name, p) for name in topics for p in range(partitions)]
        self._ended = threading.Event()
        self.last = Sample(0.0, 0.0, {name: dict.fromkeys(range(partitions), 0) for name in topics})

    def end(self) -> None:
        """Stop looking."""
        self._ended.set()
        self.join(10)

    def run(self) -> None:
        """Ask, and ask anew where nobody answers: brokers may be gone."""
        while not self._ended.is_set():
            try:
                asyncio.run(self._sample())
            except (KafkaError, OSError, TimeoutError):
                self._ended.wait(_EVERY_S)

    async def _sample(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._broker)
        try:
            async with asyncio.timeout(_ANSWER_S):
                await admin.start()
            while not self._ended.is_set():
                asked = time.monotonic()
                async with asyncio.timeout(_ANSWER_S):
                    found = await admin.list_consumer_group_offsets(
                        self._group, partitions=self._wanted
                    )
                committed: dict[str, dict[int, int]] = {}
                for tp, held in found.items():
                    committed.setdefault(tp.topic, {})[tp.partition] = max(0, held.offset)
                self.last = Sample(asked, time.monotonic(), committed)
                await asyncio.sleep(_EVERY_S)
        finally:
            await admin.close()
