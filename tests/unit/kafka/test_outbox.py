"""What a batch sends: where a key goes, in what order, and what a failure leaves behind."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from streams.kafka.outbox import (
    MAX_BATCH_BYTES,
    MAX_WHOLE_BYTES,
    Outbox,
    OutboxError,
    Written,
    partition_of,
)


@dataclass
class KeptProducer:
    """Keeps what is sent, a list of (topic, partition, keys) a record batch; may refuse."""

    refuses: bool = False
    batches: list[tuple[str, int, list[bytes]]] = field(default_factory=list)

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(MAX_WHOLE_BYTES, 0)

    async def send_batch(
        self, builder: BatchBuilder, topic: str, *, partition: int
    ) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.refuses:
            future.set_exception(KafkaError("no"))
            return future
        memory, keys = MemoryRecords(bytes(builder._build())), []
        while (batch := memory.next_batch()) is not None:
            keys += [record.key for record in batch]
        self.batches.append((topic, partition, keys))
        future.set_result(SimpleNamespace(offset=100))
        return future


# Hashes of Kafka's own UtilsTest.testMurmur2 (Apache Kafka, clients), signed 32-bit.
@pytest.mark.parametrize(
    ("key", "murmur2"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
@pytest.mark.parametrize("partitions", [1, 4, 7, 1_000])
def test_a_key_goes_where_kafkas_default_partitioner_sends_it(
    key: bytes, murmur2: int, partitions: int
) -> None:
    assert partition_of(key, partitions) == (murmur2 & 0x7FFFFFFF) % partitions


def test_nothing_is_sent_before_the_flush() -> None:
    producer = KeptProducer()
    outbox = Outbox(producer)
    outbox.put("facts", 0, b"k", b"v")
    assert producer.batches == []
    asyncio.run(outbox.flush())
    asyncio.run(outbox.flush())
    assert producer.batches == [("facts", 0, [b"k"])]


def test_records_of_a_partition_keep_their_order_and_fill_batches() -> None:
    producer = KeptProducer()
    outbox = Outbox(producer)
    keys = [b"%d" % n for n in range(7)]
    for key in keys:
        outbox.put("facts", 1, key, bytes(MAX_BATCH_BYTES // 3))
        outbox.put("other", 0, key, b"small")
    asyncio.run(outbox.flush())
    facts = [sent for topic, _, sent in producer.batches if topic == "facts"]
    assert len(facts) > 1
    assert [key for sent in facts for key in sent] == keys
    assert [sent for topic, _, sent in producer.batches if topic == "other"] == [keys]


def test_what_was_acknowledged_is_counted_by_topic() -> None:
    outbox = Outbox(KeptProducer())
    for partition in (0, 1):
        outbox.put("facts", partition, None, b"v")
    asyncio.run(outbox.flush())
    assert dict(outbox.written) == {"facts": 2}


def test_a_refusal_names_the_places_and_leaves_nothing_to_send_twice() -> None:
    producer = KeptProducer(refuses=True)
    outbox = Outbox(producer)
    outbox.put("facts", 2, None, b"v")
    outbox.put("deltas", 0, None, b"v")
    with pytest.raises(OutboxError, match="could not write to deltas/0, facts/2"):
        asyncio.run(outbox.flush())
    producer.refuses = False
    asyncio.run(outbox.flush())
    assert (producer.batches, dict(outbox.written)) == ([], {})


def test_a_record_larger_than_a_batch_goes_alone() -> None:
    producer = KeptProducer()
    outbox = Outbox(producer)
    for key, size in ((b"a", 1), (b"b", MAX_BATCH_BYTES + 1), (b"c", 1)):
        outbox.put("facts", 0, key, bytes(size))
    asyncio.run(outbox.flush())
    assert [keys for _, _, keys in producer.batches] == [[b"a"], [b"b"], [b"c"]]


def test_a_batchs_table_changes_go_as_one_batch() -> None:
    producer = KeptProducer()
    outbox = Outbox(producer)
    for key in (b"a", b"b", b"c"):
        outbox.put_state("changelog", 0, key, bytes(MAX_BATCH_BYTES - 1), [])
    assert asyncio.run(outbox.flush()) == {("changelog", 0): Written(100, 102)}
    assert [keys for _, _, keys in producer.batches] == [[b"a", b"b", b"c"]]


def test_table_changes_follow_the_outputs_that_came_of_them() -> None:
    producer = KeptProducer()
    outbox = Outbox(producer)
    outbox.put_state("changelog", 0, b"state", b"v", [])
    outbox.put("facts", 0, b"fact", b"v")
    asyncio.run(outbox.flush())
    assert [topic for topic, _, _ in producer.batches] == ["facts", "changelog"]
