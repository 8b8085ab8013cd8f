"""PyFlink doing the job, as its documentation teaches: Kafka tables in and out, a keyed process
function by conversation, another by slice; state in RocksDB, a checkpoint every 10 s.

A local cluster with one task slot: a JVM and its Python workers (`process` mode, the default; in
`thread` mode the job stood still at its first record). Tuned: state as bytes of MessagePack,
objects reused between chained operators. Its cost is that of the whole process tree from the first
record on. What it cannot: see README.md.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgspec
from pyflink.common import Configuration
from pyflink.datastream import DataStream, StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment

from tests.bench.contestant import Cost, PeerTopics, Task, task_from_arguments
from tests.bench.pyflink_functions import (
    COUNTED,
    HEARD,
    RECORD,
    REFUSED,
    Fold,
    Read,
    Sum,
    Tally,
)

# Where the Makefile puts it.
_CONNECTORS = Path(sys.prefix) / "connector"
_POLL_S = 0.01
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class TreeWatch:
    """What this process and all under it take, from the moment that `begun` exists."""

    def __init__(self, begun: Path) -> None:
        self._begun = begun
        self._at, self._cpu = 0.0, 0.0
        self._peaks: dict[int, int] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._begun.exists():
            if self._done.wait(_POLL_S):
                return
        self._at, self._cpu = time.perf_counter(), tree_cpu_seconds()

    def stop(self, task: Task, written: dict[str, int]) -> None:
        """Leave the cost. Raises RuntimeError where no record was ever read."""
        seconds, cpu, rss = time.perf_counter(), tree_cpu_seconds(), tree_peak_bytes()
        self._done.set()
        self._thread.join()
        if not self._at:
            raise RuntimeError("no record was read")
        cost = Cost(
            events=task.events,
            seconds=seconds - self._at,
            cpu_seconds=cpu - self._cpu,
            peak_rss_bytes=rss,
            written=written,
        )
        Path(task.result).write_bytes(msgspec.json.encode(cost))


def _tree() -> list[int]:
    """This process and those under it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    found = [os.getpid()]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def tree_cpu_seconds() -> float:
    """User and system time of the tree, of what has ended in it too."""
    ticks = 0
    for number in _tree():
        try:
            fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS_A_SECOND


def tree_peak_bytes() -> int:
    """The sum of the peaks of what is in the tree now."""
    peak = 0
    for number in _tree():
        try:
            lines = Path(f"/proc/{number}/status").read_text().splitlines()
        except OSError:
            continue
        peak += sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
    return peak


def environment(folder: Path) -> StreamExecutionEnvironment:
    """A local cluster with durable state in `folder`."""
    (connector,) = _CONNECTORS.glob("flink-sql-connector-kafka-*.jar")
    options = {
        "parallelism.default": "1",
        "pipeline.jars": connector.resolve().as_uri(),
        "pipeline.object-reuse": "true",
        "state.backend.type": "rocksdb",
        "execution.checkpointing.interval": "10 s",
        "execution.checkpointing.incremental": "true",
        "execution.checkpointing.dir": (folder / "checkpoints").as_uri(),
        "io.tmp.dirs": str(folder),
    }
    configuration = Configuration()
    for name, value in options.items():
        configuration.set_string(name, value)
    return StreamExecutionEnvironment.get_execution_environment(configuration)


def _declare(tables: StreamTableEnvironment, task: Task, name: str, topic: str) -> None:
    """A Kafka table of keys and values as they are; the source's partition beside them."""
    source = name == "events"
    tables.execute_sql(
        f"""
        CREATE TABLE {name} (
            k BYTES, v BYTES{", p INT METADATA FROM 'partition' VIRTUAL" if source else ""}
        ) WITH (
            'connector' = 'kafka',
            'topic' = '{topic}',
            'properties.bootstrap.servers' = '{task.broker}',
            'properties.max.request.size' = '2097152',
            'key.format' = 'raw', 'key.fields' = 'k',
            'value.format' = 'raw', 'value.fields-include' = 'EXCEPT_KEY'
            {
            ", 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset'"
            if source
            else ""
        }
        )
        """
    )


def run(task: Task, folder: Path) -> None:
    """The whole job, until the end of the topic."""
    topics = PeerTopics.of(task)
    begun = folder / "begun"
    flink = environment(folder)
    tables = StreamTableEnvironment.create(flink)
    _declare(tables, task, "events", task.topic)
    for name, topic in zip(PeerTopics._fields, topics, strict=True):
        _declare(tables, task, name, topic)

    events = tables.to_data_stream(tables.from_path("events"))
    heard = events.process(Read(task.contract, task.lateness_ms, str(begun)), HEARD)
    facts = heard.key_by(lambda one: one[0]).process(Fold(task.contract), RECORD)
    told = facts.get_side_output(COUNTED)
    slices = told.key_by(lambda one: one[0]).process(Sum(), RECORD)

    outputs: dict[str, DataStream] = {
        "facts": facts.flat_map(Tally(str(folder / "facts")), RECORD),
        "slices": slices.flat_map(Tally(str(folder / "slices")), RECORD),
        "dead_letters": heard.get_side_output(REFUSED),
    }
    sinks = tables.create_statement_set()
    for name, stream in outputs.items():
        sinks.add_insert(name, tables.from_data_stream(stream))
    sinks.attach_as_datastream()

    watch = TreeWatch(begun)
    flink.execute("bench")
    counts = {name: int((folder / name).read_text()) for name in ("facts", "slices")}
    watch.stop(task, {topics.facts: counts["facts"], topics.slices: counts["slices"]})


def main() -> None:
    """Run to the end of the topic and leave the cost."""
    with tempfile.TemporaryDirectory(prefix="baton-bench-") as folder:
        run(task_from_arguments(), Path(folder))


if __name__ == "__main__":
    main()
