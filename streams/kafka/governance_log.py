"""The topic governance-log: written before what it tells of is shown, and read back."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from aiokafka.errors import KafkaError

from streams.domain.governance import (
    GovernanceRecord,
    decode_governance,
    encode_governance,
    governance_key,
)
from streams.kafka import topics
from streams.kafka.connection import ConnectionFailed, check_connection, denied
from streams.kafka.whole_topic import NoTopic, read_whole, write_all
from streams.settings import Settings


class NotLogged(RuntimeError):
    """The log could not be written, so what it was to tell of must not be done."""


async def log_governance(settings: Settings, records: Iterable[GovernanceRecord]) -> None:
    """Write records, acknowledged by all replicas. Raises NotLogged."""
    topic = settings.topic(topics.GOVERNANCE)
    told = [(governance_key(one), encode_governance(one)) for one in records]
    try:
        await check_connection(settings)
        await write_all(settings, topic, told)
    except (ConnectionFailed, NoTopic, KafkaError) as error:
        raise NotLogged(f"{topic} cannot be written: {denied(error) or error}") from None


async def read_governance(settings: Settings) -> tuple[list[GovernanceRecord], int]:
    """Each record of the log once, in order of time, and how many records are none.

    Raises NoTopic, ConnectionFailed and KafkaError.
    """
    found: dict[str, GovernanceRecord] = {}
    foreign = 0
    topic = settings.topic(topics.GOVERNANCE)
    for records in (await read_whole(settings, topic)).values():
        for record in records:
            try:
                one = decode_governance(record.value or b"")
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                foreign += 1
                continue
            found[one.id] = one
    return sorted(found.values(), key=lambda one: (one.time, one.id)), foreign
