"""A dead letter is the record as it came, timestamp included, with the last failure's headers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from streams.domain.wire import Rejection
from streams.kafka.dead_letters import put_dead_letter
from streams.kafka.outbox import MAX_BATCH_BYTES, Outbox

TOPIC = "dead-letters"
CREATED_MS = 1_780_308_000_123
ERROR = Rejection("schema_violation", "$.data.channel: Invalid enum value")
ERROR_HEADERS = [
    ("baton.error.code", b"schema_violation"),
    ("baton.error.message", b"$.data.channel: Invalid enum value"),
    ("baton.error.stage", b"lifecycle"),
    ("baton.error.origin.topic", b"interaction-events"),
    ("baton.error.origin.partition", b"3"),
    ("baton.error.origin.offset", b"18231"),
]


@dataclass
class FakeRecord:
    """What put_dead_letter reads of an aiokafka ConsumerRecord."""

    topic: str = "interaction-events"
    partition: int = 3
    offset: int = 18_231
    timestamp: int | None = CREATED_MS
    key: bytes | None = b"c-1"
    value: bytes | None = b"{"
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass
class FakeProducer:
    """Builds real record batches and keeps their bytes instead of sending them."""

    batches: list[tuple[str, int, bytes]] = field(default_factory=list)

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(MAX_BATCH_BYTES, 0)

    async def send_batch(
        self, builder: BatchBuilder, topic: str, *, partition: int
    ) -> asyncio.Future[Any]:
        self.batches.append((topic, partition, bytes(builder._build())))
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future


def written(*puts: dict[str, Any], records: Sequence[FakeRecord] = ()) -> list[Any]:
    """The records, as a consumer would read them, of one flush to one partition."""
    producer = FakeProducer()
    outbox = Outbox(producer)
    for put in puts:
        outbox.put(TOPIC, 3, **put)
    for record in records:
        put_dead_letter(outbox, TOPIC, "lifecycle", record, ERROR)
    asyncio.run(outbox.flush())
    assert [place[:2] for place in producer.batches] == [(TOPIC, 3)]
    memory = MemoryRecords(producer.batches[0][2])
    read = []
    while (batch := memory.next_batch()) is not None:
        read += list(batch)
    return read


def test_the_record_s_bytes_and_timestamp_stay_and_the_error_follows_its_headers() -> None:
    record = FakeRecord(headers=[("trace", b"1"), ("trace", b"2")])
    (letter,) = written(records=[record])
    assert (letter.key, letter.value, letter.timestamp) == (b"c-1", b"{", CREATED_MS)
    assert list(letter.headers) == [("trace", b"1"), ("trace", b"2"), *ERROR_HEADERS]


def test_a_record_without_key_value_and_headers_is_kept_as_that() -> None:
    (letter,) = written(records=[FakeRecord(key=None, value=None)])
    assert (letter.key, letter.value) == (None, None)
    assert list(letter.headers) == ERROR_HEADERS


def test_timestamps_of_one_batch_need_be_in_no_order() -> None:
    times = [CREATED_MS, CREATED_MS - 86_400_000, 0, CREATED_MS + 1]
    letters = written(records=[FakeRecord(timestamp=ms) for ms in times])
    assert [letter.timestamp for letter in letters] == times


@pytest.mark.parametrize("missing", [None, -1])
def test_a_record_that_has_no_timestamp_gets_the_time_of_writing(
    missing: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    puts: list[int | None] = []
    outbox = Outbox(FakeProducer())
    monkeypatch.setattr(outbox, "put", lambda *_, timestamp_ms: puts.append(timestamp_ms))
    put_dead_letter(outbox, TOPIC, "lifecycle", FakeRecord(timestamp=missing), ERROR)
    assert puts == [None]


def test_a_dead_letter_that_fails_again_has_the_headers_of_the_last_failure_alone() -> None:
    earlier = [
        ("baton.error.code", b"future_time"),
        ("trace", b"1"),
        ("baton.error.message", b"more than 300000 ms ahead"),
        ("baton.error.stage", b"lifecycle"),
        ("baton.error.origin.topic", b"interaction-events"),
        ("baton.error.origin.partition", b"1"),
        ("baton.error.origin.offset", b"7"),
        ("baton.error.of-an-older-release", b"x"),
        ("baton.errors", b"the producer's own"),
    ]
    (letter,) = written(records=[FakeRecord(headers=earlier)])
    assert list(letter.headers) == [
        ("trace", b"1"),
        ("baton.errors", b"the producer's own"),
        *ERROR_HEADERS,
    ]
    (again,) = written(records=[FakeRecord(headers=letter.headers)])
    assert again.headers == letter.headers


def test_the_outbox_writes_the_timestamp_it_is_given_in_ms_and_else_its_own() -> None:
    before = int(time.time() * 1000)
    given, own = written(
        {"key": b"k", "value": b"v", "timestamp_ms": CREATED_MS}, {"key": b"k", "value": b"v"}
    )
    assert given.timestamp == CREATED_MS
    assert before <= own.timestamp <= time.time() * 1000
