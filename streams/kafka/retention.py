"""Records that are older than they may be: found by timestamp, and deleted up to there.

Kafka deletes a partition's beginning, never single records; what of it lies in a segment that is
still written to is unreadable at once and leaves the disk with that segment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.errors import KafkaError

from streams.kafka.connection import client_options, let_go
from streams.kafka.whole_topic import partitions_of
from streams.settings import Settings

_CLEANER_MS = 6 * 60_000


async def older_than(settings: Settings, topic: str, before_ms: int) -> dict[int, tuple[int, int]]:
    """By partition its beginning and up to where its records are older than `before_ms`.

    Raises NoTopic, KafkaError.
    """
    places = [TopicPartition(topic, number) for number in await partitions_of(settings, topic)]
    consumer = AIOKafkaConsumer(**client_options(settings))
    await consumer.start()
    try:
        consumer.assign(places)
        starts = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        found = await consumer.offsets_for_times(dict.fromkeys(places, before_ms))
        # Where all is older, it says None or an offset below 0.
        upto = {
            place: ends[place] if (at := found.get(place)) is None or at.offset < 0 else at.offset
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
    """The topic's retention.ms, -1 for ever; None where we may not ask or get no answer."""
    times = await times_of(options, topic)
    return None if times is None else times.retention_ms


class TopicTimes(NamedTuple):
    """A topic's retention.ms, -1 for ever, and segment.ms."""

    retention_ms: int
    segment_ms: int

    def gone_by(self, written_ms: int) -> int | None:
        """By when a record that was written then has left the topic (ms); None for never.

        It leaves with its segment, which may be written to for segment.ms after it; Kafka looks
        every five minutes (log.retention.check.interval.ms) and deletes a minute later.
        """
        if self.retention_ms < 0:
            return None
        return written_ms + self.segment_ms + self.retention_ms + _CLEANER_MS


async def times_of(options: Mapping[str, Any], topic: str) -> TopicTimes | None:
    """How long a topic keeps its records; None where we may not ask or get no answer."""
    admin = AIOKafkaAdminClient(**options)
    await admin.start()
    wanted = dict.fromkeys(("retention.ms", "segment.ms"))
    try:
        answers = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic, wanted)]
        )
        found = {
            entry[0]: int(entry[1])
            for answer in answers
            for error, _, _, _, entries in answer.resources
            for entry in (() if error else entries)
            if entry[0] in wanted
        }
        if found.keys() < wanted.keys():
            return None
        return TopicTimes(found["retention.ms"], found["segment.ms"])
    except KafkaError:  # the embedded broker hangs up
        return None
    finally:
        await admin.close()
