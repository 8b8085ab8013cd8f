"""Recorded logs: their records in order, when each arrived, and the verdict on a whole file."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
import zstandard

from streams.domain.contract import ContractBook
from streams.domain.events import Instant, epoch_ms
from streams.domain.ticks import (
    DEFAULT_SETTLE_MS,
    DEFAULT_TICK_INTERVAL_MS,
    interleave_ticks,
)
from streams.oracle.judge import Verdict, judge


class LogError(Exception):
    """A log file that cannot be read; the message says which and why."""


class _Times(msgspec.Struct, gc=False):
    time: Instant | None = None
    recordedtime: Instant | None = None


# Not orjson: this reads two fields and skips the rest, and reads a time just as events.py does.
_TIMES = msgspec.json.Decoder(_Times)


def arrival_ms(raw: bytes) -> int | None:
    """When a record was written down: `recordedtime`, else `time`, in ms since 1970 UTC.

    None where the record, or either time, cannot be read.
    """
    try:
        times = _TIMES.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    moment = times.recordedtime or times.time
    return None if moment is None else epoch_ms(moment)


def read_log(path: Path) -> Iterator[bytes]:
    """The records of a JSONL file (plain, .gz or .zst), one a line; blank lines are none.

    Raises LogError for a file that is missing or cut off.
    """
    try:
        with path.open("rb") as file:
            for line in _decompressed(file, path.suffix):
                record = line.strip()
                if record:
                    yield record
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise LogError(f"{path}: cannot be read as a log: {error}") from error


def _decompressed(file: BinaryIO, suffix: str) -> BinaryIO | io.BufferedReader:
    if suffix == ".gz":
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]
    if suffix == ".zst":
        frames = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        return io.BufferedReader(frames)
    return file


def judge_file(
    path: Path,
    book: ContractBook,
    *,
    lateness_ms: int,
    interval_ms: int = DEFAULT_TICK_INTERVAL_MS,
    settle_ms: int = DEFAULT_SETTLE_MS,
) -> Verdict:
    """Judge a recorded log with the ticks that a replay of it makes. Raises LogError."""
    arrivals = ((record, arrival_ms(record)) for record in read_log(path))
    records = interleave_ticks(arrivals, interval_ms=interval_ms, settle_ms=settle_ms)
    return judge(records, book, lateness_ms=lateness_ms)
