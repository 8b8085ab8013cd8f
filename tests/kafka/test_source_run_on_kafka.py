"""`baton source run` on Apache Kafka: killed, joined and left, it loses nothing, and repeats
nothing where it says so.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from streams.kafka import topics
from streams.kafka.admin import ensure_topics
from streams.kafka.outbox import partition_of
from streams.kafka.topics import TopicSpec
from tests.intake_process import IntakeProcess, canonical_events
from tests.kafka.apache import ApacheKafka
from tests.topic_records import headers_of, read_topic
from tests.worker_process import await_that

FOREIGN_PARTITIONS = 4
PARTITIONS = 3
EVENTS = 6000
SPOILED = (b"no JSON", b'"a text"', b'{"type":"baton.unheard.of"}', b"\xff\xfe")
_NUMBERS = count()


class Scene:
    """A foreign topic with events and what is none, and processes that read it."""

    def __init__(self, broker: str, workdir: Path) -> None:
        self.broker = broker
        self.prefix = f"run{next(_NUMBERS)}-"
        self.foreign = f"{self.prefix}foreign"
        self._workdir = workdir
        self._numbers = count()
        self._ending = ExitStack()

    def prepare(self) -> None:
        specs = [TopicSpec(self.foreign, FOREIGN_PARTITIONS, {})]
        for name in (topics.EVENTS, topics.DEAD_LETTERS):
            specs.append(TopicSpec(self.prefix + name, PARTITIONS, {}))
        asyncio.run(self._prepare(specs))

    async def _prepare(self, specs: list[TopicSpec]) -> None:
        await ensure_topics(self.broker, specs, 1)
        producer = AIOKafkaProducer(bootstrap_servers=self.broker, linger_ms=20)
        await producer.start()
        for number, event in enumerate(canonical_events(EVENTS)):
            await producer.send(
                self.foreign, orjson.dumps(event), partition=number % FOREIGN_PARTITIONS
            )
        for number, value in enumerate(SPOILED):
            await producer.send(self.foreign, value, partition=number % FOREIGN_PARTITIONS)
        await producer.send(self.foreign, None, key=b"a tombstone", partition=0)
        await producer.stop()

    def start(self, *flags: str, env: dict[str, str] | None = None) -> IntakeProcess:
        """A member of the group that takes small batches."""
        process = IntakeProcess(
            *("run", "canonical", "--from", self.foreign, "--broker", self.broker),
            *("--prefix", self.prefix, "--app-id", self.prefix, "--batch-records", "50"),
            *("--session-timeout", "6", *flags),
            log=self._workdir / f"run-{next(self._numbers)}.log",
            env=env or {},
        )
        self._ending.callback(process.process.kill)
        return process

    def close(self) -> None:
        self._ending.close()

    def read(self, topic: str) -> list[Any]:
        """What a reader of committed records sees."""
        name = self.prefix + topic
        return asyncio.run(read_topic(self.broker, name, PARTITIONS, committed=True))

    def ids(self) -> Counter[str]:
        return Counter(orjson.loads(r.value or b"")["id"] for r in self.read(topics.EVENTS))

    def letters(self) -> Counter[tuple[str, str, str]]:
        """The dead letters: code, and partition and offset of the origin."""
        found = [headers_of(record) for record in self.read(topics.DEAD_LETTERS)]
        assert all(each["baton.error.origin.topic"] == self.foreign for each in found)
        names = ("code", "origin.partition", "origin.offset")
        return Counter(tuple(each[f"baton.error.{name}"] for name in names) for each in found)  # type: ignore[misc]


@pytest.fixture
def scene(kafka: ApacheKafka, tmp_path: Path) -> Iterator[Scene]:
    with closing(Scene(kafka.bootstrap, tmp_path)) as found:
        found.prepare()
        yield found


@contextmanager
def closing(scene: Scene) -> Iterator[Scene]:
    try:
        yield scene
    finally:
        scene.close()


def mapped(process: IntakeProcess) -> float:
    return process.metrics().total("baton_source_events_total", source="canonical")


def some(process: IntakeProcess) -> None:
    """Wait until it has written something, but not all."""
    await_that(lambda: process.must_run() or mapped(process) > 0, "events that are written")


def drained(*processes: IntakeProcess) -> bool:
    lags = [s for p in processes for s in p.metrics().series("baton_source_lag_records")]
    return len(lags) == FOREIGN_PARTITIONS and not any(sample.value for sample in lags)


WANTED = Counter(event["id"] for event in canonical_events(EVENTS))


def test_exactly_once_whatever_is_killed_and_whoever_joins(scene: Scene) -> None:
    first = scene.start()
    some(first)
    first.kill()
    second = scene.start()
    some(second)
    third = scene.start()
    await_that(lambda: third.metrics().series("baton_source_lag_records"), "partitions for a third")
    second.kill()
    fourth = scene.start()
    await_that(lambda: drained(third, fourth), "a topic that is read to its end", within_s=90)
    assert third.stop() == 0, third.output
    assert fourth.stop() == 0, fourth.output
    assert scene.ids() == WANTED
    letters = scene.letters()
    assert sorted(code for code, *_ in letters) == [
        *("malformed_json", "malformed_json", "not_canonical", "not_canonical")
    ]
    assert set(letters.values()) == {1}
    for record in scene.read(topics.EVENTS):
        key = orjson.loads(record.value or b"")["data"]["conversation_id"].encode()
        assert record.key == key
        assert record.partition == partition_of(key, PARTITIONS)
    assert [record.value for record in scene.read(topics.DEAD_LETTERS)] == [None] * len(SPOILED)


def test_sigterm_commits_and_the_next_reads_nothing_again(scene: Scene) -> None:
    first = scene.start("--keep-payloads")
    await_that(lambda: drained(first), "a topic that is read to its end")
    scrape = first.metrics()
    read = scrape.total("baton_source_payloads_read_total", source="canonical")
    assert read == EVENTS + len(SPOILED) + 1
    assert scrape.total("baton_source_payloads_dropped_total", source="canonical") == 1
    assert first.stop() == 0, first.output
    second = scene.start()
    await_that(lambda: drained(second), "a topic that has been read")
    assert mapped(second) == 0
    assert second.stop() == 0
    assert {record.value for record in scene.read(topics.DEAD_LETTERS)} == set(SPOILED)


def test_at_least_once_loses_nothing_and_repeats_ids_only(scene: Scene) -> None:
    first = scene.start("--guarantee", "at-least-once")
    some(first)
    first.kill()
    second = scene.start("--guarantee", "at-least-once")
    await_that(lambda: drained(second), "a topic that is read to its end")
    assert second.stop() == 0, second.output
    assert scene.ids().keys() == WANTED.keys()
