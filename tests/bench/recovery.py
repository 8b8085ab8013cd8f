"""How long a worker takes to be ready, by how many interactions it has to remember.

`python -m tests.bench.recovery [--interactions N ...]`: real Apache Kafka with one broker on
loopback, one changelog of N open interactions (states of a synthetic day under names of their own),
and workers one after another: tables in memory, on an empty disk, and on the disk that the last one
left. A program and no test: nothing in it depends on how long anything takes. Exits 1 where a
worker does not remember all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaProducer

from streams.agents.lifecycle import _ENCODER, _PROGRESS_KEY, _Stored
from streams.domain.events import Tick, epoch_ms
from streams.domain.lifecycle import LifecyclePartition, Progress
from streams.domain.wire import Rejection, decode_event
from streams.kafka.admin import ensure_topics
from streams.kafka.outbox import MAX_REQUEST_BYTES, MAX_WHOLE_BYTES, Outbox, partition_of
from streams.kafka.topics import changelog_topics, declared_topics
from tests.kafka.apache import ApacheKafka
from tests.stream_run import LATENESS_MS, synthetic_log
from tests.worker_process import REPO, WorkerProcess

PARTITIONS = 4
CONTRACT = REPO / "deploy" / "contracts" / "telco-2026.yaml"
HEADERS = [("baton.upto", b"0")]
A_FLUSH = 20_000
SCALES = (100_000, 1_000_000, 3_000_000)


class Ready(msgspec.Struct):
    """One start of a worker. Seconds, bytes."""

    interactions: int
    tables: str
    start_to_ready_s: float
    recovery_s: float
    records: int
    rss_bytes: int


def open_states() -> tuple[list[bytes], Progress]:
    """Encoded interactions in the middle of a synthetic day, and how far it had been read."""
    log = synthetic_log(2000)
    states: dict[bytes, bytes] = {}
    partition = LifecyclePartition(log.book, LATENESS_MS, states)
    for item in log.items[: len(log.items) // 2]:
        if isinstance(item, int):
            partition.tick(item)
            continue
        try:
            event = decode_event(item, log.book)
            if isinstance(event, Tick):
                partition.tick(epoch_ms(event.time))
            else:
                partition.event(event)
        except Rejection:
            continue
    progress = partition.flush().progress
    assert progress is not None
    return list(states.values()), progress


def interactions(count: int, states: list[bytes]) -> Iterator[tuple[int, bytes, bytes]]:
    """(partition, key, state) of so many."""
    for number, state in zip(range(count), cycle(states), strict=False):
        name = b"bench-%d" % number
        yield partition_of(name, PARTITIONS), b"telco-2026\x00" + name, state


async def write_changelog(broker: str, app_id: str, count: int) -> None:
    """Topics of an app, and a changelog that says all of them."""
    changelogs = [f"{app_id}-{table}-changelog" for table in ("interactions", "windows")]
    specs = [*declared_topics(f"{app_id}.", PARTITIONS), *changelog_topics(changelogs, PARTITIONS)]
    await ensure_topics(broker, specs, 1)
    states, reached = open_states()
    producer = AIOKafkaProducer(
        bootstrap_servers=broker, max_batch_size=MAX_WHOLE_BYTES, max_request_size=MAX_REQUEST_BYTES
    )
    await producer.start()
    try:
        outbox = Outbox(producer)
        for number, (partition, key, state) in enumerate(interactions(count, states)):
            outbox.put_state(changelogs[0], partition, key, state, HEADERS)
            if number % A_FLUSH == 0:
                await outbox.flush()
        progress = _ENCODER.encode(_Stored(0, reached))
        for partition in range(PARTITIONS):
            outbox.put_state(changelogs[0], partition, _PROGRESS_KEY, progress, HEADERS)
        await outbox.flush()
    finally:
        await producer.stop()


def started(broker: str, app_id: str, count: int, tables: str, folder: Path, *flags: str) -> Ready:
    """One worker from its start to ready, then stopped. Raises RuntimeError where it forgot."""
    argv = ["--broker", broker, "--app-id", app_id, "--prefix", f"{app_id}."]
    argv += ["--partitions", str(PARTITIONS), "--contract", str(CONTRACT), "--port", "0", *flags]
    began = time.monotonic()
    worker = WorkerProcess(argv, folder / f"{app_id}-{tables.replace(' ', '-')}.log")
    try:
        worker.await_ready(within_s=1800)
        taken = time.monotonic() - began
        metrics = worker.metrics()
        remembered = int(metrics.total("baton_interactions"))
        if remembered != count:
            raise RuntimeError(f"{tables}: remembers {remembered} of {count} interactions")
        return Ready(
            interactions=count,
            tables=tables,
            start_to_ready_s=round(taken, 2),
            recovery_s=round(metrics.total("baton_recovery_seconds"), 2),
            records=int(metrics.total("baton_recovery_records")),
            rss_bytes=resident(worker.process.pid),
        )
    finally:
        worker.stop(within_s=120)


def resident(pid: int) -> int:
    """Resident memory of a process, bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} says nothing of its memory")


def measure(broker: str, count: int, folder: Path) -> Iterator[Ready]:
    """The three ways of starting with so many interactions."""
    app_id = f"recovery-{count}"
    asyncio.run(write_changelog(broker, app_id, count))
    yield started(broker, app_id, count, "in memory", folder)
    disk = ("--state-dir", str(folder / f"state-{count}"))
    yield started(broker, app_id, count, "on an empty disk", folder, *disk)
    yield started(broker, app_id, count, "on the disk left", folder, *disk)


def shown(ready: Ready) -> str:
    """One line."""
    return (
        f"{ready.interactions:>12,}  {ready.tables:<17}  {ready.start_to_ready_s:>10.1f}"
        f"  {ready.recovery_s:>10.1f}  {ready.records:>11,}  {ready.rss_bytes / 2**20:>8,.0f} MiB"
        f"  {ready.rss_bytes / ready.interactions:>9,.0f} B"
    )


def main() -> None:
    """Print a line for each start as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interactions", type=int, nargs="+", default=SCALES)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="baton-recovery-") as name:
        folder = Path(name)
        with ApacheKafka(workdir=folder / "kafka") as kafka:
            if not given.json:
                print(
                    "interactions  tables             start to ready s  recovery s"
                    "      records        RSS  RSS each"
                )
            for count in given.interactions:
                for ready in measure(kafka.bootstrap, count, folder):
                    row = json.dumps(msgspec.to_builtins(ready)) if given.json else shown(ready)
                    print(row, flush=True)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        print(f"tests.bench.recovery: {error}", file=sys.stderr)
        sys.exit(1)
