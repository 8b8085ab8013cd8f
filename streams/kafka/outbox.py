"""What a batch sends, gathered by partition and written as whole record batches.

aiokafka's `send` costs about 24 us a record in futures and locks; a record batch built here costs
about 3.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

Headers = list[tuple[str, bytes]]
_Record = tuple[bytes | None, bytes | None, Headers, int | None]

_NO_HEADERS: Headers = []

MAX_REQUEST_BYTES = 4 * 1024 * 1024
# Of a record batch: below what a topic takes that is not asked to take more, and the most there is.
MAX_BATCH_BYTES = 512 * 1024
MAX_WHOLE_BYTES = MAX_REQUEST_BYTES - 64 * 1024
_RECORD_OVERHEAD_BYTES = 48

log = logging.getLogger("baton")


class OutboxError(RuntimeError):
    """A record could not be written; the batch that it came from must not be committed."""


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition Kafka's default partitioner gives the key, so that other clients agree."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


class Outbox:
    """Gathers records with `put`; `flush` writes them and returns once all are acknowledged.

    What a flush writes to one partition of a topic in `whole` is one record batch, which Kafka
    appends whole or not at all, so that no crash leaves a part of it. The producer's
    max_batch_size must be MAX_WHOLE_BYTES, and such a topic's max.message.bytes MAX_REQUEST_BYTES.
    """

    def __init__(self, producer: AIOKafkaProducer, whole: Collection[str] = ()) -> None:
        self._producer = producer
        self._whole = whole
        self._pending: defaultdict[tuple[str, int], list[_Record]] = defaultdict(list)
        self.written: defaultdict[str, int] = defaultdict(int)

    def put(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = _NO_HEADERS,
        timestamp_ms: int | None = None,
    ) -> None:
        """Add one record; a value of None is a tombstone. Nothing is sent before `flush`.

        `timestamp_ms` is the record's timestamp in ms since 1970 UTC, None the time of writing.
        """
        self._pending[(topic, partition)].append((key, value, headers, timestamp_ms))

    async def flush(self) -> None:
        """Write everything put since the last flush, in order within a partition.

        Raises OutboxError naming topic and partition; what was put is then gone from the outbox,
        for the batch will be processed anew.
        """
        pending, self._pending = self._pending, defaultdict(list)
        if not pending:
            return
        try:
            futures = []
            for (topic, partition), records in pending.items():
                futures += await self._send(topic, partition, records)
            await asyncio.gather(*futures)
        except KafkaError as error:
            places = ", ".join(f"{topic}/{partition}" for topic, partition in sorted(pending))
            raise OutboxError(f"could not write to {places}: {error!r}") from error
        for (topic, _), records in pending.items():
            self.written[topic] += len(records)

    async def _send(
        self, topic: str, partition: int, records: list[_Record]
    ) -> list[asyncio.Future[Any]]:
        producer, whole = self._producer, topic in self._whole
        limit = MAX_WHOLE_BYTES if whole else MAX_BATCH_BYTES
        futures: list[asyncio.Future[Any]] = []
        builder, room = producer.create_batch(), limit
        for key, value, headers, timestamp_ms in records:
            size = len(key or b"") + len(value or b"") + _RECORD_OVERHEAD_BYTES
            if size > room and builder.record_count():
                futures.append(await producer.send_batch(builder, topic, partition=partition))
                builder, room = producer.create_batch(), limit
            room -= size
            # aiokafka's docstring says seconds; what is written is ms, and an int.
            if (
                builder.append(timestamp=timestamp_ms, key=key, value=value, headers=headers)
                is None
            ):
                raise OutboxError(f"{topic}/{partition}: a record of {size} bytes does not fit")
        futures.append(await producer.send_batch(builder, topic, partition=partition))
        if whole and len(futures) > 1:
            log.warning(
                "%s/%d: what one batch changed takes %d record batches; a crash between them may"
                " publish corrections twice. Lower --batch-records",
                *(topic, partition, len(futures)),
            )
        return futures
