"""The real stages in one process, with no broker: what they write is counted and let go."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import time
from collections import defaultdict
from collections.abc import Collection, Iterable
from types import SimpleNamespace
from typing import Any

from streams.agents.stages import STAGES
from streams.domain.contract import ContractBook
from streams.event_log import address, asks_to_erase
from streams.export.telemetry import Telemetry
from streams.kafka import outbox, topics
from streams.kafka.batches import Batch
from streams.kafka.outbox import partition_of
from streams.replay import tick_record
from streams.settings import Settings
from tests.mortal_worker import CHANGELOGS, PARTITIONS, BareStore, Place, Record, RecordBatch

# Its cache would fill with conversations for months: that is the replayer's, not the worker's.
_uncached = partition_of.__wrapped__


class _Sink:
    """Keeps what another stage reads until it does, and of all else only the count.

    A changelog compacted to nothing: what stands in it is what stands in the tables.
    """

    def __init__(self, read: Collection[str]) -> None:
        self._read = read
        self.unread: defaultdict[Place, list[Any]] = defaultdict(list)
        self.written: defaultdict[Place, int] = defaultdict(int)

    def create_batch(self) -> RecordBatch:
        return RecordBatch()

    async def send_batch(
        self, batch: RecordBatch, topic: str, *, partition: int
    ) -> asyncio.Future[Any]:
        place = (topic, partition)
        first = self.written[place]
        for key, value, headers in batch.records:
            if topic in self._read:
                record = Record(*place, self.written[place], key, value, list(headers))
                self.unread[place].append(record)
            self.written[place] += 1
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(SimpleNamespace(offset=first))
        return answer


class SoakWorker:
    """All stages over a log given piece by piece; `batch` records at a time to a partition."""

    def __init__(self, book: ContractBook, batch: int = 2_000) -> None:
        settings = Settings(partitions=PARTITIONS)
        telemetry = Telemetry(book)
        self._sink = _Sink([settings.topic(kind.topic) for kind in STAGES[1:]])
        box = outbox.Outbox(self._sink)
        parts = (lambda _: box, telemetry)
        self._tables = [BareStore([]) for _ in STAGES]
        self.interactions_table = self._tables[0]
        self._stages = [
            kind.new(book, settings, store, *parts, changelog)
            for kind, store, changelog in zip(STAGES, self._tables, CHANGELOGS, strict=True)
        ]
        self._batch = batch
        self._read: defaultdict[int, list[Any]] = defaultdict(list)
        self._offsets: defaultdict[int, int] = defaultdict(int)
        self.events = 0
        self.busy_s = 0.0

    async def run(self, log: Iterable[bytes | int]) -> None:
        """Take a piece of the log in, to its end."""
        for index, item in enumerate(log):
            if isinstance(item, int):
                for partition in range(PARTITIONS):
                    await self._take(partition, None, tick_record(item))
                continue
            self.events += 1
            if asks_to_erase(item):
                for partition in range(PARTITIONS):
                    await self._take(partition, None, item)
                continue
            conversation = address(item).conversation
            key = None if conversation is None else conversation.encode()
            place = index % PARTITIONS if key is None else _uncached(key, PARTITIONS)
            await self._take(place, key, item)
        for partition in range(PARTITIONS):
            await self._process(partition)

    async def _take(self, partition: int, key: bytes | None, value: bytes) -> None:
        offset = self._offsets[partition]
        self._offsets[partition] += 1
        records = self._read[partition]
        records.append(Record(topics.EVENTS, partition, offset, key, value, []))
        if len(records) >= self._batch:
            await self._process(partition)

    async def _process(self, partition: int) -> None:
        started = time.perf_counter()
        records = self._read.pop(partition, [])
        if records:
            await self._stages[0].process(Batch(topics.EVENTS, partition, records))
        for kind, stage in zip(STAGES[1:], self._stages[1:], strict=True):
            for number in range(PARTITIONS):
                unread = self._sink.unread.pop((kind.topic, number), [])
                if unread:
                    await stage.process(Batch(kind.topic, number, unread))
        self.busy_s += time.perf_counter() - started

    @property
    def interactions(self) -> int:
        """How many conversations are remembered."""
        tables = (self.interactions_table.partition(p) for p in range(PARTITIONS))
        return sum(sum(not key.startswith(b"\x00") for key in table) for table in tables)

    @property
    def table_bytes(self) -> int:
        """Keys and values of all tables: what their changelogs come to when compacted."""
        tables = [store.partition(p) for store in self._tables for p in range(PARTITIONS)]
        return sum(len(key) + len(value) for table in tables for key, value in table.items())


def resident_bytes() -> int:
    """This process's resident memory, once what is free has been given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
