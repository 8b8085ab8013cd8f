"""The real stages on a log in memory, in a process that can end or stand still at any write."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

from streams.agents.stages import STAGES
from streams.event_log import address, asks_to_erase
from streams.export.telemetry import Telemetry
from streams.kafka import outbox, topics
from streams.kafka.batches import Batch
from streams.kafka.outbox import partition_of
from streams.kafka.store import PartitionedStore
from streams.replay import tick_record
from streams.settings import Settings
from tests.stream_run import Log

PARTITIONS = 2
CHANGELOGS = tuple(f"{kind.table}-changelog" for kind in STAGES)
Place = tuple[str, int]


class Killed(Exception):
    """The process is no more."""


@dataclass
class Record:
    """What the stages and the verdict read of an aiokafka ConsumerRecord."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    timestamp: int | None = None


@dataclass
class Partitions:
    """What the brokers hold: records and committed offsets, by topic and partition."""

    records: defaultdict[Place, list[Record]] = field(default_factory=lambda: defaultdict(list))
    committed: defaultdict[Place, int] = field(default_factory=lambda: defaultdict(int))

    def append(self, place: Place, key: bytes | None, value: bytes | None, headers: Any) -> None:
        """Write one record."""
        held = self.records[place]
        held.append(Record(*place, len(held), key, value, list(headers)))

    def read(self, topic: str) -> list[Any]:
        """A topic's records, by partition and offset."""
        return [r for p in range(PARTITIONS) for r in self.records[topic, p]]


class RecordBatch:
    """aiokafka's BatchBuilder as the outbox uses it."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes | None, bytes | None, Any]] = []
        self._room = outbox.MAX_WHOLE_BYTES

    def append(self, *, timestamp: Any, key: Any, value: Any, headers: Any) -> object:
        size = len(key or b"") + len(value or b"")
        if self.records and size > self._room:
            return None
        self._room -= size
        self.records.append((key, value, headers))
        return self

    def record_count(self) -> int:
        return len(self.records)


class MortalProducer:
    """Appends record batches whole; of about one in `rarity` the process does not see the answer.

    From then on, what it has sent to a partition arrives up to some record batch and no further.
    """

    def __init__(self, kafka: Partitions, chance: random.Random, rarity: int = 0) -> None:
        self._kafka = kafka
        self._chance = chance
        self._rarity = rarity
        self._dying = False
        self._cut: set[Place] = set()
        self.appended: defaultdict[str, int] = defaultdict(int)

    def create_batch(self) -> RecordBatch:
        return RecordBatch()

    async def send_batch(
        self, batch: RecordBatch, topic: str, *, partition: int
    ) -> asyncio.Future[Any]:
        place = (topic, partition)
        self._dying = self._dying or (
            self._rarity > 0 and self._chance.randrange(self._rarity) == 0
        )
        if self._dying and self._chance.randrange(2):
            self._cut.add(place)
        if place not in self._cut:
            self.appended[topic] += 1
            for record in batch.records:
                self._kafka.append(place, *record)
        answer = asyncio.get_running_loop().create_future()
        if self._dying:
            answer.set_exception(Killed())
        else:
            held = len(self._kafka.records[place])
            answer.set_result(SimpleNamespace(offset=held - batch.record_count()))
        return answer


class PausedProducer(MortalProducer):
    """Appends the record batches it is allowed to; then its process stands still."""

    def __init__(self, kafka: Partitions, chance: random.Random) -> None:
        super().__init__(kafka, chance)
        self._allowed = asyncio.Semaphore(0)
        self.paused = asyncio.Event()

    async def send_batch(
        self, batch: RecordBatch, topic: str, *, partition: int
    ) -> asyncio.Future[Any]:
        if self._allowed.locked():
            self.paused.set()
        await self._allowed.acquire()
        return await super().send_batch(batch, topic, partition=partition)

    async def write(self, batches: int) -> None:
        """Let the process run until it wants to write one more."""
        self.paused.clear()
        for _ in range(batches):
            self._allowed.release()
        await self.paused.wait()


class BareStore(PartitionedStore):
    """The store without the Faust table that it belongs to."""

    def __init__(self, records: Iterable[Any]) -> None:
        self.__post_init__()
        for number, some in groupby(records, attrgetter("partition")):
            self.apply(number, list(some))


class Process:
    """One life of a worker: starts from what the brokers hold, ends by Killed or when all is
    read.
    """

    def __init__(
        self,
        kafka: Partitions,
        log: Log,
        chance: random.Random,
        producer: MortalProducer,
        most: int,
    ) -> None:
        settings = Settings(partitions=PARTITIONS)
        telemetry = Telemetry(log.book)
        box = outbox.Outbox(producer)
        parts = (lambda _: box, telemetry)
        self._stages: dict[str, Any] = {
            kind.topic: kind.new(
                log.book, settings, BareStore(kafka.read(changelog)), *parts, changelog
            )
            for kind, changelog in zip(STAGES, CHANGELOGS, strict=True)
        }
        self._kafka = kafka
        self._chance = chance
        self._most = most
        self.member = True
        places = [(topic, p) for topic in self._stages for p in range(PARTITIONS)]
        self._position = {place: kafka.committed[place] for place in places}
        self._in_flight: dict[Place, deque[Batch]] = {place: deque() for place in places}

    async def run(self) -> None:
        """Read to the end, the partitions in any order. Raises Killed."""
        while waiting := [
            p for p, at in self._position.items() if at < len(self._kafka.records[p])
        ]:
            place = self._chance.choice(waiting)
            at = self._position[place]
            some = self._kafka.records[place][at : at + self._chance.randint(1, self._most)]
            batch = Batch(*place, some, len(self._kafka.records[place]))
            self._position[place] = batch.last + 1
            self._in_flight[place].append(batch)
            await self._stages[place[0]].process(batch)
            if self._chance.randrange(3) == 0:
                self.commit()
        self.commit()

    def commit(self) -> None:
        """Commit the longest released run at the head of each partition, while in the group."""
        if not self.member:
            return
        for place, batches in self._in_flight.items():
            while batches and batches[0].released:
                self._kafka.committed[place] = batches.popleft().last + 1


def written(log: Log) -> Partitions:
    """The log on its topic, before any worker has started."""
    kafka = Partitions()
    for index, item in enumerate(log.items):
        if isinstance(item, int):
            for partition in range(PARTITIONS):
                kafka.append((topics.EVENTS, partition), None, tick_record(item), ())
            continue
        if asks_to_erase(item):
            for partition in range(PARTITIONS):
                kafka.append((topics.EVENTS, partition), None, item, ())
            continue
        name = address(item).conversation
        key = None if name is None else name.encode()
        place = index % PARTITIONS if key is None else partition_of(key, PARTITIONS)
        kafka.append((topics.EVENTS, place), key, item, ())
    return kafka
