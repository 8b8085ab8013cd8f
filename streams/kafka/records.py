"""What of a fetched record is handed on: what stages read, and nothing that the collector follows.

aiokafka makes a ConsumerRecord of eleven fields, a Python dataclass: 0.6 us each, and thousands
of objects a batch that Python's garbage collector walks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record of a topic, its fields named as ConsumerRecord's; `timestamp` in ms since 1970 UTC,
    -1 or None where it has none.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int | None
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


def read_lean_records() -> None:
    """Let every aiokafka consumer of this process without deserializers yield Records."""
    fetcher.PartitionRecords = LeanRecords


class LeanRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """aiokafka's PartitionRecords, for its fetcher: which records are read stays its own matter."""

    def _consumer_record(self, tp: TopicPartition, record: Any) -> Any:
        if self._key_deserializer or self._value_deserializer:
            return super()._consumer_record(tp, record)
        topic, partition = tp
        return Record(
            topic,
            partition,
            record.offset,
            record.timestamp,
            record.key,
            record.value,
            record.headers,
        )
