"""A topic read once from its beginning to what its end was at the start, outside of any group."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streams.kafka.connection import let_go
from streams.kafka.header_names import read_any_header_name

# The embedded broker may tell less than the end: what is written is read until nothing comes.
_LAST_LOOK_MS = 1_000
_QUIET_MS = 10_000


class TopicMissing(LookupError):
    """There is no such topic; the message names it."""


async def partitions_in(options: Mapping[str, Any], topic: str) -> int:
    """How many partitions a topic has. Raises TopicMissing, KafkaError.

    `options` are connection.client_options'.
    """
    # Not by a consumer: aiokafka's lists topics from an answer that it does not keep, and then
    # knows no partition of one that it has not subscribed to.
    admin = AIOKafkaAdminClient(**options)
    await admin.start()
    try:
        if topic not in await admin.list_topics():
            raise TopicMissing(f"there is no topic {topic}; check --broker and --prefix")
        (described,) = await admin.describe_topics([topic])
        return len(described["partitions"])
    finally:
        await admin.close()


async def read_topic(
    options: Mapping[str, Any],
    topic: str,
    partitions: Collection[int],
    visit: Callable[[Any], None],
) -> None:
    """Show each committed record (an aiokafka ConsumerRecord) to `visit`, a partition's in order.

    What is written while it reads is read as far as it is there at the end. Memory for one fetch.
    Raises KafkaError.
    """
    read_any_header_name()
    consumer = AIOKafkaConsumer(
        **options,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        assigned = [TopicPartition(topic, number) for number in sorted(partitions)]
        consumer.assign(assigned)
        ends = await consumer.end_offsets(assigned)
        begun_ms = time.time() * 1000
        last = time.monotonic()
        while True:
            reached = all([await consumer.position(tp) >= ends[tp] for tp in assigned])
            batches = await consumer.getmany(timeout_ms=_LAST_LOOK_MS)
            for records in batches.values():
                for record in records:
                    visit(record)
            if batches:
                last = time.monotonic()
            if reached and not _older(batches, begun_ms):
                return
            if not batches and (time.monotonic() - last) * 1000 > _QUIET_MS:
                return  # an end that a transaction's marker or a broker's error stands for
    finally:
        await let_go(consumer.stop())


def _older(batches: Mapping[Any, Any], begun_ms: float) -> bool:
    """Whether anything came that had been written before we began."""
    return any(record.timestamp < begun_ms for records in batches.values() for record in records)
