"""A topic read once from its beginning to its end, and records written to one: no group, no state.

For commands that look back over a topic, as an auditor does; workers read in batches (batches.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import ConsumerRecord

from streams.kafka.connection import client_options, let_go
from streams.kafka.outbox import MAX_REQUEST_BYTES
from streams.settings import Settings

_POLL_MS = 500
_FETCH_BYTES = 8 * 1024 * 1024


class NoTopic(RuntimeError):
    """The topic is not there; the message names it."""


async def read_whole(settings: Settings, topic: str) -> dict[int, list[ConsumerRecord]]:
    """All records of a topic that are committed, by partition, in order. As visit_whole."""
    found: dict[int, list[ConsumerRecord]] = defaultdict(list)
    numbers = await visit_whole(settings, topic, lambda one: found[one.partition].append(one))
    return {number: found[number] for number in numbers}


async def visit_whole(
    settings: Settings, topic: str, visit: Callable[[ConsumerRecord], None]
) -> list[int]:
    """Show each committed record of a topic to `visit`, a partition's in order; its partitions.

    The end of a partition is that which a fetch names: the last stable offset, so that nobody's
    open transaction is waited for. Memory for one fetch. Raises NoTopic, ConnectionFailed and
    KafkaError.
    """
    places = [TopicPartition(topic, number) for number in await partitions_of(settings, topic)]
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
        consumer.assign(places)
        left = set(places)
        while left:
            for records in (await consumer.getmany(*left, timeout_ms=_POLL_MS)).values():
                for record in records:
                    visit(record)
            for place in tuple(left):
                end = consumer.last_stable_offset(place)
                if end is not None and await consumer.position(place) >= end:
                    left.discard(place)
        return [place.partition for place in places]
    finally:
        await let_go(consumer.stop())


async def write_all(settings: Settings, topic: str, records: Iterable[tuple[bytes, bytes]]) -> int:
    """Write (key, value) records and return how many were acknowledged by all replicas.

    At least once: whoever reads must know a repetition by its id. Raises NoTopic, ConnectionFailed
    and KafkaError.
    """
    await partitions_of(settings, topic)
    producer = AIOKafkaProducer(
        **client_options(settings),
        acks="all",
        enable_idempotence=settings.idempotence,
        max_request_size=MAX_REQUEST_BYTES,
    )
    await producer.start()
    try:
        sent = [await producer.send(topic, value=value, key=key) for key, value in records]
        for one in sent:
            await one
        return len(sent)
    finally:
        await let_go(producer.stop())


async def partitions_of(settings: Settings, topic: str) -> list[int]:
    """The topic's partitions, without asking for a topic that is not there: brokers may make it.

    Raises NoTopic, ConnectionFailed and KafkaError.
    """
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    try:
        if topic in await admin.list_topics():
            (described,) = await admin.describe_topics([topic])
            return sorted(part["partition"] for part in described["partitions"])
    finally:
        await admin.close()
    raise NoTopic(
        f"{settings.broker} has no topic {topic}, or none that we may see: check --prefix, or let"
        " the operator run `baton topics --create`"
    )
