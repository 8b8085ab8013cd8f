"""What a batch sends, gathered by partition and written as whole record batches.

aiokafka's `send` costs about 24 us a record in futures and locks; a record batch built here costs
about 3.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation, KafkaError
from aiokafka.partitioner import murmur2

Headers = list[tuple[str, bytes]]
_Record = tuple[bytes | None, bytes | None, Headers, int | None]
_Pending = defaultdict[tuple[str, int], list[_Record]]

_NO_HEADERS: Headers = []

MAX_REQUEST_BYTES = 4 * 1024 * 1024
# Of a record batch: below what a topic takes that is not asked to take more, and the most there is.
MAX_BATCH_BYTES = 512 * 1024
MAX_WHOLE_BYTES = MAX_REQUEST_BYTES - 64 * 1024
_RECORD_OVERHEAD_BYTES = 48

log = logging.getLogger("baton")


class Written(NamedTuple):
    """The offsets of a flush in one partition; `first` None where nobody else can have written
    since the flush before.
    """

    first: int | None
    last: int


class OutboxError(RuntimeError):
    """A record could not be written; the batch that it came from must not be committed."""


class Fenced(RuntimeError):
    """Another worker has taken the partition over; what was put counts for nothing."""


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition Kafka's default partitioner gives the key, so that other clients agree."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


class Outbox:
    """Gathers a batch's outputs with `put` and its table changes with `put_state`.

    `flush` writes outputs first and the table changes when they are acknowledged: at least once,
    for what a crash between them repeats carries the same ids. What is put as state for one
    partition is one record batch, which Kafka appends whole or not at all, so that no crash leaves
    a part of it. The producer's max_batch_size must be MAX_WHOLE_BYTES, and a changelog's
    max.message.bytes MAX_REQUEST_BYTES.
    """

    def __init__(self, producer: AIOKafkaProducer, written: Counter[str] | None = None) -> None:
        self._producer = producer
        self._outputs: _Pending = defaultdict(list)
        self._states: _Pending = defaultdict(list)
        # Records acknowledged, by topic; outboxes of one worker count together.
        self.written: Counter[str] = Counter() if written is None else written

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
        self._outputs[(topic, partition)].append((key, value, headers, timestamp_ms))

    def put_state(
        self, topic: str, partition: int, key: bytes, value: bytes | None, headers: Headers
    ) -> None:
        """Add one change of a table for its changelog; a value of None is a tombstone."""
        self._states[(topic, partition)].append((key, value, headers, None))

    async def flush(self) -> Mapping[tuple[str, int], Written]:
        """Write everything put since the last flush, in order within a partition.

        Returns where it stands in each changelog partition, if the broker says so and it is in one
        piece.
        Raises OutboxError naming topic and partition, or Fenced; what was put is then gone from the
        outbox, for the batch will be processed anew.
        """
        outputs, states = self._taken()
        try:
            await self._acknowledged(outputs, whole=False)
            written = await self._acknowledged(states, whole=True)
        except KafkaError as error:
            raise failure(error, outputs, states) from error
        self._count(outputs, states)
        return written

    def _taken(self) -> tuple[_Pending, _Pending]:
        taken = self._outputs, self._states
        self._outputs, self._states = defaultdict(list), defaultdict(list)
        return taken

    def _count(self, *pending: _Pending) -> None:
        for some in pending:
            for (topic, _), records in some.items():
                self.written[topic] += len(records)

    async def _acknowledged(
        self, pending: _Pending, *, whole: bool
    ) -> Mapping[tuple[str, int], Written]:
        sent: list[tuple[tuple[str, int], int, asyncio.Future[Any]]] = []
        refused: list[BaseException] = []
        for place, records in pending.items():
            try:
                batches = await self._send(*place, records, whole=whole)
            except IllegalOperation as error:  # the transaction has failed meanwhile
                refused.append(error)
                break
            sent += [(place, count, future) for count, future in batches]
        # All are waited for, so that none is left to complain of an error that one has told.
        answers = await asyncio.gather(*(future for _, _, future in sent), return_exceptions=True)
        errors = [answer for answer in answers if isinstance(answer, BaseException)] + refused
        if errors:
            raise self._telling(errors)
        written: dict[tuple[str, int], Written] = {}
        torn: set[tuple[str, int]] = set()
        for (place, count, _), answer in zip(sent, answers, strict=True):
            assert not isinstance(answer, BaseException)
            # A broker that knows a repeated batch from its number only does not say where it is.
            if answer is None or answer.offset < 0:
                torn.add(place)
                continue
            last = answer.offset + count - 1
            earlier = written.get(place)
            if earlier is not None and answer.offset != earlier.last + 1:
                torn.add(place)
            written[place] = Written(answer.offset if earlier is None else earlier.first, last)
        return {place: where for place, where in written.items() if place not in torn}

    async def _send(
        self, topic: str, partition: int, records: list[_Record], *, whole: bool
    ) -> list[tuple[int, asyncio.Future[Any]]]:
        producer = self._producer
        limit = MAX_WHOLE_BYTES if whole else MAX_BATCH_BYTES
        sent: list[tuple[int, asyncio.Future[Any]]] = []
        builder, room = producer.create_batch(), limit

        async def send() -> None:
            count = builder.record_count()
            sent.append((count, await producer.send_batch(builder, topic, partition=partition)))

        for key, value, headers, timestamp_ms in records:
            size = len(key or b"") + len(value or b"") + _RECORD_OVERHEAD_BYTES
            if size > room and builder.record_count():
                await send()
                builder, room = producer.create_batch(), limit
            room -= size
            # aiokafka's docstring says seconds; what is written is ms, and an int.
            if (
                builder.append(timestamp=timestamp_ms, key=key, value=value, headers=headers)
                is None
            ):
                raise OutboxError(f"{topic}/{partition}: a record of {size} bytes does not fit")
        await send()
        if whole and len(sent) > 1:
            self._torn(topic, partition, len(sent))
        return sent

    def _telling(self, errors: Sequence[BaseException]) -> BaseException:
        """Of all that went wrong at once, what to tell."""
        return errors[0]

    def _torn(self, topic: str, partition: int, pieces: int) -> None:
        log.warning(
            "%s/%d: what one batch changed takes %d record batches; a crash between them may"
            " publish corrections twice. Lower --batch-records",
            *(topic, partition, pieces),
        )


def failure(error: BaseException, *pending: _Pending) -> OutboxError:
    """The error of a flush, naming the places that it was to write to."""
    places = sorted(place for some in pending for place in some)
    told = ", ".join(f"{topic}/{partition}" for topic, partition in places)
    return OutboxError(f"could not write to {told or 'the brokers'}: {error!r}")
