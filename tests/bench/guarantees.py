"""What exactly-once and tables on disk cost: one log, one worker, real Apache Kafka, in one run.

`python -m tests.bench.guarantees [--events N] [--brokers N]`: each contestant has a cluster of its
own on loopback, reads the same seeded log, and is held to the oracle. Exits 1 where one differs.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

import msgspec
import orjson

from streams.cli.demo_check import compare
from streams.contract_files import load_contracts
from streams.kafka import topics
from streams.kafka.admin import ensure_topics
from streams.oracle.judge import judge
from streams.oracle.report import verdict_json
from streams.replay import Replayer, ticked, timed
from tests.bench.contestant import Cost, Task
from tests.bench.pipeline import CONTRACT
from tests.bench.run import LATENESS_MS, cost_of, seeded_records
from tests.kafka.apache import ApacheKafka

PARTITIONS = topics.DEFAULT_PARTITIONS
CONTESTANTS = {
    "at-least-once, in memory": ("at-least-once", False),
    "exactly-once, in memory": ("exactly-once", False),
    "at-least-once, on disk": ("at-least-once", True),
    "exactly-once, on disk": ("exactly-once", True),
}


def measured(name: str, log: list[bytes | int], brokers: int, folder: Path) -> tuple[Cost, bool]:
    """One contestant on a cluster of its own; whether it equals the oracle."""
    guarantee, disk = CONTESTANTS[name]
    place = folder / name.replace(", ", "-").replace(" ", "-")
    place.mkdir()
    ticks = [item for item in log if isinstance(item, int)]
    events = len(log) - len(ticks)
    with ApacheKafka(brokers=brokers, workdir=place / "kafka") as kafka:
        specs = topics.declared_topics(partitions=PARTITIONS)
        asyncio.run(ensure_topics(kafka.bootstrap, specs, min(3, brokers)))
        asyncio.run(Replayer(kafka.bootstrap, topics.EVENTS, PARTITIONS).run(log))
        task = Task(
            broker=kafka.bootstrap,
            topic=topics.EVENTS,
            partitions=PARTITIONS,
            records=events + len(ticks) * PARTITIONS,
            events=events,
            final_tick_ms=ticks[-1],
            result=str(place / "cost.json"),
            idempotence=True,
            state_dir=str(place / "state") if disk else None,
        )
        task = msgspec.structs.replace(task, guarantee=guarantee)
        cost = cost_of("pipeline", task)
        book = load_contracts([CONTRACT])
        verdict = orjson.loads(verdict_json(judge(log, book, lateness_ms=LATENESS_MS)))
        different = asyncio.run(compare(kafka.bootstrap, PARTITIONS, cost.written, verdict))
    return cost, all(each.identical for each in different)


def main() -> int:
    """Print a line a contestant, each beside the first; exit code 1 where one is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--brokers", type=int, default=1)
    given = parser.parse_args()
    log = list(ticked(timed(seeded_records(given.events))))
    print(f"{'tables and guarantee':26}{'events/s':>10}{'ratio':>8}{'CPU-s/M':>9}{'RSS MiB':>9}")
    first: Cost | None = None
    right = True
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        for name in CONTESTANTS:
            cost, same = measured(name, log, given.brokers, Path(folder))
            first = first or cost
            right = right and same
            print(
                f"{name:26}{cost.rate:10,.0f}{cost.rate / first.rate:8.2f}"
                f"{cost.cpu_per_million:9.1f}{cost.peak_rss_bytes / 2**20:9,.0f}"
                f"  {'identical to the oracle' if same else 'DIFFERENT from the oracle'}",
                flush=True,
            )
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
