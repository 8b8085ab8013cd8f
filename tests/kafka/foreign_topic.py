"""A foreign topic on a broker, `baton source run` on it, and what came of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer

from streams.kafka import topics
from streams.kafka.admin import ensure_topics
from streams.kafka.topics import TopicSpec
from tests.intake_process import IntakeProcess, canonical_events
from tests.topic_records import headers_of, read_topic
from tests.worker_process import await_that

FOREIGN_PARTITIONS = 4
PARTITIONS = 3
EVENTS = 2500
SPOILED = (b"no JSON", b'"a text"', b'{"type":"baton.unheard.of"}', b"\xff\xfe")
WANTED = Counter(event["id"] for event in canonical_events(EVENTS))
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
            *("--prefix", self.prefix, "--app-id", self.prefix, "--batch-records", "20"),
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


def mapped(process: IntakeProcess) -> float:
    """How many events it has written."""
    return process.metrics().total("baton_source_events_total", source="canonical")


def some(process: IntakeProcess) -> None:
    """Wait until it has written something."""
    await_that(lambda: process.must_run() or mapped(process) > 0, "events that are written")


def drained(*processes: IntakeProcess) -> bool:
    """Whether they have read all partitions to their ends."""
    lags = [s for p in processes for s in p.metrics().series("baton_source_lag_records")]
    return len(lags) == FOREIGN_PARTITIONS and not any(sample.value for sample in lags)
