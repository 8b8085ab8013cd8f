"""The floor: read every record with aiokafka and parse it, nothing else."""

from __future__ import annotations

import contextlib

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.kafka.outbox import MAX_REQUEST_BYTES
from tests.bench.contestant import Stopwatch, Task, task_from_arguments


async def read(task: Task) -> None:
    """Read the task's records with Baton's own fetch sizes."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=task.broker,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=MAX_REQUEST_BYTES,
    )
    await consumer.start()
    try:
        watch = Stopwatch()
        consumer.assign([TopicPartition(task.topic, number) for number in range(task.partitions)])
        seen = 0
        while seen < task.records:
            for records in (await consumer.getmany(timeout_ms=1000, max_records=5000)).values():
                seen += len(records)
                for record in records:
                    # The log holds a few records that are no JSON.
                    with contextlib.suppress(orjson.JSONDecodeError):
                        orjson.loads(record.value)
        watch.stop(task)
    finally:
        await consumer.stop()


if __name__ == "__main__":
    uvloop.run(read(task_from_arguments()))
