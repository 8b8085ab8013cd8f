"""What a second worker adds: one log, real Apache Kafka, its partitions with one worker or two.

`python -m tests.bench.two_workers [--events N] [--partitions N] [--guarantee G]`: each group has a
cluster of its own on loopback and is held to the oracle. Workers and brokers share this machine's
cores, so that there is a most that a second worker can add however well it scales: all cores busy
with what one event costs workers and broker. Two figures do not depend on that: the CPU time an
event, which must stay what it is, and the busiest worker's CPU time beside that of one alone, which
is the ratio where each has a core of its own. Exits 1 where a group differs from the oracle.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec
import orjson

from streams.cli.demo_check import compare
from streams.kafka import topics
from streams.kafka.admin import ensure_topics
from streams.kafka.processes import stop_process
from streams.oracle.report import verdict_json
from streams.replay import Replayer
from tests.bench.contestant import Cost, Task
from tests.bench.log import LATENESS_MS, Log, seeded_log
from tests.kafka.apache import ApacheKafka

_TIMEOUT_S = 1800.0
_POLL_S = 0.1
# The group's first members wait for the rest, so that each begins with the share it ends with.
_JOINING_MS = 6_000
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """What so many workers took together, and the broker beside them. Seconds, bytes."""

    workers: int
    events: int
    seconds: float
    worker_cpu_s: float
    busiest_cpu_s: float
    broker_cpu_s: float
    peak_rss_bytes: int
    identical: bool

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def bound(self) -> float:
        """The most events a second here: no worker takes more than a core, nor all with the broker
        more than there are.
        """
        cores = os.cpu_count() or 1
        shared = cores * self.events / (self.worker_cpu_s + self.broker_cpu_s)
        return min(shared, self.events / self.busiest_cpu_s)


def measured(workers: int, log: Log, task: Task, folder: Path) -> Group:
    """So many workers on a cluster of their own. Raises RuntimeError where one fails."""
    place = folder / f"workers-{workers}"
    place.mkdir()
    patience = {"group.initial.rebalance.delay.ms": str(_JOINING_MS)}
    with ApacheKafka(workdir=place / "kafka", properties=patience) as kafka:
        specs = topics.declared_topics(partitions=task.partitions)
        asyncio.run(ensure_topics(kafka.bootstrap, specs, 1))
        asyncio.run(Replayer(kafka.bootstrap, topics.EVENTS, task.partitions).run(log.items))
        shares = [
            msgspec.structs.replace(
                task,
                broker=kafka.bootstrap,
                result=str(place / f"cost-{number}.json"),
                state_dir=task.state_dir and f"{place}/state-{number}",
            )
            for number in range(workers)
        ]
        before = _cpu_seconds(kafka.pid(0))
        costs = _costs(shares)
        broker_cpu_s = _cpu_seconds(kafka.pid(0)) - before
        written = {
            topic: sum(cost.written.get(topic, 0) for cost in costs)
            for topic in {topic for cost in costs for topic in cost.written}
        }
        verdict = orjson.loads(verdict_json(log.verdict))
        different = asyncio.run(compare(kafka.bootstrap, task.partitions, written, verdict))
    return Group(
        workers=workers,
        events=task.events,
        seconds=max(cost.seconds for cost in costs),
        worker_cpu_s=sum(cost.cpu_seconds for cost in costs),
        busiest_cpu_s=max(cost.cpu_seconds for cost in costs),
        broker_cpu_s=broker_cpu_s,
        peak_rss_bytes=sum(cost.peak_rss_bytes for cost in costs),
        identical=all(each.identical for each in different),
    )


def _costs(shares: list[Task]) -> list[Cost]:
    """Run a group to its end: members leave when all have left their cost."""
    with ExitStack() as stack:
        members = []
        for share in shares:
            command = [sys.executable, "-m", "tests.bench.member"]
            member = subprocess.Popen(
                [*command, msgspec.json.encode(share).decode()],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
            )
            stack.callback(stop_process, member, 20.0)
            members.append(member)
        deadline = time.monotonic() + _TIMEOUT_S
        results = [Path(share.result) for share in shares]
        while not all(result.exists() for result in results):
            ended = [member.poll() for member in members]
            if any(code is not None for code in ended) or time.monotonic() > deadline:
                raise RuntimeError(f"a worker ended early or not in time: {ended}")
            time.sleep(_POLL_S)
        for member in members:
            assert member.stdin is not None
            member.stdin.close()
        for member in members:
            if code := member.wait(60):
                raise RuntimeError(f"a worker ended with code {code}; its errors stand above")
    return [msgspec.json.decode(result.read_bytes(), type=Cost) for result in results]


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process: fields 14 and 15 of proc_pid_stat(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


def _line(group: Group, one: Group) -> str:
    million = 1_000_000 / group.events
    return (
        f"{group.workers:7}{group.rate:10,.0f}{group.rate / one.rate:8.2f}"
        f"{group.bound / one.bound:9.2f}{one.busiest_cpu_s / group.busiest_cpu_s:11.2f}"
        f"{group.worker_cpu_s * million:9.1f}{group.broker_cpu_s * million:8.1f}"
        f"{group.peak_rss_bytes / 2**20:9,.0f}"
        f"  {'identical to the oracle' if group.identical else 'DIFFERENT from the oracle'}"
    )


def main() -> int:
    """Print a line a group, each beside one worker; exit code 1 where one is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--partitions", type=int, default=topics.DEFAULT_PARTITIONS)
    parser.add_argument("--guarantee", default="at-least-once")
    parser.add_argument("--disk", action="store_true", help="tables on local disk")
    given = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores shared with the broker")
    print(
        f"{'workers':>7}{'events/s':>10}{'ratio':>8}{'at most':>9}{'own cores':>11}"
        f"{'CPU-s/M':>9}{'broker':>8}{'RSS MiB':>9}"
    )
    one: Group | None = None
    right = True
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as name:
        folder = Path(name)
        log = seeded_log(given.events, "dense", 0, folder)
        task = Task(
            broker="",
            topic=topics.EVENTS,
            partitions=given.partitions,
            records=log.written(given.partitions),
            events=log.events,
            final_tick_ms=log.ticks[-1],
            lateness_ms=LATENESS_MS,
            contract=str(log.contract),
            result="",
            idempotence=True,
            guarantee=given.guarantee,
            state_dir="state" if given.disk else None,
        )
        for workers in (1, 2):
            group = measured(workers, log, task, folder)
            one = one or group
            right = right and group.identical
            print(_line(group, one), flush=True)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
