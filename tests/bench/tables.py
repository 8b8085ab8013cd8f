"""What a partition's table costs, in memory and on disk, by its number of entries.

`python -m tests.bench.tables [ENTRIES ...]`, each kind and size in a process of its own. Entries
are about 400 bytes, of which half compress well. Times are CPU of the process, RocksDB's threads
included, but for `open` and `verify`, which are wall clock too. `get`, `put` and `commit` are of
batches of 2,000 entries anywhere in the table, each read and then written.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

from streams.kafka.disk_table import DiskTable
from streams.kafka.partition_tables import MemoryTable, PartitionTable

SIZES = (100_000, 1_000_000, 3_000_000)
_LOAD = 5_000
_BATCH = 2_000
_BATCHES = 100
_COMMON = bytes(range(100)) * 2


class Row(NamedTuple):
    """One kind and size. `load` is get-free writing with commits, as recovery does it."""

    kind: str
    entries: int
    load_us: float
    get_us: float
    put_us: float
    commit_us: float
    disk_bytes: float
    rss_mib: int
    open_s: float
    verify_s: float
    verify_wall_s: float
    scan_s: float
    rss_reopened_mib: int


def key(number: int) -> bytes:
    """As an interaction's: contract, NUL, conversation."""
    return b"acme-2026\x00conv-%016x" % (number * 0x9E3779B97F4A7C15 & (1 << 64) - 1)


def rss_mib() -> int:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def now_ms() -> int:
    """The wall clock."""
    return int(time.time() * 1000)


def timed(work: Callable[[], object]) -> float:
    """How many seconds of CPU it takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def values(random: Random) -> Iterator[bytes]:
    """Values without end."""
    while True:
        yield random.randbytes(200) + _COMMON


def load(table: PartitionTable, entries: int) -> None:
    """Fill the table by commits."""
    for start in range(0, entries, _LOAD):
        made = values(Random(start))
        for number in range(start, min(entries, start + _LOAD)):
            table[key(number)] = next(made)
        table.commit(start, start)


def fold(table: PartitionTable, entries: int) -> tuple[float, float, float]:
    """Seconds of get, put and commit over all batches."""
    random = Random(1)
    made = values(random)
    get = put = commit = 0.0
    for number in range(_BATCHES):
        changes = {key(random.randrange(entries)): next(made) for _ in range(_BATCH)}
        get += timed(partial(_read, table, changes))
        put += timed(partial(table.update, changes))
        commit += timed(partial(table.commit, entries + number, entries))
    return get, put, commit


def _read(table: PartitionTable, keys: Iterable[bytes]) -> None:
    for each in keys:
        table.get(each)


def scan(table: PartitionTable) -> int:
    """Read all entries."""
    return sum(1 for _ in table.items())


def measure(kind: str, entries: int, root: Path) -> Row:
    """One row."""
    before = rss_mib()
    path = root / "t"
    table: PartitionTable = (
        MemoryTable() if kind == "memory" else DiskTable(path, now_ms, create=True)
    )
    loading = timed(lambda: load(table, entries))
    folds = (seconds / (_BATCHES * _BATCH) * 1e6 for seconds in fold(table, entries))
    assert len(table) == entries
    held = rss_mib() - before
    row = Row(kind, entries, loading / entries * 1e6, *folds, 0, held, 0, 0, 0, 0, 0)
    if kind == "memory":
        return row._replace(scan_s=timed(lambda: scan(table)))
    table.close()
    size = sum(file.stat().st_size for file in path.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.tables", "reopen", str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    opened, verified, waited, scanned, rss = map(float, done.stdout.split())
    return row._replace(
        disk_bytes=size / entries,
        open_s=opened,
        verify_s=verified,
        verify_wall_s=waited,
        scan_s=scanned,
        rss_reopened_mib=int(rss),
    )


def reopen(path: Path) -> None:
    """Open, verify and scan in a process that has nothing of it yet (the page cache may)."""
    before = rss_mib()
    began = time.perf_counter()
    table = DiskTable(path, now_ms)
    opened = time.perf_counter() - began
    began = time.perf_counter()
    verified = timed(table.verify)
    waited = time.perf_counter() - began
    scanned = timed(lambda: scan(table))
    print(opened, verified, waited, scanned, rss_mib() - before)
    table.close()


def main(sizes: list[int]) -> None:
    """Print the table."""
    print(" | ".join(Row._fields))
    for entries in sizes:
        for kind in ("memory", "disk"):
            done = subprocess.run(
                [sys.executable, "-m", "tests.bench.tables", kind, str(entries)],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            print(done.stdout, end="", flush=True)


def _one(kind: str, entries: int) -> None:
    root = Path(tempfile.mkdtemp(dir=os.environ.get("BENCH_DIR")))
    try:
        row = measure(kind, entries, root)
        print(" | ".join(f"{v:.2f}" if isinstance(v, float) else str(v) for v in row))
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["reopen", path]:
            reopen(Path(path))
        case [("memory" | "disk") as kind, entries]:
            _one(kind, int(entries))
        case given:
            main([int(each) for each in given] or list(SIZES))
