"""Crashes at any write: the real stages on a log in memory, ended between one append and the next.

A process dies after some of a flush's record batches were appended and before others were, or
after all were and nothing was committed; or it is paused there, and writes on when another has
taken over. What the next one makes of changelog and offsets must, each id counted once, be what the
oracle says. How Kafka and Faust themselves behave: tests/kafka.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from streams.agents.lifecycle import LifecycleStage, StateError
from streams.agents.windows import WindowsStage
from streams.event_log import address
from streams.export.telemetry import Telemetry
from streams.kafka import outbox, topics
from streams.kafka.batches import Batch
from streams.kafka.outbox import partition_of
from streams.kafka.store import PartitionedStore
from streams.replay import tick_record
from streams.settings import Settings
from tests.stream_run import Log, synthetic_log
from tests.stream_verdict import assert_published_as_judged

PARTITIONS = 2
CHANGELOGS = ("interactions-changelog", "windows-changelog")
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

    def create_batch(self) -> RecordBatch:
        return RecordBatch()

    async def send_batch(
        self, batch: RecordBatch, topic: str, *, partition: int
    ) -> asyncio.Future[None]:
        place = (topic, partition)
        self._dying = self._dying or (
            self._rarity > 0 and self._chance.randrange(self._rarity) == 0
        )
        if self._dying and self._chance.randrange(2):
            self._cut.add(place)
        if place not in self._cut:
            for record in batch.records:
                self._kafka.append(place, *record)
        answer = asyncio.get_running_loop().create_future()
        if self._dying:
            answer.set_exception(Killed())
        else:
            answer.set_result(None)
        return answer


class PausedProducer(MortalProducer):
    """Appends the record batches it is allowed to; then its process stands still."""

    def __init__(self, kafka: Partitions, chance: random.Random) -> None:
        super().__init__(kafka, chance)
        self._allowed = asyncio.Semaphore(0)
        self.paused = asyncio.Event()

    async def send_batch(
        self, batch: RecordBatch, topic: str, *, partition: int
    ) -> asyncio.Future[None]:
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
        events = [SimpleNamespace(message=record) for record in records]
        self.apply_changelog_batch(events, None, None)


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
        parts = (outbox.Outbox(producer, whole=CHANGELOGS), telemetry)
        stores = [BareStore(kafka.read(name)) for name in CHANGELOGS]
        self._stages: dict[str, Any] = {
            topics.EVENTS: LifecycleStage(log.book, settings, stores[0], *parts, CHANGELOGS[0]),
            topics.DELTAS: WindowsStage(log.book, settings, stores[1], *parts, CHANGELOGS[1]),
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


def with_events_from_the_future(log: Log) -> Log:
    """Now and then an event of a conversation of its own, a little too far ahead of the clock."""

    def items() -> Iterator[bytes | int]:
        for index, item in enumerate(log.items):
            yield item
            if isinstance(item, int) and index % 7 == 0:
                ahead = next((i for i in log.items[index:] if _is_start_after(i, item)), None)
                if ahead is not None:
                    assert isinstance(ahead, bytes)
                    yield _renamed(ahead, f"future-{index}")

    return Log(tuple(items()), log.book)


def _is_start_after(item: bytes | int, tick: int) -> bool:
    if isinstance(item, int) or b'"baton.contact.started"' not in item:
        return False
    arrival = address(item).arrival_ms
    return arrival is not None and arrival > tick + 330_000


def _renamed(raw: bytes, name: str) -> bytes:
    event = orjson.loads(raw)
    event["id"] = name
    event["data"]["conversation_id"] = name
    return orjson.dumps(event)


def written(log: Log) -> Partitions:
    """The log on its topic, before any worker has started."""
    kafka = Partitions()
    for index, item in enumerate(log.items):
        if isinstance(item, int):
            for partition in range(PARTITIONS):
                kafka.append((topics.EVENTS, partition), None, tick_record(item), ())
            continue
        name = address(item).conversation
        key = None if name is None else name.encode()
        place = index % PARTITIONS if key is None else partition_of(key, PARTITIONS)
        kafka.append((topics.EVENTS, place), key, item, ())
    return kafka


@pytest.fixture(scope="module")
def log() -> Log:
    return with_events_from_the_future(synthetic_log(150, hours=4, late_ppm=20_000))


def lives(log: Log, seed: int, *, rarity: int, most: int) -> tuple[Partitions, int]:
    """Processes one after another until one reads to the end; and how many were killed."""
    kafka, chance, killed = written(log), random.Random(seed), 0
    while True:
        # The longer it takes the longer they live, so that it ends.
        producer = MortalProducer(kafka, chance, rarity + killed if rarity else 0)
        process = Process(kafka, log, chance, producer, most)
        try:
            asyncio.run(process.run())
        except Killed:
            killed += 1
            if chance.randrange(2):
                process.commit()  # it was just sending one
        else:
            return kafka, killed


def test_a_life_without_a_crash_publishes_everything_once(log: Log) -> None:
    kafka, killed = lives(log, 1, rarity=0, most=300)
    assert killed == 0
    assert log.verdict.dead_letters["future_time"] > 10
    assert log.verdict.late_facts > 0
    assert_published_as_judged(log.verdict, kafka.read, repeated=False)


@pytest.mark.parametrize("most", [7, 60, 200])
@pytest.mark.parametrize("seed", range(4))
def test_killed_at_any_write_nothing_is_lost_or_told_otherwise(
    log: Log, seed: int, most: int
) -> None:
    kafka, killed = lives(log, seed, rarity=10, most=most)
    assert killed > 3
    assert_published_as_judged(log.verdict, kafka.read, repeated=True)


def test_outputs_torn_into_many_record_batches_change_nothing(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MAX_BATCH_BYTES", 400)
    kafka, killed = lives(log, 5, rarity=60, most=60)
    assert killed > 10
    assert_published_as_judged(log.verdict, kafka.read, repeated=True)


@pytest.mark.parametrize("seed", range(8))
def test_a_paused_process_that_writes_on_after_it_was_replaced_changes_nothing(
    log: Log, seed: int
) -> None:
    kafka, chance = written(log), random.Random(seed)

    async def run() -> None:
        producers = [PausedProducer(kafka, chance) for _ in range(2)]
        processes, tasks = [], []
        for producer in producers:
            process = Process(kafka, log, chance, producer, 60)
            for replaced in processes:
                replaced.member = False
            processes.append(process)
            tasks.append(asyncio.create_task(process.run()))
            await producer.write(chance.randint(20, 100))
        await producers[0].write(chance.randint(1, 30))
        await producers[1].write(chance.randint(1, 60))
        for task in tasks:
            task.cancel()
        await Process(kafka, log, chance, MortalProducer(kafka, chance), 60).run()

    asyncio.run(run())
    assert_published_as_judged(log.verdict, kafka.read, repeated=True)


def test_a_table_made_from_another_topic_of_the_name_is_refused(log: Log) -> None:
    kafka, _ = lives(log, 1, rarity=0, most=300)
    for partition in range(PARTITIONS):
        del kafka.records[topics.EVENTS, partition][100:]
    kafka.committed.clear()
    chance = random.Random(1)
    process = Process(kafka, log, chance, MortalProducer(kafka, chance), 60)
    with pytest.raises(StateError, match="another --app-id"):
        asyncio.run(process.run())
