"""Topics read on from where a group has committed, with commits when the reader says so.

For a reader that brings records somewhere else: what it has not committed it gets again. Partitions
are assigned, not shared out: two readers of one group at once both read everything.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.kafka.connection import client_options, let_go
from streams.kafka.header_names import read_any_header_name
from streams.kafka.whole_topic import partitions_of
from streams.settings import Settings

_POLL_MS = 500


class CommittedTopics:
    """Used as `async with`, which raises NoTopic and KafkaError where the topics cannot be read.

    A group that has never committed begins with the first record.
    """

    def __init__(
        self, settings: Settings, topics: Sequence[str], group: str, *, most_at_once: int
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._group = group
        self._most_at_once = most_at_once
        self._consumer: AIOKafkaConsumer | None = None
        self._places: list[TopicPartition] = []

    async def __aenter__(self) -> CommittedTopics:
        read_any_header_name()
        self._places = [
            TopicPartition(topic, number)
            for topic in self._topics
            for number in await partitions_of(self._settings, topic)
        ]
        self._consumer = AIOKafkaConsumer(
            **client_options(self._settings),
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        try:
            await self._consumer.start()
        except BaseException:
            await let_go(self._consumer.stop())
            raise
        self._consumer.assign(self._places)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._consumer is not None:
            await let_go(self._consumer.stop())

    async def batches(self, *, follow: bool) -> AsyncIterator[tuple[TopicPartition, list[Any]]]:
        """Records of one partition at a time, in order; up to what is there, or with `follow` for
        ever. Raises KafkaError.

        The end of a partition is that which a fetch names, as in whole_topic.
        """
        consumer = self._running()
        left = set(self._places)
        while left:
            found = await consumer.getmany(
                *left, timeout_ms=_POLL_MS, max_records=self._most_at_once
            )
            for place, records in found.items():
                yield place, records
            for place in () if follow else tuple(left):
                end = consumer.last_stable_offset(place)
                if end is not None and await consumer.position(place) >= end:
                    left.discard(place)

    async def commit(self, place: TopicPartition, offset: int) -> None:
        """Let the group go on at this offset the next time. Raises KafkaError."""
        await self._running().commit({place: offset})

    def _running(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("CommittedTopics is used as `async with`")
        return self._consumer
