"""A topic read once from its beginning to its end, and records written to one: no group, no state.

For commands that look back over a topic, as an auditor does; workers read in batches (batches.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import ConsumerRecord

from streams.kafka.connection import client_options, let_go
from streams.kafka.outbox import MAX_REQUEST_BYTES
from streams.settings import Settings

_POLL_MS = 500
_FETCH_BYTES = 8 * 1024 * 1024


class NoTopic(RuntimeError):
    """The topic is not there; the message names it."""


async def read_whole(settings: Settings, topic: str) -> dict[int, list[ConsumerRecord]]:
    """All records of a topic that are committed, by partition, in order.

    The end of a partition is that which a fetch names once its records have been taken. Raises
    NoTopic, ConnectionFailed and KafkaError.
    """
    consumer = AIOKafkaConsumer(
        **client_options(settings),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        fetch_max_wait_ms=_POLL_MS,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    await consumer.start()
    try:
        # Asked of the broker: what the client has heard of is only what it was told to follow.
        if topic not in await consumer.topics():
            raise _no_topic(settings, topic)
        numbers = sorted(consumer.partitions_for_topic(topic) or ())
        places = [TopicPartition(topic, number) for number in numbers]
        consumer.assign(places)
        found: dict[int, list[ConsumerRecord]] = {number: [] for number in numbers}
        left = set(places)
        while left:
            for place, records in (await consumer.getmany(*left, timeout_ms=_POLL_MS)).items():
                found[place.partition] += records
            for place in tuple(left):
                end = consumer.highwater(place)
                if end is not None and await consumer.position(place) >= end:
                    left.discard(place)
        return found
    finally:
        await let_go(consumer.stop())


async def write_all(settings: Settings, topic: str, records: Iterable[tuple[bytes, bytes]]) -> int:
    """Write (key, value) records and return how many were acknowledged by all replicas.

    At least once: whoever reads must know a repetition by its id. Raises NoTopic, ConnectionFailed
    and KafkaError.
    """
    producer = AIOKafkaProducer(
        **client_options(settings),
        acks="all",
        enable_idempotence=settings.idempotence,
        max_request_size=MAX_REQUEST_BYTES,
    )
    await producer.start()
    try:
        if topic not in (await producer.client.fetch_all_metadata()).topics():
            raise _no_topic(settings, topic)
        sent = [await producer.send(topic, value=value, key=key) for key, value in records]
        for one in sent:
            await one
        return len(sent)
    finally:
        await let_go(producer.stop())


def _no_topic(settings: Settings, topic: str) -> NoTopic:
    return NoTopic(
        f"{settings.broker} has no topic {topic}, or none that we may see: check --prefix, or let"
        " the operator run `baton topics --create`"
    )
