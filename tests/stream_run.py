"""The whole stream from outside: workers as processes, a replayed log, and what came out of it.

What they published is held to the oracle's verdict byte for byte (stream_verdict.py); everything is
waited for by a condition with a deadline, and every process ends by its own id.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import TracebackType

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from streams.contract_files import load_contracts
from streams.domain.contract import ContractBook
from streams.kafka import topics
from streams.kafka.admin import ensure_topics
from streams.kafka.processes import log_tail, spawn_tied, stop_process
from streams.oracle.judge import Verdict, judge
from streams.replay import Disturbance, Replayer, disturbed, ticked, timed
from streams.sources.synthetic import SyntheticDay, generate

REPO = Path(__file__).resolve().parents[1]
CONTRACT = REPO / "deploy" / "contracts" / "telco-2026.yaml"
LATENESS_MS = 30_000
SESSION_TIMEOUT_S = 6
_SERVES = re.compile(r"metrics on (http://[^/]+)/metrics")
_POLL_S = 0.05


class NotInTime(AssertionError):
    """What a test waited for did not come; the message says what, and how the workers' logs end."""


def await_that(condition: Callable[[], object], what: str, within_s: float = 60.0) -> None:
    """Return once the condition holds. Raises NotInTime."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise NotInTime(f"not within {within_s:.0f} s: {what}")
        time.sleep(_POLL_S)


@dataclass(frozen=True)
class Log:
    """A day's records and ticks as the topic will hold them, and the contracts to judge it by."""

    items: tuple[bytes | int, ...]
    book: ContractBook

    @cached_property
    def verdict(self) -> Verdict:
        """What the batch judge says of it."""
        return judge(self.items, self.book, lateness_ms=LATENESS_MS)

    @property
    def records(self) -> int:
        """How many records it has, ticks not counted."""
        return sum(isinstance(item, bytes) for item in self.items)


@cache
def synthetic_log(
    interactions: int, how: Disturbance | None = None, *, hours: int = 24, late_ppm: int = 10_000
) -> Log:
    """A synthetic day; with `how`, as another network might have delivered it."""
    day = SyntheticDay(interactions=interactions, hours=hours, late_ppm=late_ppm)
    records = disturbed(timed(generate(day)), how or Disturbance())
    return Log(tuple(ticked(records)), load_contracts([CONTRACT]))


class Metrics:
    """One scrape of a worker."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self._samples: defaultdict[str, list[Sample]] = defaultdict(list)
        for family in self.families.values():
            for sample in family.samples:
                self._samples[sample.name].append(sample)

    def series(self, name: str) -> list[Sample]:
        """All samples of one name, in the order of the exposition."""
        return self._samples[name]

    def total(self, name: str, **labels: str) -> float:
        """The sum over the samples that carry these labels; 0 where there is none."""
        wanted = labels.items()
        return sum(each.value for each in self.series(name) if wanted <= each.labels.items())

    def partitions(self, name: str) -> set[int]:
        """The values of the label `partition`."""
        return {int(sample.labels["partition"]) for sample in self.series(name)}


class WorkerProcess:
    """`baton worker` as a process of its own; dies with the test's thread.

    `program` runs the command line given to it: Python's own options, for a test that prepares it.
    """

    def __init__(
        self, argv: Sequence[str], log: Path, program: Sequence[str] = ("-m", "streams")
    ) -> None:
        self.log = log
        self._ended = False
        self.process: subprocess.Popen[bytes] = spawn_tied(
            [sys.executable, *program, "worker", *argv], log=log, env=environment()
        )

    @property
    def output(self) -> str:
        """What it has written to stdout and stderr."""
        return self.log.read_text()

    def url(self, page: str) -> str:
        """The address of one of its pages, once it says where it serves them."""

        def serves() -> re.Match[str] | None:
            self.must_run()
            return _SERVES.search(self.output)

        await_that(serves, "the worker's line that names its address", 20)
        found = serves()
        assert found is not None
        return f"{found[1]}/{page}"

    def page(self, page: str) -> tuple[int, str]:
        """Status and body of a page."""
        try:
            with urllib.request.urlopen(self.url(page), timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metrics(self) -> Metrics:
        """A scrape; also before it is ready."""
        return Metrics(self.page("metrics")[1])

    def await_ready(self, within_s: float = 60.0) -> None:
        """Return once partitions are assigned and recovered. Raises NotInTime."""

        def ready() -> bool:
            self.must_run()
            return self.page("readyz")[0] == 200

        try:
            await_that(ready, "a worker that is ready", within_s)
        except NotInTime as error:
            raise NotInTime(f"{error}; its log ends:\n{log_tail(self.log, 30)}") from None

    def must_run(self) -> None:
        """Raises NotInTime where it has ended by itself: waiting for it is in vain."""
        code = self.process.poll()
        if code is not None and not self._ended:
            raise NotInTime(f"the worker ended with {code}; its log ends:\n{self.output[-3000:]}")

    def stop(self, within_s: float = 30.0) -> int:
        """SIGTERM; returns the exit code. Raises subprocess.TimeoutExpired."""
        self._ended = True
        self.process.terminate()
        return self.process.wait(within_s)

    def kill(self) -> None:
        """SIGKILL: nothing is finished, committed or said."""
        self._ended = True
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def environment() -> dict[str, str]:
    """The test's own, without BATON_* and with the sources in the path: workers start elsewhere.

    No wall-clock ticks: a replay brings its own.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BATON_")}
    return kept | {"PYTHONPATH": str(REPO), "BATON_TICKS": "false"}


class Pipeline:
    """One group of workers with topics of its own on a broker that others may use too."""

    def __init__(
        self,
        broker: str,
        workdir: Path,
        log: Log,
        *,
        partitions: int = 4,
        flags: Iterable[str] = (),
        idempotence: bool = True,
    ) -> None:
        self.broker = broker
        self.log = log
        self.partitions = partitions
        self.group = f"run-{uuid.uuid4().hex[:8]}"
        self.prefix = f"{self.group}."
        self.workers: list[WorkerProcess] = []
        self._workdir = workdir
        self._idempotence = idempotence
        self._flags = [
            *("--broker", broker, "--app-id", self.group, "--prefix", self.prefix),
            *("--partitions", str(partitions), "--contract", str(CONTRACT), "--port", "0"),
            *("--session-timeout", str(SESSION_TIMEOUT_S), "--commit-interval", "0.5"),
            *("--no-ticks", "--idempotence" if idempotence else "--no-idempotence"),
            *flags,
        ]
        self._replaying: threading.Thread | None = None
        self._failures: list[BaseException] = []
        specs = topics.declared_topics(self.prefix, partitions)
        asyncio.run(ensure_topics(broker, specs, 1))

    def topic(self, name: str) -> str:
        """A declared topic's name in this run."""
        return self.prefix + name

    def start_worker(
        self, *flags: str, program: Sequence[str] = ("-m", "streams")
    ) -> WorkerProcess:
        """One more worker; returns at once."""
        path = self._workdir / f"{self.group}-{len(self.workers)}.log"
        worker = WorkerProcess([*self._flags, *flags], path, program)
        self.workers.append(worker)
        return worker

    def replay(
        self, items: Iterable[bytes | int] | None = None, speed: float | None = None
    ) -> None:
        """Write the log (or part of it) onto the topic; returns when all is acknowledged."""
        replayer = Replayer(
            self.broker,
            self.topic(topics.EVENTS),
            self.partitions,
            speed=speed,
            idempotence=self._idempotence,
        )
        asyncio.run(replayer.run(self.log.items if items is None else items))

    def start_replay(self, lasting_s: float) -> None:
        """Write the log from a thread, its ticks spread over about this time."""
        ticks = [item for item in self.log.items if isinstance(item, int)]
        speed = (ticks[-1] - ticks[0]) / 1000 / lasting_s

        def write() -> None:
            try:
                self.replay(speed=speed)
            except BaseException as error:
                self._failures.append(error)

        self._replaying = threading.Thread(target=write, name="replay")
        self._replaying.start()

    def end_replay(self) -> None:
        """Wait for the replaying thread. Raises what it failed with."""
        if self._replaying is not None:
            self._replaying.join(120)
            assert not self._replaying.is_alive(), "the replay did not end"
            self._replaying = None
        if self._failures:
            raise self._failures[0]

    def await_processed(self, within_s: float = 90.0) -> None:
        """Return once both stages have committed all there is to read. Raises NotInTime.

        Deltas are committed when they have been judged, so nothing is under way any more.
        """
        self.end_replay()
        for name in (topics.EVENTS, topics.DELTAS):
            # In this order: all deltas are written once all events are committed.
            ends = self.end_offsets(name)
            self.await_committed(lambda found, ends=ends: found == ends, name, within_s)

    def await_share(self, share: float, within_s: float = 90.0) -> None:
        """Return once this share of the log's events has been committed. Raises NotInTime."""
        wanted = share * self.log.records
        self.await_committed(lambda found: sum(found.values()) >= wanted, topics.EVENTS, within_s)

    def await_committed(
        self, holds: Callable[[dict[int, int]], bool], topic: str, within_s: float = 90.0
    ) -> None:
        """Wait for the group's committed offsets of a topic, by partition. Raises NotInTime."""

        async def run() -> None:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.broker)
            await admin.start()
            deadline = time.monotonic() + within_s
            try:
                while not holds(found := await self._committed(admin, topic)):
                    for worker in self.workers:
                        worker.must_run()
                    if time.monotonic() > deadline:
                        logs = "\n".join(log_tail(each.log, 30) for each in self.workers)
                        raise NotInTime(
                            f"{topic}: committed stay at {found}; the workers' logs end:\n{logs}"
                        )
                    await asyncio.sleep(_POLL_S)
            finally:
                await admin.close()

        asyncio.run(run())

    def committed(self, topic: str) -> dict[int, int]:
        """The group's committed offsets of a topic, by partition."""

        async def run() -> dict[int, int]:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.broker)
            await admin.start()
            try:
                return await self._committed(admin, topic)
            finally:
                await admin.close()

        return asyncio.run(run())

    async def _committed(self, admin: AIOKafkaAdminClient, topic: str) -> dict[int, int]:
        wanted = [TopicPartition(self.topic(topic), p) for p in range(self.partitions)]
        try:
            found = await admin.list_consumer_group_offsets(self.group, partitions=wanted)
        except KafkaError as error:  # as while the first group's coordinator comes up
            if not error.retriable:
                raise
            return {}
        return {tp.partition: max(0, held.offset) for tp, held in found.items()}

    def end_offsets(self, topic: str) -> dict[int, int]:
        """The end of each partition of a declared topic."""
        return asyncio.run(end_offsets(self.broker, self.topic(topic), self.partitions))

    def records(self, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
        """Everything one declared topic holds, by partition and offset."""
        return asyncio.run(read_topic(self.broker, self.topic(topic), self.partitions))

    def __enter__(self) -> Pipeline:
        """Its topics exist; workers are started one by one."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing of this run goes on."""
        for worker in self.workers:
            stop_process(worker.process, 15)
        if self._replaying is not None:
            self._replaying.join(120)


async def read_topic(
    broker: str, topic: str, partitions: int
) -> list[ConsumerRecord[bytes, bytes]]:
    """All records of a topic up to the ends that fetches (not ListOffsets) name."""
    places = [TopicPartition(topic, partition) for partition in range(partitions)]
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, max_partition_fetch_bytes=8 * 1024 * 1024)
    await consumer.start()
    found: dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]] = {tp: [] for tp in places}
    try:
        consumer.assign(places)
        for place in places:
            consumer.seek(place, 0)
        async with asyncio.timeout(60):
            while not await _all_read(consumer, places):
                for place, records in (await consumer.getmany(timeout_ms=100)).items():
                    found[place] += records
    finally:
        await consumer.stop()
    return [record for place in places for record in found[place]]


async def end_offsets(broker: str, topic: str, partitions: int) -> dict[int, int]:
    """The end of each partition, as fetches name it: the embedded broker's ListOffsets is short."""
    places = [TopicPartition(topic, partition) for partition in range(partitions)]
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, fetch_max_wait_ms=100)
    await consumer.start()
    try:
        consumer.assign(places)
        for place in places:
            consumer.seek(place, 0)
        async with asyncio.timeout(30):
            while None in (ends := {tp: consumer.highwater(tp) for tp in places}).values():
                await asyncio.sleep(_POLL_S)
    finally:
        await consumer.stop()
    return {tp.partition: end for tp, end in ends.items()}


async def _all_read(consumer: AIOKafkaConsumer, places: Iterable[TopicPartition]) -> bool:
    for place in places:
        end = consumer.highwater(place)
        if end is None or await consumer.position(place) < end:
            return False
    return True


def headers_of(record: ConsumerRecord[bytes, bytes]) -> Mapping[str, str]:
    """A record's headers as text; of one name the last."""
    return {name: value.decode() for name, value in record.headers}
