"""The floor: read every record with aiokafka and parse it, nothing else. And the floor with a
changelog: one record for each key that a batch touches, acknowledged before the next batch.
"""

from __future__ import annotations

import contextlib

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from streams.kafka.outbox import MAX_REQUEST_BYTES, MAX_WHOLE_BYTES, Headers, Outbox
from tests.bench.contestant import Stopwatch, Task, task_from_arguments

CHANGELOG = "bench-floor-changelog"
_BATCH_RECORDS = 5_000
_NO_HEADERS: Headers = []


async def read(task: Task) -> None:
    """Read the task's records with Baton's own fetch sizes; send a changelog where it has one."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=task.broker,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=MAX_REQUEST_BYTES,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=task.broker,
        acks="all",
        enable_idempotence=task.idempotence,
        max_batch_size=MAX_WHOLE_BYTES,
        max_request_size=MAX_REQUEST_BYTES,
    )
    await consumer.start()
    await producer.start()
    try:
        changelog = Outbox(producer) if task.changelog else None
        watch = Stopwatch()
        consumer.assign([TopicPartition(task.topic, number) for number in range(task.partitions)])
        seen = 0
        while seen < task.records:
            batches = await consumer.getmany(timeout_ms=1000, max_records=_BATCH_RECORDS)
            for place, records in batches.items():
                seen += len(records)
                for record in records:
                    # The log holds a few records that are no JSON.
                    with contextlib.suppress(orjson.JSONDecodeError):
                        orjson.loads(record.value)
                if changelog is not None:
                    _put(changelog, place.partition, records)
            if changelog is not None:
                await changelog.flush()
        watch.stop(task)
    finally:
        await producer.stop()
        await consumer.stop()


def _put(changelog: Outbox, partition: int, records: list[ConsumerRecord[bytes, bytes]]) -> None:
    # What was said last of each key stands for its state: it is about as long.
    touched = {record.key: record.value for record in records if record.key is not None}
    for key, value in touched.items():
        changelog.put(CHANGELOG, partition, key, value, _NO_HEADERS)


if __name__ == "__main__":
    uvloop.run(read(task_from_arguments()))
