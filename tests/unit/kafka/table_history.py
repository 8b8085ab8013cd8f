"""A seeded history of commits: which table stands at an offset, to compare with what a disk gives.

As a program it writes that history on, into the folder given, saying each commit that returned:
what a test kills.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from random import Random

from streams.kafka.disk_table import DiskTable
from streams.kafka.partition_tables import LocalStateError

_KEYS = 400
# Files' own times are compared with it.
NOW = int(time.time() * 1000)


def change(table: MutableMapping[bytes, bytes], offset: int, keys: int = 60) -> None:
    """What the commit at `offset` changes: some keys written, a few deleted."""
    random = Random(offset)
    for _ in range(keys):
        key = b"acme\x00%04d" % random.randrange(_KEYS)
        if random.random() < 0.2:
            table.pop(key, None)
        else:
            table[key] = random.randbytes(random.randrange(40, 400))


def history(keys: int = 60) -> Iterator[tuple[int, dict[bytes, bytes]]]:
    """(offset, table) of each commit, from the empty table at -1 on."""
    table: dict[bytes, bytes] = {}
    offset = -1
    yield offset, table
    while True:
        offset += 1
        change(table, offset, keys)
        yield offset, table


def table_at(offset: int, keys: int = 60) -> dict[bytes, bytes]:
    """The table as the commit at `offset` left it."""
    return next(table for reached, table in history(keys) if reached == offset)


def write(table: DiskTable, upto: int, keys: int = 60) -> Iterator[int]:
    """Commit the history behind what the table holds, up to the offset `upto`."""
    for offset in range(table.offset + 1, upto + 1):
        change(table, offset, keys)
        table.commit(offset, offset * 10)
        yield offset


def main(path: Path, keys: int) -> None:
    print("opening", flush=True)
    try:
        table = DiskTable(path, lambda: NOW, create=not path.exists())
        table.verify()
        for offset in write(table, sys.maxsize, keys):
            print(offset, flush=True)
    except LocalStateError as error:
        print(f"{type(error).__name__}: {error}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
