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
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
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
from tests.bench.contestants import CONTESTANTS, NAMES, Contestant, cost_of, latency_of
from tests.bench.floor import CHANGELOG
from tests.bench.held import baton_held, peer_held
from tests.bench.latency import Latency, Paced
from tests.bench.log import LATENESS_MS, Density, Log, seeded_log
from tests.bench.machine import machine
from tests.bench.paced import write_templates
from tests.bench.report import Report, Row

LEAST_EVENTS = 20_000
# The thin log, the documented hard case: what a tick costs, and nothing about peers.
THIN = ("floor", "alo-memory")
PACED = ("alo-memory", "eos-memory", "eos-disk")
LATENCY_S = 25.0
RESULTS = Path(__file__).with_name("RESULTS.md")
_LARGE_RECORDS = {"max.message.bytes": str(4 * 1024 * 1024)}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of a run."""

    events: int
    keys: int
    partitions: int
    kind: Kind
    only: frozenset[str]
    latency: bool
    thin: bool

    def contestants(self, names: Container[str] = NAMES) -> Iterator[Contestant]:
        """Those of `names` that are asked for."""
        for contestant in CONTESTANTS:
            if contestant.name in names and (not self.only or contestant.name in self.only):
                yield contestant


@dataclass(slots=True)
class Run:
    """One broker, and the logs that were written to it."""

    plan: Plan
    broker: Broker
    folder: Path
    left_out: dict[str, str] = field(default_factory=dict)
    _logs: dict[tuple[int, Density], Log] = field(default_factory=dict)

    def log(self, first: int, density: Density) -> Log:
        """A log, made once, for its verdict takes longer than most contestants."""
        plan = self.plan
        if (first, density) not in self._logs:
            log = seeded_log(plan.events, density, plan.keys, self.folder, first)
            self._logs[first, density] = log
        return self._logs[first, density]

    def row(self, contestant: Contestant, density: Density) -> Row | None:
        """Measure one contestant; None where that is not possible here."""
        reason = self._missing(contestant)
        if reason is not None:
            self.left_out[contestant.name] = reason
            say(f"{contestant.title}: left out, {reason}")
            return None
        log = self.log(min(self.plan.events, contestant.at_most), density)
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

    def _task(self, contestant: Contestant, log: Log, prefix: str) -> Task:
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
            contract=str(log.priced if contestant.bills else log.contract),
            result=str(self.folder / f"{prefix}cost.json"),
            idempotence=self.broker.transactions,
            prefix=prefix,
        )
        return msgspec.structs.replace(task, **changes)

    async def _prepare(self, contestant: Contestant, log: Log, prefix: str) -> Task:
        """Topics and records of one contestant."""
        task = self._task(contestant, log, prefix)
        await self._topics(task, PeerTopics.of(task) if contestant.job == "peer" else ())
        replayer = Replayer(task.broker, task.topic, task.partitions, idempotence=task.idempotence)
        await replayer.run(log.items)
        if contestant.job == "peer":
            names = log.conversations()
            await self._wake(task, names)
            task = msgspec.structs.replace(task, records=task.records + len(names))
        return task

    async def _topics(self, task: Task, more: Iterable[str] = ()) -> None:
        specs = [
            *declared_topics(task.prefix, partitions=task.partitions),
            *(TopicSpec(name, task.partitions, _LARGE_RECORDS) for name in more),
        ]
        if task.changelog:
            specs.append(TopicSpec(CHANGELOG, task.partitions, {"cleanup.policy": "compact"}))
        await ensure_topics(task.broker, specs, replication=1)

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

    def latency(self, row: Row) -> Latency:
        """Half of the load that it was measured at, and how long events take then."""
        contestant = row.contestant
        log = self.log(self.plan.events, row.density)
        rate = row.cost.rate / 2
        count = int(min(log.events * 0.99, rate * LATENCY_S))
        say(f"{contestant.title}: latency at {rate:,.0f} events/s")
        prefix = f"paced.{contestant.name}."
        task = self._task(contestant, log, prefix)
        asyncio.run(self._topics(task))
        records = self.folder / "paced.msgpack"
        write_templates(log, self.plan.partitions, records)
        paced = Paced(
            broker=task.broker,
            topic=task.topic,
            partitions=task.partitions,
            records=str(records),
            count=count,
            rate=rate,
        )
        return latency_of(contestant, task, paced)


def measure(plan: Plan, folder: Path) -> Report:
    """Run all contestants, one after another."""
    surroundings = machine(plan.partitions)
    with broker(plan.kind, folder) as running:
        run = Run(plan, running, folder)
        rows = [run.row(contestant, "dense") for contestant in plan.contestants()]
        if plan.thin:
            rows += [run.row(contestant, "thin") for contestant in plan.contestants(THIN)]
        found = tuple(row for row in rows if row is not None)
        paced = {
            row.contestant.name: run.latency(row)
            for row in found
            if plan.latency and row.contestant.name in PACED and row.density == "dense"
        }
        logs = {row.density: run.log(plan.events, row.density).described for row in found}
    surroundings["broker"] = f"{running.name}, one, on loopback and the same cores"
    return Report(found, paced, run.left_out, logs, surroundings)


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


def main() -> int:
    """Measure, print, write RESULTS.md; the exit code says whether all equal the oracle."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--events", type=int, default=400_000, help="of the log")
    parser.add_argument(
        "--keys", type=int, default=0, help="journeys in the log, each a dimension key; 0: as it is"
    )
    parser.add_argument("--partitions", type=int, default=topics.DEFAULT_PARTITIONS)
    parser.add_argument("--broker", choices=("apache", "embedded", "auto"), default="auto")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=(), metavar="NAME")
    parser.add_argument("--no-latency", action="store_true", help="throughput alone")
    parser.add_argument("--no-thin", action="store_true", help="the dense log alone")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    given = parser.parse_args()
    if given.events < LEAST_EVENTS or given.partitions < 1 or not 0 <= given.keys <= 100_000:
        parser.error(
            f"--events is at least {LEAST_EVENTS}, --partitions at least 1, --keys 0 to 100000"
        )
    plan = Plan(
        events=given.events,
        keys=given.keys,
        partitions=given.partitions,
        kind=chosen(given.broker),
        only=frozenset(given.only),
        latency=not given.no_latency,
        thin=not given.no_thin,
    )
    try:
        with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
            report = measure(plan, Path(folder))
    except (RuntimeError, OSError) as error:
        say(f"make bench: {error}")
        return 1
    print(report.as_json() if given.json else report.as_text())
    if not plan.only:  # a part of a run is not the run
        RESULTS.write_text(report.as_markdown())
    return 0 if report.right else 1


if __name__ == "__main__":
    sys.exit(main())
