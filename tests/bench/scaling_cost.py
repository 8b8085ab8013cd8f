"""Whether an event costs the same however many interactions are remembered.

`python -m tests.bench.scaling_cost [--interactions N ...]`: CPU of the lifecycle stage in process,
decoding included, each point in a process of its own. Two loads:

- beside: the same log is read beside so many interactions that stay quiet. What they cost is that
  they are there.
- anywhere: each event is of another interaction, drawn from all of them: nothing of it is in a
  cache. Then a tick walks those that had one, and no other. All of them are open.
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import msgspec

from streams.domain.events import Tick, epoch_ms
from streams.domain.lifecycle import LifecyclePartition, Progress
from streams.domain.memory import DAY_MS
from streams.domain.wire import Rejection, decode_event
from streams.kafka.partition_tables import PartitionTable
from streams.runtime import _GC_THRESHOLDS
from tests.bench.open_interactions import clones, conversation_name, middle_of_an_hour
from tests.bench.scaling_memory import fill, new_table
from tests.stream_run import LATENESS_MS, synthetic_log

SIZES = (10_000, 1_000_000, 3_000_000)
LOADS = ("beside", "anywhere")
_BATCH = 2_000
# As many as the fewest interactions there are: an event each, whatever their number.
_A_ROUND = 10_000
RUNS = 3


class Point(msgspec.Struct):
    """`cpu_us` an event; `longest_ms` is the CPU time of the longest batch with its ticks."""

    tables: str
    load: str
    interactions: int
    cpu_us: float
    longest_ms: float


class _Watch:
    """CPU time of batches, and of the longest."""

    def __init__(self) -> None:
        self.total = self.longest = 0.0

    def __enter__(self) -> None:
        self._began = time.process_time()

    def __exit__(self, *_: object) -> None:
        took = time.process_time() - self._began
        self.total += took
        self.longest = max(self.longest, took)


def _batches(items: Sequence[bytes | int]) -> Iterator[Sequence[bytes | int]]:
    return (items[at : at + _BATCH] for at in range(0, len(items), _BATCH))


class Reader:
    """One partition with its table, read as the lifecycle stage reads it."""

    def __init__(
        self, table: PartitionTable, lateness_ms: int, progress: Progress | None = None
    ) -> None:
        self.book = middle_of_an_hour().book
        self.table = table
        self.partition = LifecyclePartition(self.book, lateness_ms, table, progress)
        self.watch = _Watch()
        self.events = 0

    def read(self, items: Sequence[bytes | int]) -> None:
        """Read records, and ticks (ms), in batches."""
        for number, batch in enumerate(_batches(items)):
            with self.watch:
                self._read(batch)
                self.partition.flush()
                self.table.commit(number, number)

    def _read(self, batch: Sequence[bytes | int]) -> None:
        for item in batch:
            if isinstance(item, int):
                self.partition.tick(item)
                continue
            try:
                event = decode_event(item, self.book)
                if isinstance(event, Tick):
                    self.partition.tick(epoch_ms(event.time))
                else:
                    self.partition.event(event)
                    self.events += 1
            except Rejection:
                continue


def beside(table: PartitionTable, count: int) -> Reader:
    """Read an hour beside `count` interactions that nothing is heard of."""
    log = synthetic_log(4_000, hours=1)
    first = next(item for item in log.items if isinstance(item, int))
    fill(table, clones(count, due_ms=first + 30 * DAY_MS))
    reader = Reader(table, LATENESS_MS, Progress(first - 1, terms=log.book.fingerprint))
    collector_as_in_a_worker()
    reader.read(log.items)
    return reader


def anywhere(table: PartitionTable, count: int) -> Reader:
    """One event each of interactions drawn from all, which are open; then a tick to the end."""
    found = middle_of_an_hour()
    names = [name for name, kind in found.kinds.items() if kind != "closed"]
    names = [name for name in names if found.next_events.get(name)]
    states = [found.states[name] for name in names]
    fill(table, clones(count, states, due_ms=found.end_ms + 30 * DAY_MS))
    middle = found.progress.clock - LATENESS_MS
    lateness = found.end_ms - middle
    reader = Reader(table, lateness, Progress(found.end_ms, terms=found.progress.terms))
    records: list[bytes | int] = []
    for number in Random(1).sample(range(count), _A_ROUND):
        name = names[number % len(names)]
        records.append(_of_clone(name, found.next_events[name][0], number))
    records.append(found.end_ms + lateness)
    collector_as_in_a_worker()
    reader.read(records)
    return reader


def _of_clone(name: str, record: bytes, number: int) -> bytes:
    return record.replace(f'"{name}"'.encode(), f'"{conversation_name(number)}"'.encode())


def collector_as_in_a_worker() -> None:
    """What runtime.run does to the garbage collector."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def measure(tables: str, load: str, count: int, folder: Path) -> Point:
    """One point, in this process."""
    table = new_table(tables, folder / "interactions")
    reader = {"beside": beside, "anywhere": anywhere}[load](table, count)
    watch = reader.watch
    table.close()
    return Point(tables, load, count, watch.total / reader.events * 1e6, watch.longest * 1e3)


def point(tables: str, load: str, count: int) -> Point:
    """One point, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.scaling_cost", "--one", tables, load, str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Point)


def points(sizes: Sequence[int], runs: int = RUNS) -> Iterator[Point]:
    """All of them, the least of so many runs each; runs of different sizes take turns."""
    for tables in ("memory", "disk"):
        for load in LOADS:
            runs_of = [[point(tables, load, size) for size in sizes] for _ in range(runs)]
            for same in zip(*runs_of, strict=True):
                yield min(same, key=lambda each: each.cpu_us)


def main() -> None:
    """Print a line a point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interactions", type=int, nargs="+", default=SIZES)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        tables, load, count = given.one
        with tempfile.TemporaryDirectory(prefix="baton-scaling-") as folder:
            one = measure(tables, load, int(count), Path(folder))
        sys.stdout.buffer.write(msgspec.json.encode(one))
        return
    for each in points(given.interactions, given.runs):
        print(each, flush=True)


if __name__ == "__main__":
    main()
