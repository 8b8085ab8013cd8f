"""Records to the brokers, each waited for, and none written twice while this process lives.

A producer that is idempotent repeats a batch under its sequence number until the brokers have it,
however long they are away; so a record that was sent is never sent anew by us. Whoever waits for it
may give up and ask again: the second request waits for the first one's record.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, cast

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.kafka.connection import denied, let_go
from streams.kafka.outbox import Headers, partition_of

log = logging.getLogger("baton")

REMEMBERED = 100_000
MOST_PENDING_BYTES = 64 * 1024 * 1024
_RENEW_AFTER_S = 1.0
_OVERHEAD_BYTES = 512


class Letter(NamedTuple):
    """One record to write; two of the same `identity` are the same record."""

    identity: Hashable
    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def size(self) -> int:
        """About the memory it takes while it waits, in bytes."""
        return len(self.key or b"") + len(self.value or b"") + _OVERHEAD_BYTES


class NotAcknowledged(RuntimeError):
    """Not all records are known to be with the brokers; asking again writes none twice."""


class Full(NotAcknowledged):
    """So much waits for the brokers that nothing more is taken; none of the records was sent."""


class TooLarge(RuntimeError):
    """A record that the brokers will never take."""


class Delivery:
    """Writes through producers that `new_producer` makes: idempotent, acks=all, not started."""

    def __init__(
        self,
        new_producer: Callable[[], AIOKafkaProducer],
        *,
        most_pending_bytes: int = MOST_PENDING_BYTES,
        remembered: int = REMEMBERED,
    ) -> None:
        self._new_producer = new_producer
        self._most_pending_bytes = most_pending_bytes
        self._remembered = remembered
        self._producer: AIOKafkaProducer | None = None
        self._pending: dict[Hashable, asyncio.Future[None]] = {}
        self._recent: OrderedDict[Hashable, None] = OrderedDict()
        # Of each partition that is being written to, what waits for its writer.
        self._lines: dict[tuple[str, int], list[Letter]] = {}
        self._keyless = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._renewing: asyncio.Task[None] | None = None
        self._waiting_since: float | None = None
        self.pending_bytes = 0

    async def start(self) -> None:
        """Connect. Raises KafkaError."""
        producer = self._new_producer()
        await producer.start()
        self._producer = producer

    async def deliver(self, letters: Sequence[Letter], within_s: float) -> int:
        """Return once the brokers have all of them; how many were known, and not written again.

        Raises Full, TooLarge, or NotAcknowledged where that takes longer than `within_s` seconds.
        """
        fresh: dict[Hashable, Letter] = {}
        awaited: list[asyncio.Future[None]] = []
        for letter in letters:
            identity = letter.identity
            if identity in self._recent:
                self._recent.move_to_end(identity)
            elif identity in self._pending:
                awaited.append(self._pending[identity])
            else:
                fresh.setdefault(identity, letter)
        if fresh:
            awaited += self._send(list(fresh.values()))
        if awaited:
            _, late = await asyncio.wait(awaited, timeout=within_s)
            if late:
                raise NotAcknowledged(f"the brokers do not answer within {within_s:g} s")
            for each in awaited:
                each.result()
        return len(letters) - len(fresh)

    @property
    def waits_s(self) -> float:
        """For how long nothing has been acknowledged though something waits, in seconds."""
        since = self._waiting_since
        return 0.0 if since is None else asyncio.get_running_loop().time() - since

    async def stop(self, within_s: float = 5.0) -> int:
        """Wait for what is under way, then close; returns how many records were left behind."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within_s)
        left = len(self._pending)
        if self._renewing is not None:
            self._renewing.cancel()
        for task in self._tasks:
            task.cancel()
        if self._producer is not None:
            # It may end with what was under way, cancelled, where brokers are away.
            with suppress(asyncio.CancelledError, KafkaError):
                await let_go(self._producer.stop())
        return left

    def _send(self, letters: list[Letter]) -> list[asyncio.Future[None]]:
        size = sum(letter.size for letter in letters)
        if self.pending_bytes + size > self._most_pending_bytes:
            raise Full(f"{self.pending_bytes} bytes wait for the brokers")
        producer = self._producer
        if producer is None or self._renewing is not None:
            raise NotAcknowledged("connecting to the brokers anew")
        loop = asyncio.get_running_loop()
        futures = []
        for letter in letters:
            future: asyncio.Future[None] = loop.create_future()
            future.add_done_callback(_heard)
            self._pending[letter.identity] = future
            futures.append(future)
        self.pending_bytes += size
        if self._waiting_since is None:
            self._waiting_since = loop.time()
        self._begin(self._route(producer, letters))
        return futures

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _route(self, producer: AIOKafkaProducer, letters: list[Letter]) -> None:
        """Put letters in the lines of their partitions, each of which has one writer."""
        for letter in letters:
            try:
                partition = await self._partition(producer, letter)
            except KafkaError as error:
                self._settle(letter, error)
                continue
            place = letter.topic, partition
            line = self._lines.get(place)
            if line is None:
                self._lines[place] = [letter]
                self._begin(self._write(place))
            else:
                line.append(letter)

    async def _partition(self, producer: AIOKafkaProducer, letter: Letter) -> int:
        count = len(await producer.partitions_for(letter.topic))
        if letter.key is not None:
            return partition_of(letter.key, count)
        self._keyless += 1
        return self._keyless % count

    async def _write(self, place: tuple[str, int]) -> None:
        """What has come into the line meanwhile goes as one batch, until nothing has.

        So many requests share an acknowledgement, and aiokafka's work for a record is done once a
        batch. One writer a partition, for two would wait for each other's batches by turns.
        """
        while letters := self._lines[place]:
            self._lines[place] = []
            producer = self._producer
            if producer is None or self._renewing is not None:
                for letter in letters:
                    self._settle(letter, NotAcknowledged("connecting to the brokers anew"))
                continue
            for batch, together in _batches(producer, letters):
                trouble = await self._written(producer, place, batch)
                if isinstance(trouble, MessageSizeTooLargeError) and len(together) > 1:
                    # One of them, or all together: each by itself.
                    for letter in together:
                        ((one, _),) = _batches(producer, [letter])
                        self._settle(letter, await self._written(producer, place, one))
                    continue
                for letter in together:
                    self._settle(letter, trouble)
        del self._lines[place]

    async def _written(
        self, producer: AIOKafkaProducer, place: tuple[str, int], batch: BatchBuilder | None
    ) -> BaseException | None:
        """Return once the brokers have it: what went wrong, if anything."""
        topic, partition = place
        if batch is None:
            return cast(BaseException, MessageSizeTooLargeError())
        try:
            answer = await producer.send_batch(batch, topic, partition=partition)
        except KafkaError as error:  # nothing of these was sent
            return cast(BaseException, error)
        try:
            await answer
        except KafkaError as error:
            # Later batches would follow a gap in the sequence numbers.
            self._renew(producer, error)
            return cast(BaseException, error)
        return None

    def _settle(self, letter: Letter, trouble: BaseException | None) -> None:
        future = self._pending.pop(letter.identity)
        self.pending_bytes -= letter.size
        if trouble is None:
            now = asyncio.get_running_loop().time()
            self._waiting_since = now if self._pending else None
            self._recent[letter.identity] = None
            if len(self._recent) > self._remembered:
                self._recent.popitem(last=False)
            future.set_result(None)
        elif isinstance(trouble, NotAcknowledged):
            future.set_exception(trouble)
        elif isinstance(trouble, MessageSizeTooLargeError):
            future.set_exception(TooLarge(f"a record of {letter.size} bytes"))
        else:
            told = denied(trouble) or type(trouble).__name__
            future.set_exception(NotAcknowledged(f"could not write to {letter.topic}: {told}"))
        if not self._pending:
            self._waiting_since = None

    def _renew(self, producer: AIOKafkaProducer, error: KafkaError) -> None:
        if isinstance(error, MessageSizeTooLargeError):
            return
        if producer is self._producer and self._renewing is None:
            log.warning("the brokers refused records (%s): connecting anew", type(error).__name__)
            self._renewing = asyncio.get_running_loop().create_task(self._replace(producer))

    async def _replace(self, old: AIOKafkaProducer) -> None:
        closing = asyncio.ensure_future(let_go(old.stop()))
        while True:
            producer = self._new_producer()
            try:
                await producer.start()
                break
            except KafkaError as error:
                await let_go(producer.stop())
                log.warning("no broker lets us in: %s", denied(error) or error)
                await asyncio.sleep(_RENEW_AFTER_S)
        self._producer = producer
        self._renewing = None
        await asyncio.gather(closing, return_exceptions=True)


def _batches(
    producer: AIOKafkaProducer, letters: Sequence[Letter]
) -> Iterator[tuple[BatchBuilder | None, list[Letter]]]:
    """Record batches of one partition's letters; None for a letter that fits into none."""
    batch, together = producer.create_batch(), []
    for letter in letters:
        if _appended(batch, letter):
            together.append(letter)
            continue
        if together:
            yield batch, together
            batch, together = producer.create_batch(), []
            if _appended(batch, letter):
                together.append(letter)
                continue
        yield None, [letter]
    if together:
        yield batch, together


def _appended(batch: BatchBuilder, letter: Letter) -> bool:
    said = batch.append(timestamp=None, key=letter.key, value=letter.value, headers=letter.headers)
    return said is not None


def _heard(future: asyncio.Future[None]) -> None:
    # Whoever waited may be gone; asyncio need not complain that nobody asked.
    if not future.cancelled():
        future.exception()
