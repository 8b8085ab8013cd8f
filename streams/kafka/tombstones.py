"""Tombstones and other records put on named partitions, acknowledged by all replicas."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaProducer

from streams.kafka.connection import client_options, let_go
from streams.settings import Settings

_Placed = tuple[int, bytes | None, bytes | None]


async def write_tombstones(
    settings: Settings, topic: str, places: Iterable[tuple[int, bytes]]
) -> None:
    """A tombstone for each (partition, key). Raises KafkaError."""
    await write_placed(settings, topic, [(number, key, None) for number, key in places])


async def write_placed(settings: Settings, topic: str, records: Sequence[_Placed]) -> None:
    """Write (partition, key, value). Raises KafkaError."""
    producer = AIOKafkaProducer(
        **client_options(settings), acks="all", enable_idempotence=settings.idempotence
    )
    await producer.start()
    try:
        sent = [
            await producer.send(topic, value=value, key=key, partition=number)
            for number, key, value in records
        ]
        await asyncio.gather(*sent)
    finally:
        await let_go(producer.stop())
