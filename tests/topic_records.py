"""What a topic holds, up to the ends that fetches name: tansu's ListOffsets is short."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

_POLL_S = 0.05


async def read_topic(
    broker: str, topic: str, partitions: int, *, committed: bool = False
) -> list[ConsumerRecord[bytes, bytes]]:
    """All records of a topic, by partition and offset; with `committed` as transactions left it."""
    places = [TopicPartition(topic, partition) for partition in range(partitions)]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker,
        max_partition_fetch_bytes=8 * 1024 * 1024,
        isolation_level="read_committed" if committed else "read_uncommitted",
    )
    await consumer.start()
    found: dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]] = {tp: [] for tp in places}
    try:
        consumer.assign(places)
        for place in places:
            consumer.seek(place, 0)
        async with asyncio.timeout(60):
            while not await _all_read(consumer, places):
                for place, records in (await consumer.getmany(timeout_ms=100)).items():
                    found[place] += records
    finally:
        await consumer.stop()
    return [record for place in places for record in found[place]]


async def end_offsets(broker: str, topic: str, partitions: int) -> dict[int, int]:
    """The offset after the last record of each partition."""
    places = [TopicPartition(topic, partition) for partition in range(partitions)]
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, fetch_max_wait_ms=100)
    await consumer.start()
    try:
        consumer.assign(places)
        for place in places:
            consumer.seek(place, 0)
        async with asyncio.timeout(30):
            while None in (ends := {tp: consumer.highwater(tp) for tp in places}).values():
                await asyncio.sleep(_POLL_S)
    finally:
        await consumer.stop()
    return {tp.partition: end for tp, end in ends.items()}


async def _all_read(consumer: AIOKafkaConsumer, places: Iterable[TopicPartition]) -> bool:
    for place in places:
        end = consumer.highwater(place)
        if end is None or await consumer.position(place) < end:
            return False
    return True


def headers_of(record: ConsumerRecord[bytes, bytes]) -> Mapping[str, str]:
    """A record's headers as text; of one name the last."""
    return {name: value.decode() for name, value in record.headers}
