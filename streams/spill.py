"""What does not fit into memory, kept on disk by bucket while a command runs.

One temporary file without a name, so that nothing is left of it however the process ends: what it
holds may be of persons. It lies where Python's `tempfile` puts it (TMPDIR).
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from typing import Final

import zstandard

BUCKETS: Final = 256
_CHUNK_BYTES = 64 * 1024
_LENGTH_BYTES = 4
# A log shrinks to a tenth by it, at some 300 MB/s.
_LEVEL = 1


class SpillError(RuntimeError):
    """There is no room for it; the message says where and what to do."""


def bucket_of(name: str) -> int:
    """The bucket of everything that is told under a name, the same in every process."""
    return zlib.crc32(name.encode("utf-8", "surrogatepass")) % BUCKETS


class Spill:
    """Byte strings by bucket, each bucket's in the order in which they were added.

    Needs memory for a chunk of each bucket, some 16 MB, whatever it holds. Raises SpillError where
    the disk is full.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="baton-")  # noqa: SIM115
        self._chunks: list[list[tuple[int, int]]] = [[] for _ in range(BUCKETS)]
        self._buffers = [bytearray() for _ in range(BUCKETS)]
        self._end = 0
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self._decompressor = zstandard.ZstdDecompressor()

    def add(self, bucket: int, item: bytes) -> None:
        """Put one more into a bucket."""
        buffer = self._buffers[bucket]
        buffer += len(item).to_bytes(_LENGTH_BYTES, "big")
        buffer += item
        if len(buffer) >= _CHUNK_BYTES:
            self._write(bucket)

    def _write(self, bucket: int) -> None:
        chunk = self._compressor.compress(bytes(self._buffers[bucket]))
        try:
            self._file.seek(self._end)
            self._file.write(chunk)
            self._file.flush()
        except OSError as error:
            raise SpillError(
                f"temporary files in {tempfile.gettempdir()}: {error.strerror}; set TMPDIR to a"
                " folder with more room"
            ) from None
        self._chunks[bucket].append((self._end, len(chunk)))
        self._end += len(chunk)
        self._buffers[bucket].clear()

    def read(self, bucket: int) -> Iterator[bytes]:
        """All of a bucket, a chunk in memory at a time. Nothing may be added to it meanwhile."""
        for at, length in self._chunks[bucket]:
            self._file.seek(at)
            yield from _items(self._decompressor.decompress(self._file.read(length)))
        yield from _items(bytes(self._buffers[bucket]))

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()


def _items(chunk: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(chunk):
        begin = at + _LENGTH_BYTES
        at = begin + int.from_bytes(chunk[at:begin], "big")
        yield chunk[begin:at]
