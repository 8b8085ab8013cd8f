"""Reads back what the demo's worker published and compares it with the oracle's verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.kafka import topics


@dataclass(frozen=True, slots=True)
class Difference:
    """What one topic holds beside what it should; equal when both counts are 0."""

    what: str
    published: int
    missing: int
    unexpected: int
    example: str

    @property
    def identical(self) -> bool:
        """Whether the topic holds exactly what the oracle says."""
        return not self.missing and not self.unexpected


async def read_topic(
    broker: str, topic: str, partitions: int, expected: int
) -> list[tuple[bytes, bytes]]:
    """All `expected` records of a topic as (key, value), in order within a partition.

    Counts records instead of asking the broker for the end: the embedded one answers short.
    """
    if not expected:
        return []  # aiokafka's consumer that is stopped as it has just begun raises CancelledError
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, number) for number in range(partitions)])
        found: list[tuple[bytes, bytes]] = []
        while len(found) < expected:
            batches = await consumer.getmany(timeout_ms=5000)
            if not batches:
                break
            for records in batches.values():
                found += [(record.key or b"", record.value or b"") for record in records]
        return found
    finally:
        await consumer.stop()


async def compare(
    broker: str,
    partitions: int,
    written: Mapping[str, int],
    verdict: Mapping[str, Any],
    prefix: str = "",
) -> list[Difference]:
    """Facts and breaches byte for byte, windows by their last value a key.

    `verdict` is what `baton oracle --format json` printed; `written` how many records each topic
    has, whose names begin with `prefix`.
    """
    read = {
        name: await read_topic(broker, prefix + name, partitions, written.get(prefix + name, 0))
        for name in (topics.FACTS, topics.BREACHES, topics.WINDOWS)
    }
    facts, breaches, windows = [[value for _, value in records] for records in read.values()]
    return differences(facts, breaches, windows, verdict)


def differences(
    facts: Iterable[bytes],
    breaches: Iterable[bytes],
    windows: Iterable[bytes],
    verdict: Mapping[str, Any],
) -> list[Difference]:
    """The values that these topics hold, beside what `baton oracle --format json` printed."""
    wanted = (map(orjson.dumps, verdict[name]) for name in ("facts", "breaches", "windows"))
    return differences_from((facts, breaches, windows), tuple(wanted))


def differences_from(
    published: Sequence[Iterable[bytes]], wanted: Sequence[Iterable[bytes]]
) -> list[Difference]:
    """Facts, breaches and windows as they were published beside what they should be."""
    facts, breaches, windows = zip(published, wanted, strict=True)
    ours, theirs = (_current(values).values() for values in windows)
    return [
        difference("facts", *facts),
        difference("breaches", *breaches),
        difference("windows", map(_resting, ours), map(_resting, theirs)),
    ]


def _current(values: Iterable[bytes]) -> dict[bytes, bytes]:
    current: dict[bytes, bytes] = {}
    for value in values:
        document = orjson.loads(value)
        key = orjson.dumps([document["contract"], document["key"], document["window"]])
        current[key] = value
    return current


def _resting(value: bytes) -> bytes:
    # A key at rest was last written when its values last changed, which may be an earlier boundary.
    document = orjson.loads(value)
    if not document["open"]:
        del document["end"]
    return orjson.dumps(document)


def difference(what: str, published: Iterable[bytes], wanted: Iterable[bytes]) -> Difference:
    """How two bags of records differ."""
    ours, theirs = sorted(published), sorted(wanted)
    missing, unexpected = _without(theirs, ours), _without(ours, theirs)
    example = (missing or unexpected or [b""])[0].decode()
    return Difference(what, len(ours), len(missing), len(unexpected), example)


def _without(left: list[bytes], right: list[bytes]) -> list[bytes]:
    counts: dict[bytes, int] = {}
    for item in right:
        counts[item] = counts.get(item, 0) + 1
    rest = []
    for item in left:
        if counts.get(item, 0):
            counts[item] -= 1
        else:
            rest.append(item)
    return rest
