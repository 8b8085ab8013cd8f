"""Records whose header names are not UTF-8: read, with what is wrong in the name escaped.

Kafka's brokers take any bytes for a header's name; aiokafka raises UnicodeDecodeError at such a
record, at every fetch again, so that one of them would stop its partition for ever.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_LENGTH_AT = 8  # of a batch, behind its base offset; counted from what follows it
_HEAD = 12


def read_any_header_name() -> None:
    """Let every aiokafka consumer of this process read such records."""
    fetcher.MemoryRecords = AnyHeaderName


class AnyHeaderName:
    """aiokafka's MemoryRecords, for its fetcher."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._at = 0
        self._records: Any = MemoryRecords(raw)

    def size_in_bytes(self) -> int:
        return int(self._records.size_in_bytes())

    def has_next(self) -> bool:
        return bool(self._records.has_next())

    def next_batch(self) -> Any:
        """The next record batch, or None."""
        batch = self._records.next_batch()
        (length,) = struct.unpack_from(">i", self._raw, self._at + _LENGTH_AT)
        start, self._at = self._at, self._at + _HEAD + length
        return None if batch is None else _Batch(batch, self._raw, start, self._at)


class _Batch:
    """One batch: what aiokafka makes of it, or of its bytes where a name is not UTF-8."""

    def __init__(self, batch: Any, raw: Any, start: int, end: int) -> None:
        self._batch = batch
        self._place = (raw, start, end)
        self._left: Iterator[Any] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))
        except UnicodeDecodeError:
            raw, start, end = self._place
            return iter(list(_AnyNameBatch(bytearray(raw[start:end]))))

    def __next__(self) -> Any:
        if self._left is None:
            self._left = iter(self)
        return next(self._left)


class _AnyNameBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _Buffer(self._buffer)


class _Buffer(bytearray):
    """Slices of it decode whatever they hold."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Slice(found) if isinstance(at, slice) else found


class _Slice(bytes):
    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)
