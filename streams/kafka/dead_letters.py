"""Dead letters: the record as it came, its origin and what is wrong in `baton.error.*` headers.

Names follow Kafka Connect's dead-letter headers under our own prefix; no payload stands in them.
"""

from __future__ import annotations

from typing import Any

from streams.domain.wire import Rejection
from streams.kafka.outbox import Headers, Outbox


def put_dead_letter(outbox: Outbox, topic: str, stage: str, record: Any, error: Rejection) -> None:
    """Add `record` (an aiokafka ConsumerRecord) to the outbox for `topic`, on its own partition."""
    headers: Headers = [
        *record.headers,
        ("baton.error.code", error.code.encode()),
        ("baton.error.message", error.message.encode()),
        ("baton.error.stage", stage.encode()),
        ("baton.error.origin.topic", record.topic.encode()),
        ("baton.error.origin.partition", str(record.partition).encode()),
        ("baton.error.origin.offset", str(record.offset).encode()),
    ]
    outbox.put(topic, record.partition, record.key, record.value, headers)
