"""Records that are older than they may be: found by timestamp, and deleted up to there.

Kafka deletes a partition's beginning, never single records; what of it lies in a segment that is
still written to is unreadable at once and leaves the disk with that segment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete

from streams.kafka.connection import let_go
from streams.kafka.topic_reading import TopicMissing


async def older_than(
    options: Mapping[str, Any], topic: str, before_ms: int
) -> dict[int, tuple[int, int]]:
    """By partition its beginning and up to where its records are older than `before_ms`.

    Raises TopicMissing, KafkaError.
    """
    consumer = AIOKafkaConsumer(**options)
    await consumer.start()
    try:
        if topic not in await consumer.topics():
            raise TopicMissing(f"there is no topic {topic}; check --broker and --prefix")
        places = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic) or ()]
        starts = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        found = await consumer.offsets_for_times(dict.fromkeys(places, before_ms))
        upto = {
            place: ends[place] if (at := found.get(place)) is None else at.offset
            for place in places
        }
        return {
            place.partition: (starts[place], upto[place])
            for place in places
            if upto[place] > starts[place]
        }
    finally:
        await let_go(consumer.stop())


async def delete_before(options: Mapping[str, Any], topic: str, offsets: Mapping[int, int]) -> None:
    """Delete each partition's records before an offset. Raises KafkaError."""
    admin = AIOKafkaAdminClient(**options)
    await admin.start()
    try:
        await admin.delete_records(
            {
                TopicPartition(topic, number): RecordsToDelete(before_offset=offset)
                for number, offset in offsets.items()
            }
        )
    finally:
        await admin.close()


async def kept_ms(options: Mapping[str, Any], topic: str) -> int | None:
    """The topic's retention.ms; None where it keeps everything, or we may not ask."""
    admin = AIOKafkaAdminClient(**options)
    await admin.start()
    try:
        answers = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic, ["retention.ms"])]
        )
        for answer in answers:
            for error, _, _, _, entries in answer.resources:
                for entry in entries if not error else ():
                    if entry[0] == "retention.ms" and int(entry[1]) >= 0:
                        return int(entry[1])
        return None
    finally:
        await admin.close()
