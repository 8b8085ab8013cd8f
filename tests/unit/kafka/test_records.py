"""The records that a fetch yields say what aiokafka's own would."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import ConsumerRecord

from streams.kafka.records import LeanRecords, Record

_GZIP = 1
PLACE = TopicPartition("interaction-events", 3)


def a_fetch() -> bytes:
    builder = DefaultRecordBatchBuilder(2, _GZIP, 0, -1, -1, -1, 10_000)
    builder.append(0, 1_780_000_000_000, b"conversation", b"value", [("trace", b"x"), ("n", None)])
    builder.append(1, 1_780_000_000_001, None, b"tick", [])
    builder.append(2, 1_780_000_000_002, b"gone", None, [])
    return bytes(builder.build())


def read(kind: type[PartitionRecords], upper: Callable[[Any], Any] | None = None) -> list[Any]:
    """What a fetch from offset 1 on yields."""
    whole = MemoryRecords(a_fetch())
    return list(kind(PLACE, whole, None, 1, upper, upper, True, READ_UNCOMMITTED))


def test_a_record_says_what_aiokafkas_would() -> None:
    lean, full = read(LeanRecords), read(PartitionRecords)
    assert [record.offset for record in lean] == [1, 2]
    for ours, theirs in zip(lean, full, strict=True):
        named = {name: getattr(theirs, name) for name in Record.__struct_fields__}
        assert ours == Record(**named | {"headers": list(theirs.headers)})


def test_the_collector_does_not_look_at_records() -> None:
    assert not any(map(gc.is_tracked, read(LeanRecords)))


def test_a_consumer_with_deserializers_gets_aiokafkas_records() -> None:
    records = read(LeanRecords, lambda raw: raw and raw.upper())
    assert [type(record) for record in records] == [ConsumerRecord, ConsumerRecord]
    assert records[0].value == b"TICK"
