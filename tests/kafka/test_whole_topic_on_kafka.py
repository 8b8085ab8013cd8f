"""A topic is read to its end on real Kafka, whatever transactions did in it."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaProducer

from streams.kafka.admin import ensure_topics
from streams.kafka.topics import TopicSpec
from streams.kafka.whole_topic import read_whole, write_all
from streams.settings import Settings
from tests.kafka.apache import ApacheKafka


def test_what_is_committed_is_read_and_an_open_transaction_is_not_waited_for(
    kafka: ApacheKafka,
) -> None:
    topic = "read-whole"
    settings = Settings(broker=kafka.bootstrap)

    async def act() -> dict[int, list[bytes | None]]:
        await ensure_topics(kafka.bootstrap, [TopicSpec(topic, 3, {})], 1)
        assert await write_all(settings, topic, [(b"k", b"%d" % n) for n in range(50)]) == 50
        producer = AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap, transactional_id="read-whole"
        )
        await producer.start()
        try:
            for partition, ending in ((0, "commit"), (1, "abort"), (2, "open")):
                await producer.begin_transaction()
                await producer.send_and_wait(topic, ending.encode(), partition=partition)
                if ending == "open":
                    async with asyncio.timeout(20):
                        found = await read_whole(settings, topic)
                    break
                await getattr(producer, f"{ending}_transaction")()
            await producer.abort_transaction()
        finally:
            await producer.stop()
        return {number: [one.value for one in records] for number, records in found.items()}

    read = asyncio.run(act())
    assert sorted(read) == [0, 1, 2]
    values = [value for records in read.values() for value in records]
    assert sorted(values) == sorted([b"commit", *(b"%d" % n for n in range(50))])
    (keyed,) = (records for records in read.values() if b"7" in records)
    assert [one for one in keyed if one != b"commit"] == [b"%d" % n for n in range(50)]


def test_an_empty_topic_has_nothing_and_an_end(kafka: ApacheKafka) -> None:
    async def act() -> dict[int, list[object]]:
        await ensure_topics(kafka.bootstrap, [TopicSpec("read-empty", 2, {})], 1)
        async with asyncio.timeout(20):
            return dict(await read_whole(Settings(broker=kafka.bootstrap), "read-empty"))

    assert asyncio.run(act()) == {0: [], 1: []}
