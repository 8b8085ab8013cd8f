"""The whole stream from outside: workers as processes, a replayed log, and what came out of it.

What they published is held to the oracle's verdict byte for byte (stream_verdict.py); everything is
waited for by a condition with a deadline, and every process ends by its own id.
"""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from operator import eq
from pathlib import Path
from types import TracebackType

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.agents.stages import STAGES
from streams.contract_files import load_contracts
from streams.domain.contract import ContractBook
from streams.domain.ticks import DEFAULT_TICK_INTERVAL_MS
from streams.event_log import asks_to_erase
from streams.kafka import topics
from streams.kafka.admin import ensure_topics
from streams.kafka.processes import log_tail, stop_process
from streams.oracle.judge import Verdict, judge
from streams.replay import Disturbance, Replayer, disturbed, ticked, timed
from streams.sources.synthetic import SyntheticDay, generate
from tests.topic_records import end_offsets, read_topic
from tests.worker_process import POLL_S, REPO, NotInTime, WorkerProcess

CONTRACT = REPO / "deploy" / "contracts" / "telco-2026.yaml"
LATENESS_MS = 30_000
SESSION_TIMEOUT_S = 6


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

    def written(self, partitions: int) -> int:
        """How many records the topic holds of it: ticks and erasures go to each partition."""
        to_all = sum(isinstance(item, int) or asks_to_erase(item) for item in self.items)
        return len(self.items) - to_all + partitions * to_all


@cache
def synthetic_log(
    interactions: int, how: Disturbance | None = None, *, hours: int = 24, late_ppm: int = 10_000
) -> Log:
    """A synthetic day, made once; with `how`, as another network might have delivered it."""
    return log_of(SyntheticDay(interactions=interactions, hours=hours, late_ppm=late_ppm), how)


def log_of(
    day: SyntheticDay,
    how: Disturbance | None = None,
    *,
    tick_interval_ms: int = DEFAULT_TICK_INTERVAL_MS,
) -> Log:
    """The log of a synthetic day; with `how`, as another network might have delivered it."""
    records = disturbed(timed(generate(day)), how or Disturbance())
    ticks = ticked(records, interval_ms=tick_interval_ms)
    return Log(tuple(ticks), load_contracts([CONTRACT]))


class Pipeline:
    """One group of workers with topics of its own on a broker that others may use too."""

    replayer: type[Replayer] = Replayer

    def __init__(
        self,
        broker: str,
        workdir: Path,
        log: Log,
        *,
        partitions: int = 4,
        flags: Iterable[str] = (),
        idempotence: bool = True,
        exactly_once: bool | None = None,
        env: Mapping[str, str] | None = None,
        replication: int = 1,
        contract: Path = CONTRACT,
    ) -> None:
        """`exactly_once` None: where the broker can, as a worker does that is told nothing."""
        self.broker = broker
        self.log = log
        self.partitions = partitions
        self.group = f"run-{uuid.uuid4().hex[:8]}"
        self.prefix = f"{self.group}."
        self.workers: list[WorkerProcess] = []
        self._workdir = workdir
        self._idempotence = idempotence
        self.exactly_once = idempotence if exactly_once is None else exactly_once
        self._env = env
        self._flags = [
            *("--broker", broker, "--app-id", self.group, "--prefix", self.prefix),
            *("--partitions", str(partitions), "--contract", str(contract), "--port", "0"),
            *("--session-timeout", str(SESSION_TIMEOUT_S), "--commit-interval", "0.5"),
            *("--no-ticks", "--idempotence" if idempotence else "--no-idempotence"),
            *("--guarantee", "exactly-once" if self.exactly_once else "at-least-once"),
            *("--replication", str(replication)),
            *flags,
        ]
        self._replaying: threading.Thread | None = None
        self._failures: list[BaseException] = []
        specs = topics.declared_topics(self.prefix, partitions)
        asyncio.run(ensure_topics(broker, specs, replication))

    def topic(self, name: str) -> str:
        """A declared topic's name in this run."""
        return self.prefix + name

    def start_worker(
        self, *flags: str, program: Sequence[str] = ("-m", "streams")
    ) -> WorkerProcess:
        """One more worker; returns at once."""
        path = self._workdir / f"{self.group}-{len(self.workers)}.log"
        worker = WorkerProcess([*self._flags, *flags], path, program, self._env)
        self.workers.append(worker)
        return worker

    def replay(
        self, items: Iterable[bytes | int] | None = None, speed: float | None = None
    ) -> None:
        """Write the log (or part of it) onto the topic; returns when all is acknowledged."""
        replayer = self.replayer(
            self.broker,
            self.topic(topics.EVENTS),
            self.partitions,
            speed=speed,
            idempotence=self._idempotence,
        )
        asyncio.run(replayer.run(self.log.items if items is None else items))

    def start_replay(self, lasting_s: float, share: tuple[float, float] = (0.0, 1.0)) -> None:
        """Write the log (or this share of it) from a thread, its ticks spread over that time."""
        first, last = (int(part * len(self.log.items)) for part in share)
        items = self.log.items[first:last]
        ticks = [item for item in items if isinstance(item, int)]
        speed = (ticks[-1] - ticks[0]) / 1000 / lasting_s

        def write() -> None:
            try:
                self.replay(items, speed=speed)
            except BaseException as error:
                self._failures.append(error)

        self._replaying = threading.Thread(target=write, name="replay")
        self._replaying.start()

    @property
    def replaying(self) -> bool:
        """Whether a replay in the background is still under way."""
        return self._replaying is not None and self._replaying.is_alive()

    def end_replay(self) -> None:
        """Wait for the replaying thread. Raises what it failed with."""
        if self._replaying is not None:
            self._replaying.join(120)
            assert not self._replaying.is_alive(), "the replay did not end"
            self._replaying = None
        if self._failures:
            raise self._failures[0]

    def await_processed(self, within_s: float = 90.0) -> None:
        """Return once all stages have committed all there is to read. Raises NotInTime.

        Deltas are committed when they have been judged, so nothing is under way any more.
        """
        self.end_replay()
        for name in (kind.topic for kind in STAGES):
            # In this order: all that a stage writes for the next is written once it has committed.
            self.await_committed(partial(eq, self.data_ends(name)), name, within_s)

    def await_share(self, share: float, within_s: float = 90.0) -> None:
        """Return once this share of the whole log has been committed. Raises NotInTime."""
        wanted = share * self.log.written(self.partitions)
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
                    await asyncio.sleep(POLL_S)
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

    def data_ends(self, topic: str) -> dict[int, int]:
        """The offset after the last record of each partition; a transaction's marker is none."""
        if not self.exactly_once:
            return self.end_offsets(topic)
        ends = dict.fromkeys(range(self.partitions), 0)
        return ends | {record.partition: record.offset + 1 for record in self.records(topic)}

    def records(self, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
        """Everything one declared topic holds, by partition and offset."""
        return self.records_of(self.topic(topic))

    def records_of(self, name: str) -> list[ConsumerRecord[bytes, bytes]]:
        """Everything a topic of this full name holds, by partition and offset."""
        committed = self.exactly_once
        return asyncio.run(read_topic(self.broker, name, self.partitions, committed=committed))

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
