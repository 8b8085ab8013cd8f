"""A recorded log onto the topic: keyed, with ticks that carry the data's own time."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer

from streams.domain.facts import rfc3339
from streams.domain.ticks import DEFAULT_SETTLE_MS, DEFAULT_TICK_INTERVAL_MS, interleave_ticks
from streams.event_log import address, arrival_ms, asks_to_erase
from streams.kafka.outbox import MAX_REQUEST_BYTES, MAX_WHOLE_BYTES, Outbox, partition_of

CHUNK = 4000


@dataclass(frozen=True, slots=True)
class Disturbance:
    """How a replay may differ from the log: delays up to `shuffle_ms`, `duplicate_ppm` written
    twice.
    """

    shuffle_ms: int = 0
    duplicate_ppm: int = 0
    seed: int = 1


@dataclass(slots=True)
class Progress:
    """What a replay has written so far; `time_ms` is the last tick."""

    records: int = 0
    ticks: int = 0
    time_ms: int | None = None


def timed(records: Iterable[bytes]) -> Iterator[tuple[bytes, int | None]]:
    """Records with their arrival times (ms)."""
    for raw in records:
        yield raw, arrival_ms(raw)


def disturbed(
    records: Iterable[tuple[bytes, int | None]], how: Disturbance
) -> Iterator[tuple[bytes, int | None]]:
    """The log as another network might have delivered it; the same for the same seed."""
    if not how.shuffle_ms and not how.duplicate_ppm:
        yield from records
        return
    chance = random.Random(how.seed)
    arrivals: list[tuple[int, int, bytes, int | None]] = []
    last = 0
    for raw, arrival in records:
        last = arrival if arrival is not None else last
        copies = 2 if chance.randrange(1_000_000) < how.duplicate_ppm else 1
        for _ in range(copies):
            delayed = last + chance.randint(0, how.shuffle_ms)
            arrivals.append((delayed, len(arrivals), raw, arrival))
    arrivals.sort()
    for delayed, _, raw, arrival in arrivals:
        yield raw, None if arrival is None else delayed


def ticked(
    records: Iterable[tuple[bytes, int | None]],
    *,
    interval_ms: int = DEFAULT_TICK_INTERVAL_MS,
    settle_ms: int = DEFAULT_SETTLE_MS,
) -> Iterator[bytes | int]:
    """The log as the topic will hold it: records, and ticks (ms) between them."""
    return interleave_ticks(records, interval_ms=interval_ms, settle_ms=settle_ms)


def tick_record(time_ms: int, source: str = "/baton/replay") -> bytes:
    """A tick as a structured CloudEvent."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": f"tick-{time_ms}",
            "source": source,
            "type": "baton.tick",
            "time": rfc3339(time_ms),
        }
    )


class Replayer:
    """Writes a log to `topic`. `speed` is data seconds a second, None for as fast as it goes.

    `security` is connection.security_options'; without it the brokers are told in plain text.
    """

    def __init__(
        self,
        broker: str,
        topic: str,
        partitions: int,
        *,
        speed: float | None = None,
        idempotence: bool = True,
        security: Mapping[str, Any] | None = None,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self._broker = broker
        self._security = security or {}
        self._idempotence = idempotence
        self._topic = topic
        self._partitions = partitions
        self._speed = speed
        self._on_progress = on_progress
        self._started: tuple[float, int] | None = None

    async def run(self, log: Iterable[bytes | int]) -> Progress:
        """Write everything. Raises OutboxError or KafkaError where the broker does not take it."""
        progress = Progress()
        producer = AIOKafkaProducer(
            bootstrap_servers=self._broker,
            **self._security,
            acks="all",
            enable_idempotence=self._idempotence,
            max_batch_size=MAX_WHOLE_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
        )
        await producer.start()
        try:
            outbox = Outbox(producer)
            pending = 0
            for item in log:
                if isinstance(item, int):
                    self._put_tick(outbox, item)
                    progress.ticks += 1
                    progress.time_ms = item
                    if self._speed is not None:
                        await outbox.flush()
                        pending = 0
                        self._on_progress(progress)
                        await self._pace(item)
                else:
                    self._put_event(outbox, item, progress.records)
                    progress.records += 1
                    pending += 1
                    if pending >= CHUNK:
                        await outbox.flush()
                        pending = 0
                        self._on_progress(progress)
            await outbox.flush()
            self._on_progress(progress)
        finally:
            await producer.stop()
        return progress

    def _put_event(self, outbox: Outbox, raw: bytes, index: int) -> None:
        conversation = address(raw).conversation
        if conversation is None and asks_to_erase(raw):
            for partition in range(self._partitions):
                outbox.put(self._topic, partition, None, raw)
            return
        key = None if conversation is None else conversation.encode()
        count = self._partitions
        partition = index % count if key is None else partition_of(key, count)
        outbox.put(self._topic, partition, key, raw)

    def _put_tick(self, outbox: Outbox, time_ms: int) -> None:
        raw = tick_record(time_ms)
        for partition in range(self._partitions):
            outbox.put(self._topic, partition, None, raw)

    async def _pace(self, tick_ms: int) -> None:
        assert self._speed is not None
        if self._started is None:
            self._started = (time.monotonic(), tick_ms)
            return
        started, first = self._started
        due = started + (tick_ms - first) / 1000 / self._speed
        await asyncio.sleep(max(0.0, due - time.monotonic()))
