"""Dead letters: the record as it came, what is wrong and its origin in `baton.error.*` headers.

Names follow Kafka Connect's dead-letter headers under our own prefix; no payload stands in them.
"""

from __future__ import annotations

from typing import Any

from streams.domain.wire import Rejection
from streams.kafka.outbox import Headers, Outbox

_PREFIX = "baton.error."


def put_dead_letter(outbox: Outbox, topic: str, stage: str, record: Any, error: Rejection) -> None:
    """Add `record` (an aiokafka ConsumerRecord) to the outbox for `topic`, on its own partition.

    Key, value, timestamp and headers stay as they came (DESIGN.md section 6). Only `baton.error.*`
    headers of an earlier failure, which a replayed dead letter brings along, are replaced.
    """
    headers: Headers = [
        *(header for header in record.headers if not header[0].startswith(_PREFIX)),
        ("baton.error.code", error.code.encode()),
        ("baton.error.message", error.message.encode()),
        ("baton.error.stage", stage.encode()),
        ("baton.error.origin.topic", record.topic.encode()),
        ("baton.error.origin.partition", str(record.partition).encode()),
        ("baton.error.origin.offset", str(record.offset).encode()),
    ]
    outbox.put(
        topic,
        record.partition,
        record.key,
        record.value,
        headers,
        timestamp_ms=_timestamp_ms(record),
    )


def _timestamp_ms(record: Any) -> int | None:
    # Kafka writes -1, and aiokafka None, for a record that has no timestamp.
    timestamp: int | None = record.timestamp
    return None if timestamp is None or timestamp < 0 else timestamp
