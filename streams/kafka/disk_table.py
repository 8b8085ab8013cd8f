"""A partition's table on local disk: RocksDB, with what is not committed yet in memory above it.

What the disk holds is always the table as some commit left it: a commit is one atomic write. It is
not synced, so a killed process loses nothing and a power cut may leave an earlier commit, which the
changelog completes. RocksDB's checksums find what was changed in a file, but not all that is
missing: its iterators end at a bad block without an error, and a log or manifest that lost its end
reads as an older one. So each commit also keeps the number of entries and the sum of their
checksums, and `verify` compares.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Collection, ItemsView, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
from rocksdict import (
    BlockBasedOptions,
    Cache,
    ChecksumType,
    DbClosedError,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    Rdict,
    WriteBatch,
    WriteBufferManager,
)

from streams.kafka.partition_tables import (
    CorruptStateError,
    LocalStateError,
    PartitionTable,
    StateDiskError,
    StateInUseError,
    TableClosedError,
)

# Of a process, whatever the number of its partitions.
_BLOCK_CACHE_BYTES = 64 * 1024 * 1024
_WRITE_BUFFERS_BYTES = 64 * 1024 * 1024
# Of one partition.
_WRITE_BUFFER_BYTES = 16 * 1024 * 1024
_OPEN_FILES = 256
_LOG_BYTES = 1024 * 1024
_BLOOM_BITS = 10
_BLOCK_BYTES = 8 * 1024
# What was read since the last commit is remembered, for most of it is written next.
_KNOWN = 50_000

# No key of a table is empty; it also sorts first.
_META_KEY = b""
_SUMS = 1 << 64
_FORMAT = 1
_MARK = "discard"
_PURGING = "purging"
_REWRITTEN = "rewritten"
# Beyond so many keys the whole table is rewritten, rather than the files of each; and once a day,
# for what was forgotten without anybody's asking.
_MOST_PURGED_ALONE = 16
_REWRITTEN_EVERY_MS = 24 * 3600 * 1000
_ROCKSDB = "rocksdb"

_LOCKED = ("lock file", "lock hold")
# In RocksDB's words, which carry strerror's. EMFILE is none of the disk's, but as little a reason
# to throw state away.
_DISK = (
    "No space left",
    "Disk quota exceeded",
    "File too large",
    "Input/output error",
    "Read-only file system",
    "Permission denied",
    "Too many open files",
)

log = logging.getLogger("baton")


class _Meta(msgspec.Struct, array_like=True):
    """What a commit says of the table; `saved_ms` is the wall clock at it, ms since 1970 UTC."""

    format: int
    offset: int
    upto: int
    count: int
    total: int
    saved_ms: int


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Meta)
_UNSET: Any = object()


@cache
def _shared() -> tuple[Cache, WriteBufferManager]:
    return Cache(_BLOCK_CACHE_BYTES), WriteBufferManager(_WRITE_BUFFERS_BYTES, False)


def _options(create: bool) -> Options:
    blocks, buffers = _shared()
    layout = BlockBasedOptions()
    layout.set_block_cache(blocks)
    layout.set_block_size(_BLOCK_BYTES)
    layout.set_bloom_filter(_BLOOM_BITS, False)
    layout.set_format_version(5)
    layout.set_checksum_type(ChecksumType.xxh3())
    options = Options(raw_mode=True)
    options.create_if_missing(create)
    options.set_error_if_exists(create)
    options.set_paranoid_checks(True)
    # A torn end of the log is an earlier commit; anything after a hole is not replayed.
    options.set_wal_recovery_mode(DBRecoveryMode.point_in_time())
    options.set_block_based_table_factory(layout)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_write_buffer_manager(buffers)
    options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
    options.set_max_open_files(_OPEN_FILES)
    options.set_keep_log_file_num(1)
    options.set_max_log_file_size(_LOG_BYTES)
    options.set_stats_dump_period_sec(0)
    options.set_stats_persist_period_sec(0)
    return options


def marked(path: Path) -> bool:
    """Whether a table was found corrupt while it was in use, and must not be opened again."""
    return (path / _MARK).exists()


class DiskTable(PartitionTable):
    """A table in the folder `path`, which `create` makes anew; `now_ms` is the wall clock.

    Raises CorruptStateError, StateDiskError or StateInUseError, here and wherever it is read or
    committed. One that is found corrupt while in use is marked (`marked`), for what it gave until
    then may be wrong. An instance is used by one thread at a time.
    """

    def __init__(self, path: Path, now_ms: Callable[[], int], *, create: bool = False) -> None:
        self.path = path
        self._now_ms = now_ms
        self._overlay: dict[bytes, bytes | None] = {}
        self._known = self._nothing_known()
        try:
            if create:
                path.mkdir(mode=0o700, parents=True)
            self._db: Any = Rdict(str(path / _ROCKSDB), _options(create))
        except OSError as error:
            raise StateDiskError(_disk_message(path, error)) from error
        except Exception as error:
            raise _translated(path, error) from error
        self._take(_Meta(_FORMAT, -1, 0, 0, 0, now_ms()))
        try:
            if create:
                self.commit(-1, 0)
            else:
                self._take(self._read_meta())
                if (path / _PURGING).exists():
                    self._rewrite(())
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _nothing_known() -> dict[bytes, bytes | None]:
        return {_META_KEY: None}

    def _read_meta(self) -> _Meta:
        try:
            raw = self._db.get(_META_KEY)
        except Exception as error:
            raise self._failed(error) from error
        try:
            meta = _DECODER.decode(raw or b"")
        except msgspec.DecodeError as error:
            raise self._corrupt(f"no readable word on how far it goes: {error}") from None
        if meta.format != _FORMAT:
            raise self._corrupt(f"its format is {meta.format}, read here is {_FORMAT}")
        return meta

    def _take(self, meta: _Meta) -> None:
        self.offset, self.upto, self.saved_ms = meta.offset, meta.upto, meta.saved_ms
        self._count, self._total = meta.count, meta.total

    def verify(self) -> None:
        """Read everything committed, about 1.5 us an entry. Raises CorruptStateError where it is
        not what the last commit left.
        """
        count = total = 0
        for key, value in self._committed():
            count += 1
            total += crc32(value, crc32(key))
        if (count, total % _SUMS) != (self._count, self._total):
            raise self._corrupt(
                f"{count} entries of {self._count} can be read, or others than were written"
            )

    def _committed(self) -> Iterator[tuple[bytes, bytes]]:
        try:
            entries = iter(self._db.items())
            next(entries, None)
        except Exception as error:
            raise self._failed(error) from error
        return entries  # type: ignore[no-any-return]

    def __getitem__(self, key: bytes) -> bytes:
        value: bytes | None = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def get(self, key: bytes, default: Any = None) -> Any:
        """The value of a key, else `default`."""
        value = self._overlay.get(key, _UNSET)
        if value is _UNSET:
            value = self._stored(key)
        return default if value is None else value

    def _stored(self, key: bytes) -> bytes | None:
        value = self._known.get(key, _UNSET)
        if value is _UNSET:
            try:
                value = self._db.get(key)
            except Exception as error:
                raise self._failed(error) from error
            if len(self._known) < _KNOWN:
                self._known[key] = value
        return value  # type: ignore[no-any-return]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, bytes) and self.get(key) is not None

    def __setitem__(self, key: bytes, value: bytes) -> None:
        if not key:
            raise ValueError("a table's keys are not empty")
        self._overlay[key] = value

    def __delitem__(self, key: bytes) -> None:
        if self.get(key) is None:
            raise KeyError(key)
        self._overlay[key] = None

    def __len__(self) -> int:
        self._learn()
        known, overlay = self._known, self._overlay
        return self._count + sum(
            (value is not None) - (known[key] is not None) for key, value in overlay.items()
        )

    def __iter__(self) -> Iterator[bytes]:
        return (key for key, _ in self._entries())

    def items(self) -> ItemsView[bytes, bytes]:
        """All entries, in no order, as they are when the iteration begins."""
        return _Items(self)

    def _entries(self) -> Iterator[tuple[bytes, bytes]]:
        overlay, expected, count = dict(self._overlay), self._count, 0
        for entry in self._committed():
            count += 1
            if not overlay or entry[0] not in overlay:
                yield entry
        # RocksDB's iterator says nothing where it ends early.
        if count != expected:
            raise self._corrupt(f"{count} entries of {expected} can be read")
        for key, value in overlay.items():
            if value is not None:
                yield key, value

    def _learn(self) -> None:
        """Look up what stands on disk under the keys that were set without having been read."""
        unknown = [key for key in self._overlay if key not in self._known]
        if not unknown:
            return
        if not self._count:
            self._known.update(dict.fromkeys(unknown))
            return
        try:
            found = self._db.get(unknown)
        except Exception as error:
            raise self._failed(error) from error
        self._known.update(zip(unknown, found, strict=True))

    def commit(self, offset: int, upto: int) -> None:
        """Write what was set and deleted since the last commit, and how far it goes, as one."""
        self._learn()
        batch = WriteBatch(raw_mode=True)
        count, total = self._count, self._total
        for key, value in self._overlay.items():
            before = self._known[key]
            if before is not None:
                count -= 1
                total -= crc32(before, crc32(key))
            if value is not None:
                count += 1
                total += crc32(value, crc32(key))
                batch.put(key, value)
            elif before is not None:
                batch.delete(key)
        meta = _Meta(_FORMAT, offset, upto, count, total % _SUMS, self._now_ms())
        batch.put(_META_KEY, _ENCODER.encode(meta))
        try:
            self._db.write(batch)
        except Exception as error:
            raise self._failed(error) from error
        self._take(meta)
        self.revert()

    def purge(self, keys: Collection[bytes]) -> None:
        """Rewrite the files that hold these keys, so that no older value of them is left in any.

        RocksDB keeps what was overwritten or deleted until it happens to rewrite a file, and names
        a file's first and last key in its manifest, which only a new one does not hold. A kill
        between a commit and this is made good when the table is opened.
        """
        last = self.path / _REWRITTEN
        try:
            (self.path / _PURGING).touch()
            old = not last.exists() or (
                self._now_ms() - int(last.stat().st_mtime * 1000) > _REWRITTEN_EVERY_MS
            )
        except OSError as error:
            raise StateDiskError(_disk_message(self.path, error)) from error
        self._rewrite(() if old or len(keys) > _MOST_PURGED_ALONE else keys)

    def _rewrite(self, keys: Collection[bytes]) -> None:
        """The files of these keys, of all without any."""
        try:
            self._db.flush(True)
            for key in keys:
                self._db.compact_range(key, key + b"\x00")
            if not keys:
                self._db.compact_range(None, None)
                (self.path / _REWRITTEN).touch()
            self._db.close()
            self._db = Rdict(str(self.path / _ROCKSDB), _options(False))
            (self.path / _PURGING).unlink(missing_ok=True)
        except OSError as error:
            raise StateDiskError(_disk_message(self.path, error)) from error
        except Exception as error:
            raise self._failed(error) from error

    def revert(self) -> None:
        """Be what stands on disk: the last commit."""
        self._overlay.clear()
        self._known = self._nothing_known()

    def close(self) -> None:
        """Close it; what was not committed is gone."""
        try:
            self._db.close()
        except Exception as error:
            # It writes its buffers on closing. They stand in its log too, so nothing is owed.
            log.warning("%s: closed with an error: %s", self.path, error)

    def destroy(self) -> None:
        """Close it and remove its folder."""
        self.close()
        remove(self.path)

    def _failed(self, error: Exception) -> LocalStateError:
        failure = _translated(self.path, error)
        if isinstance(failure, CorruptStateError):
            self._mark()
        return failure

    def _corrupt(self, what: str) -> CorruptStateError:
        self._mark()
        return CorruptStateError(_corrupt_message(self.path, what))

    def _mark(self) -> None:
        # A disk that does not take the mark will not pass `verify` either.
        with suppress(OSError):
            (self.path / _MARK).touch()


class _Items(ItemsView[bytes, bytes]):
    _mapping: DiskTable

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        return self._mapping._entries()


def remove(path: Path) -> None:
    """Remove a table's folder, at once for whoever looks there. Raises StateDiskError."""
    gone = path.with_name(f".{path.name}.gone")
    try:
        shutil.rmtree(gone, ignore_errors=True)
        path.rename(gone)
        shutil.rmtree(gone)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StateDiskError(_disk_message(path, error)) from error


def _translated(path: Path, error: Exception) -> LocalStateError:
    """rocksdict raises bare Exceptions; RocksDB's status stands in their text."""
    if isinstance(error, DbClosedError):
        return TableClosedError(f"{path} is closed: its partition is no longer this worker's")
    said = str(error)
    if any(words in said for words in _LOCKED):
        return StateInUseError(
            f"{path} is open in another worker; each worker needs a --state-dir of its own"
        )
    if any(words in said for words in _DISK):
        return StateDiskError(_disk_message(path, error))
    return CorruptStateError(_corrupt_message(path, said))


def _disk_message(path: Path, error: Exception) -> str:
    return (
        f"{path}: the disk fails: {error}. Nothing is lost, the changelog has all of it: free space"
        " or mend the disk (or give another --state-dir) and start the worker again"
    )


def _corrupt_message(path: Path, what: str) -> str:
    return f"{path} is not what was written: {what}. It is rebuilt from the changelog at a start"
