"""Header names that are no UTF-8, which brokers take and aiokafka refuses for ever."""

from __future__ import annotations

import struct

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c_py

from streams.kafka.header_names import AnyHeaderName

_PLAIN, _GZIP = 0, 1


def a_batch(compression: int, base: int, name: str = "trace") -> bytes:
    builder = DefaultRecordBatchBuilder(2, compression, 0, -1, -1, -1, 10_000)
    for offset in range(3):
        builder.append(offset, 1, b"k", b"v%d" % (base + offset), [(name, b"x"), ("n", None)])
    raw = bytearray(builder.build())
    struct.pack_into(">q", raw, 0, base)
    return bytes(raw)


def spoiled(raw: bytes) -> bytes:
    """The batch as a producer would have written it that names a header in Latin-1."""
    found = bytearray(raw.replace(b"trace", b"tr\xe4ce"))
    struct.pack_into(">I", found, 17, calc_crc32c_py(bytes(found[21:])))
    return bytes(found)


def test_a_record_with_such_a_name_is_read_with_the_rest_of_its_batch() -> None:
    raw = a_batch(_PLAIN, 0) + spoiled(a_batch(_PLAIN, 3)) + a_batch(_GZIP, 6)
    with pytest.raises(UnicodeDecodeError):
        list(MemoryRecords(spoiled(a_batch(_PLAIN, 3))).next_batch())
    records, read = AnyHeaderName(raw), []
    assert records.size_in_bytes() == len(raw)
    while records.has_next():
        batch = records.next_batch()
        assert batch.validate_crc()
        read += [(r.offset, r.value, r.headers) for r in batch]
    assert [(offset, value) for offset, value, _ in read] == [(n, b"v%d" % n) for n in range(9)]
    names = [headers[0][0] for _, _, headers in read]
    assert names == ["trace"] * 3 + ["tr\\xe4ce"] * 3 + ["trace"] * 3
    assert all(headers[1] == ("n", None) for _, _, headers in read)


def test_what_the_fetcher_asks_of_a_batch_is_answered() -> None:
    batch = AnyHeaderName(a_batch(_PLAIN, 5)).next_batch()
    assert (batch.base_offset, batch.next_offset, batch.is_control_batch) == (5, 8, False)
    assert next(batch).offset == 5
    assert next(batch).offset == 6
