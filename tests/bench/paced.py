"""Writes recorded events at a steady rate, as if they happened now: `python -m tests.bench.paced`.

An event's time and arrival are set to when it is due, so that a backlog shows as latency and is not
hidden by a producer that waits; the delay between the two stays what it was in the log.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import datetime
from pathlib import Path

import msgspec
import uvloop
from aiokafka import AIOKafkaProducer

from streams.domain.events import epoch_ms
from streams.domain.facts import rfc3339
from streams.event_log import address
from streams.kafka.outbox import MAX_REQUEST_BYTES, MAX_WHOLE_BYTES, Outbox, partition_of
from tests.bench.latency import Paced
from tests.bench.log import Log

_EVERY_S = 0.02
_TIME, _ARRIVED = b'"time":"', b'"recordedtime":"'
_STAMP = len("2026-06-01T00:00:00.000Z")
# A delay longer than this would make the event late: those of the log are of its own days.
_LONGEST_DELAY_MS = 20_000


class Template(msgspec.Struct, array_like=True):
    """A record without its times, and where it goes."""

    partition: int
    key: bytes
    head: bytes
    middle: bytes
    tail: bytes
    delay_ms: int

    def at(self, due_ms: int) -> bytes:
        """The record as it arrives at `due_ms`."""
        happened = rfc3339(due_ms - self.delay_ms).encode()
        return b"".join((self.head, happened, self.middle, rfc3339(due_ms).encode(), self.tail))


def template(raw: bytes, partitions: int) -> Template | None:
    """None for a record that has no conversation or no times."""
    where = address(raw)
    first, second = raw.find(_TIME), raw.rfind(_ARRIVED)
    if where.conversation is None or where.arrival_ms is None or not 0 <= first < second:
        return None
    happened = raw[first + len(_TIME) :][:_STAMP].decode()
    happened_ms = epoch_ms(datetime.fromisoformat(happened))
    first, second = first + len(_TIME), second + len(_ARRIVED)
    key = where.conversation.encode()
    delay = min(max(0, where.arrival_ms - happened_ms), _LONGEST_DELAY_MS)
    return Template(
        partition_of(key, partitions),
        key,
        raw[:first],
        raw[first + _STAMP : second],
        raw[second + _STAMP :],
        delay,
    )


def write_templates(log: Log, partitions: int, path: Path) -> None:
    """Those of a log's events that have a conversation, to a file that `write` reads."""
    raws = (item for item in log.items if isinstance(item, bytes))
    found = (template(raw, partitions) for raw in raws)
    path.write_bytes(msgspec.msgpack.encode([each for each in found if each is not None]))


async def write(paced: Paced) -> None:
    """Write all of them. Raises OutboxError where the broker does not take them."""
    templates = msgspec.msgpack.decode(Path(paced.records).read_bytes(), type=list[Template])
    producer = AIOKafkaProducer(
        bootstrap_servers=paced.broker,
        max_batch_size=MAX_WHOLE_BYTES,
        max_request_size=MAX_REQUEST_BYTES,
    )
    await producer.start()
    try:
        outbox = Outbox(producer)
        number = 0
        while number < paced.count:
            now = time.time()
            while number < paced.count and (due := paced.written_at(number)) <= now:
                each = templates[number]
                outbox.put(paced.topic, each.partition, each.key, each.at(int(due * 1000)))
                number += 1
            await outbox.flush()
            await asyncio.sleep(max(0.0, now + _EVERY_S - time.time()))
    finally:
        await producer.stop()


if __name__ == "__main__":
    uvloop.run(write(msgspec.json.decode(sys.argv[1], type=Paced)))
