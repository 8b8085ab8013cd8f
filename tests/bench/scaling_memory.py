"""What an open interaction costs: bytes in the tables, and resident memory of the process.

`python -m tests.bench.scaling_memory [--interactions N ...]`, each kind of table and number in a
process of its own. What is held is what a worker holds: the table of interactions with its agenda,
and the table of customer links with the closes that may still see a return.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import msgspec

from streams.agents import link_table
from streams.domain.lifecycle import LifecyclePartition
from streams.domain.links import LinksPartition
from streams.kafka.disk_table import DiskTable
from streams.kafka.partition_tables import MemoryTable, PartitionTable
from tests.bench.open_interactions import clones, customers, middle_of_an_hour
from tests.stream_run import LATENESS_MS

SIZES = (100_000, 1_000_000, 3_000_000)
_A_COMMIT = 20_000


class Held(msgspec.Struct):
    """One kind of table and one number of interactions. Bytes, each of one interaction."""

    tables: str
    interactions: int
    table_bytes: float
    link_table_bytes: float
    rss_bytes: float
    rss_of_links: float
    disk_bytes: float


def resident() -> int:
    """Resident memory of this process, bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def new_table(kind: str, path: Path) -> PartitionTable:
    """An empty table, in memory or in the folder `path`."""
    if kind == "memory":
        return MemoryTable()
    return DiskTable(path, lambda: int(time.time() * 1000), create=True)


def fill(table: PartitionTable, entries: object) -> int:
    """Put all entries in, with commits; how many bytes they are."""
    size = 0
    for number, (key, value) in enumerate(entries, 1):  # type: ignore[arg-type, var-annotated]
        table[key] = value
        size += len(key) + len(value)
        if number % _A_COMMIT == 0:
            table.commit(number, number)
    table.commit(_A_COMMIT, _A_COMMIT)
    return size


def measure(kind: str, count: int, folder: Path) -> Held:
    """One point, in this process."""
    found = middle_of_an_hour()
    next(clones(1)), next(customers(2))  # what they make once is none of the interactions'
    before = resident()
    states = new_table(kind, folder / "interactions")
    table_bytes = fill(states, clones(count))
    lifecycle = LifecyclePartition(found.book, LATENESS_MS, states, found.progress)
    with_states = resident()
    closes = new_table(kind, folder / "links")
    link_bytes = fill(closes, customers(count))
    links = LinksPartition(found.book, 1)
    assert link_table.restore(links, closes)
    after = resident()
    assert lifecycle.interactions == count
    disk = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    for table in (states, closes):
        table.close()
    return Held(
        tables=kind,
        interactions=count,
        table_bytes=table_bytes / count,
        link_table_bytes=link_bytes / count,
        rss_bytes=(after - before) / count,
        rss_of_links=(after - with_states) / count,
        disk_bytes=disk / count,
    )


def by_kind() -> dict[str, tuple[int, float, int]]:
    """Of each kind of interaction: how many the hour has, table bytes on average and at most."""
    found = middle_of_an_hour()
    key, sizes = next(clones(1))[0], defaultdict(list)
    for conversation, raw in found.states.items():
        sizes[found.kinds[conversation]].append(len(key) + len(raw))
    return {kind: (len(s), sum(s) / len(s), max(s)) for kind, s in sizes.items()}


def held(kind: str, count: int) -> Held:
    """One point, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.scaling_memory", "--one", kind, str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Held)


def main() -> None:
    """Print a line a point as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interactions", type=int, nargs="+", default=SIZES)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        with tempfile.TemporaryDirectory(prefix="baton-scaling-") as folder:
            kind, count = given.one
            sys.stdout.buffer.write(msgspec.json.encode(measure(kind, int(count), Path(folder))))
        return
    print(by_kind())
    for count in given.interactions:
        for kind in ("memory", "disk"):
            print(held(kind, count), flush=True)


if __name__ == "__main__":
    main()
