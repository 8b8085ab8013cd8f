"""Records in order, in bounded memory: sorted runs on disk, merged, beyond a bound.

However many runs there are, what comes out is what sorting all of them at once would give: runs
follow each other as the records came, and both sorting and merging keep the order of equals.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from heapq import merge
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from streams.sources.base import Order, SourceRecord

# About 270 bytes a record are Python's own.
MOST_HELD_BYTES = 256 * 1024 * 1024
_OVERHEAD_BYTES = 270
# Files that are open at once; more runs than that are merged into one first.
FAN_IN = 64
_HEAD = struct.Struct("<qqII")
_BUFFER_BYTES = 256 * 1024


def sort_key(order: Order, record: SourceRecord) -> tuple[int, int, str]:
    """Where `record` comes: by (time, id), or as it was written down: by (recorded, time, id)."""
    if order == "time":
        return record.time_ms, 0, record.id
    return record.recorded_ms, record.time_ms, record.id


class SortedRecords:
    """Takes records, then gives them in `order` (`file`: as they came). Used in a `with`.

    Holds about `most_bytes` of them in memory; the rest lies in a temporary folder (TMPDIR), about
    as large as the records, until the end of the `with`. Raises OSError where that has no room.
    """

    def __init__(
        self, order: Order, *, most_bytes: int = MOST_HELD_BYTES, fan_in: int = FAN_IN
    ) -> None:
        self._order: Order = order
        self._most_bytes = most_bytes
        self._fan_in = fan_in
        self._held: list[SourceRecord] = []
        self._held_bytes = 0
        self._runs: list[Path] = []
        self._made = 0
        self._folder: TemporaryDirectory[str] | None = None
        self.count = 0

    def __enter__(self) -> SortedRecords:
        return self

    def __exit__(self, *_: object) -> None:
        self._held = []
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def runs(self) -> int:
        """How many runs lie on disk."""
        return len(self._runs)

    def add(self, record: SourceRecord) -> None:
        """Take a record. Raises OSError."""
        self.count += 1
        self._held.append(record)
        self._held_bytes += len(record.raw) + len(record.id) + _OVERHEAD_BYTES
        if self._held_bytes >= self._most_bytes:
            self._spill()

    def __iter__(self) -> Iterator[SourceRecord]:
        """All records that were added, once."""
        self._sort()
        if not self._runs:
            held, self._held = self._held, []
            yield from held
            return
        yield from self._merged([*map(_read, self._runs), iter(self._held)])

    def _sort(self) -> None:
        if self._order != "file":
            self._held.sort(key=self._key)

    def _key(self, record: SourceRecord) -> tuple[int, int, str]:
        return sort_key(self._order, record)

    def _merged(self, runs: list[Iterator[SourceRecord]]) -> Iterator[SourceRecord]:
        if self._order == "file":
            for run in runs:
                yield from run
        else:
            yield from merge(*runs, key=self._key)

    def _spill(self) -> None:
        self._sort()
        self._runs.append(self._write(self._held))
        self._held = []
        self._held_bytes = 0
        if len(self._runs) >= self._fan_in:
            one = self._write(self._merged([_read(run) for run in self._runs]))
            for run in self._runs:
                run.unlink()
            self._runs = [one]

    def _write(self, records: Iterable[SourceRecord]) -> Path:
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="baton-sort-")
        self._made += 1
        path = Path(self._folder.name) / f"{self._made:06d}"
        with path.open("wb", _BUFFER_BYTES) as file:
            for record in records:
                _put(file, record)
        return path


def _put(file: IO[bytes], record: SourceRecord) -> None:
    name = record.id.encode("utf-8", "surrogatepass")
    file.write(_HEAD.pack(record.time_ms, record.recorded_ms, len(name), len(record.raw)))
    file.write(name)
    file.write(record.raw)


def _read(path: Path) -> Iterator[SourceRecord]:
    with path.open("rb", _BUFFER_BYTES) as file:
        while head := file.read(_HEAD.size):
            time_ms, recorded_ms, name, raw = _HEAD.unpack(head)
            told = file.read(name).decode("utf-8", "surrogatepass")
            yield SourceRecord(time_ms, told, recorded_ms, file.read(raw))
