"""Logs of canonical events on disk: JSON lines, plain, .gz or .zst, and what of them a replay
needs.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

import msgspec
import zstandard

from streams.domain.events import EARLIEST, LATEST, Instant, epoch_ms

# The events topic takes no more (kafka/topics.py).
MAX_LINE_BYTES = 4 * 1024 * 1024
SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst")


class LogError(ValueError):
    """A log that cannot be read; the message says which and why."""


class _Sink(Protocol):
    def write(self, data: bytes, /) -> int: ...


class Address(NamedTuple):
    """When a record was written down (ms) and which conversation keys it; None where unreadable."""

    arrival_ms: int | None
    conversation: str | None


class _Data(msgspec.Struct, gc=False):
    conversation_id: str | None = None


class _Addressed(msgspec.Struct, gc=False):
    time: Instant | None = None
    recordedtime: Instant | None = None
    data: _Data | None = None


# Reads three fields and skips the rest, and reads a time just as events.py does.
_ADDRESSED = msgspec.json.Decoder(_Addressed)
_NOWHERE = Address(None, None)


class _Typed(msgspec.Struct, gc=False):
    type: str = ""


_ERASURE = b"baton.governance.erasure_requested"
_TYPED = msgspec.json.Decoder(_Typed)


def address(raw: bytes) -> Address:
    """Arrival (`recordedtime`, else `time`) and `data.conversation_id` of a record."""
    try:
        found = _ADDRESSED.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _NOWHERE
    moment = found.recordedtime or found.time
    if moment is not None and not EARLIEST <= moment <= LATEST:
        moment = None
    conversation = None if found.data is None else found.data.conversation_id
    return Address(None if moment is None else epoch_ms(moment), conversation or None)


def asks_to_erase(raw: bytes) -> bool:
    """Whether the record is a request of erasure, which goes to every partition."""
    if _ERASURE not in raw:
        return False
    try:
        return _TYPED.decode(raw).type == _ERASURE.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def arrival_ms(raw: bytes) -> int | None:
    """When the record was written down, in ms since 1970 UTC; None where that cannot be read."""
    return address(raw).arrival_ms


def read_log(path: Path) -> Iterator[bytes]:
    """The records of a JSONL file (plain, .gz or .zst), one a line; blank lines are none.

    Raises LogError for a file that is missing, damaged or cut off, or that has a line longer than
    any record that a broker takes.
    """
    try:
        with path.open("rb") as file:
            lines = _decompressed(file, path.suffix)
            number = 0
            while line := lines.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(line) > MAX_LINE_BYTES:
                    raise LogError(
                        f"{path}:{number}: a line of more than {MAX_LINE_BYTES} bytes; a log holds"
                        " one event a line"
                    )
                record = line.strip()
                if record:
                    yield record
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise LogError(f"{path}: cannot be read as a log: {error}") from None


def write_lines(records: Iterable[bytes], path: Path) -> int:
    """Write records, one a line, to `path` (.jsonl, .jsonl.gz or .jsonl.zst); returns how many.

    The file appears whole or not at all. The same records give the same bytes (compressed: with the
    same version of zlib or zstd). Raises ValueError for another suffix, OSError where the file
    cannot be written.
    """
    if not path.name.endswith(SUFFIXES):
        raise ValueError(f"{path}: the name must end in one of {', '.join(SUFFIXES)}")
    part = path.with_name(f"{path.name}.part")
    count = 0
    try:
        with ExitStack() as stack:
            file = stack.enter_context(part.open("wb"))
            sink: _Sink = file
            if path.suffix == ".gz":
                sink = stack.enter_context(
                    gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=6)
                )
            elif path.suffix == ".zst":
                compressor = zstandard.ZstdCompressor(level=3)
                sink = stack.enter_context(compressor.stream_writer(file, closefd=False))
            for record in records:
                sink.write(record + b"\n")
                count += 1
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return count


def _decompressed(file: BinaryIO, suffix: str) -> BinaryIO | io.BufferedReader:
    if suffix == ".gz":
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]
    if suffix == ".zst":
        frames = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        return io.BufferedReader(frames)
    return file
