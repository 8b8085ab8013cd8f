"""`make bench`: Baton beside the bare client, stock Faust and its peers, in one run on one broker
and one log.

A program and no test: nothing in it depends on how long anything takes. It exits 1 where what a
contestant published is not what the oracle says.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, islice
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaProducer

from streams.cli.demo_check import Difference
from streams.kafka import topics
from streams.kafka.admin import ensure_topics
from streams.kafka.outbox import MAX_REQUEST_BYTES, MAX_WHOLE_BYTES, Outbox, partition_of
from streams.kafka.topics import TopicSpec, declared_topics
from streams.replay import Replayer
from tests.bench import job
from tests.bench.brokers import Broker, Kind, broker, chosen
from tests.bench.contestant import PeerTopics, Task
from tests.bench.contestants import CONTESTANTS, Contestant, cost_of
from tests.bench.floor import CHANGELOG
from tests.bench.held import baton_held, peer_held
from tests.bench.latency import Paced, latency_of
from tests.bench.log import LATENESS_MS, Density, Log, seeded_log
from tests.bench.machine import machine
from tests.bench.report import Report, Row

LEAST_EVENTS = 20_000
RESULTS = Path(__file__).with_name("RESULTS.md")
_LARGE_RECORDS = {"max.message.bytes": str(4 * 1024 * 1024)}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of a run."""

    events: int
    keys: int
    partitions: int
    kind: Kind
    only: tuple[str, ...]
    latency: bool
    thin: bool

    def contestants(self) -> Iterator[Contestant]:
        """Those that this run can measure."""
        for contestant in CONTESTANTS:
            if self.only and contestant.name not in self.only:
                continue
            yield contestant


@dataclass(slots=True)
class Run:
    """One broker, and the logs that were written to it."""

    plan: Plan
    broker: Broker
    folder: Path
    left_out: dict[str, str] = field(default_factory=dict)
    _logs: dict[tuple[int, Density], Log] = field(default_factory=dict)

    def log(self, events: int, density: Density) -> Log:
        """A log, made once, for its verdict takes longer than most contestants."""
        if (events, density) not in self._logs:
            log = seeded_log(events, density, self.plan.keys, self.folder)
            self._logs[events, density] = log
        return self._logs[events, density]

    def row(self, contestant: Contestant, density: Density = "dense") -> Row | None:
        """Measure one contestant; None where that is not possible here."""
        reason = self._missing(contestant)
        if reason is not None:
            self.left_out[contestant.title] = reason
            say(f"{contestant.title}: left out, {reason}")
            return None
        log = self.log(max(LEAST_EVENTS, int(self.plan.events * contestant.share)), density)
        say(f"{contestant.title}: {log.events:,} events, {density} log")
        task = asyncio.run(self._prepare(contestant, log, f"{density}.{contestant.name}."))
        cost = cost_of(contestant, task)
        say(f"  {cost.rate:,.0f} events/s, {cost.cpu_per_million:.1f} CPU-s per million")
        different: Sequence[Difference] = ()
        if contestant.job == "baton":
            different = asyncio.run(baton_held(task, cost, log))
        elif contestant.job == "peer":
            different = asyncio.run(peer_held(task, cost, log))
        for each in different:
            say(f"  {each.published:,} {each.what}: {verdict_of(each)}")
        return Row(contestant, density, cost, tuple(different))

    def _missing(self, contestant: Contestant) -> str | None:
        if contestant.needs_transactions and not self.broker.transactions:
            return "the broker has no transactions"
        if not contestant.python.exists():
            return f"{contestant.python} is not there: run it by `make bench`"
        return None

    async def _prepare(self, contestant: Contestant, log: Log, prefix: str) -> Task:
        """Topics and records of one contestant."""
        partitions = self.plan.partitions
        changes = dict(contestant.changes)
        if "state_dir" in changes:
            changes["state_dir"] = str(self.folder / f"{prefix}state")
        task = Task(
            broker=self.broker.bootstrap,
            topic=prefix + topics.EVENTS,
            partitions=partitions,
            records=log.written(partitions),
            events=log.events,
            final_tick_ms=log.ticks[-1],
            lateness_ms=LATENESS_MS,
            contract=str(log.contract),
            result=str(self.folder / f"{prefix}cost.json"),
            idempotence=self.broker.transactions,
            prefix=prefix,
        )
        task = msgspec.structs.replace(task, **changes)
        if contestant.job == "peer":
            names = log.conversations()
            task = msgspec.structs.replace(task, records=task.records + len(names))
            await self._write(task, log.items, PeerTopics.of(task))
            await self._wake(task, names)
        else:
            await self._write(task, log.items)
        return task

    async def _write(
        self, task: Task, items: Sequence[bytes | int], more: Sequence[str] = ()
    ) -> None:
        specs = [
            *declared_topics(task.prefix, partitions=task.partitions),
            *(TopicSpec(name, task.partitions, _LARGE_RECORDS) for name in more),
        ]
        if task.changelog:
            specs.append(TopicSpec(CHANGELOG, task.partitions, {"cleanup.policy": "compact"}))
        await ensure_topics(task.broker, specs, replication=1)
        replayer = Replayer(
            task.broker, task.topic, task.partitions, idempotence=task.idempotence
        )
        await replayer.run(items)

    async def _wake(self, task: Task, names: Sequence[str]) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=task.broker,
            max_batch_size=MAX_WHOLE_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
        )
        await producer.start()
        try:
            outbox = Outbox(producer)
            for name in names:
                key = name.encode()
                outbox.put(task.topic, partition_of(key, task.partitions), key, job.WAKE)
            await outbox.flush()
        finally:
            await producer.stop()


def measure(plan: Plan, folder: Path) -> Report:
    """Run all contestants, one after another."""
    surroundings = machine(plan.partitions)
    with broker(plan.kind, folder) as running:
        run = Run(plan, running, folder)
        rows = [run.row(contestant) for contestant in plan.contestants()]
        if plan.thin:
            rows += [
                run.row(contestant, "thin")
                for contestant in plan.contestants()
                if contestant.name in ("floor", "alo-memory")
            ]
        found = [row for row in rows if row is not None]
        paced = [latency_of(run_latency, row) for row in found] if plan.latency else []
    return Report(tuple(found), tuple(paced), run.left_out, {**surroundings, "broker": running.name})


def say(text: str) -> None:
    """Progress, beside the report."""
    print(text, file=sys.stderr, flush=True)


def verdict_of(each: Difference) -> str:
    """In a word, and where it differs an example."""
    if each.identical:
        return "identical to the oracle's"
    return (
        f"DIFFERENT from the oracle's: {each.missing} missing, {each.unexpected} unexpected,"
        f" for example {each.example[:300]}"
    )
