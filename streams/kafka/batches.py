"""Batch delivery under Faust: one Message a partition and fetch, acknowledged only when it is done.

Stock Faust spends its budget on each record (two tasks, an Event, a queue put, a locked ack:
DESIGN.md section 11). Here a fetch reaches the agent whole. Faust's own offset bookkeeping cannot
be kept with that: it takes the jump from one batch's first record to the next for a gap in the log
and counts it as acknowledged before anything was processed. So offsets are counted here: a
partition's batches are in flight in order, and what may be committed is the end of the longest
released run at the head.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
)
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP, Message
from faust.types.tuples import ConsumerMessage
from mode import Service
from mode.utils.futures import notify

from streams.kafka.connection import let_go
from streams.kafka.header_names import read_any_header_name
from streams.kafka.instances import end_where_replaced
from streams.kafka.records import Record, read_lean_records
from streams.kafka.store import StateError

# How long one fetch waits for records; a rebalance waits for it.
_FETCH_S = 0.25
# How long the broker may hold one back, in ms. aiokafka has one fetch under way to a broker and
# asks in it only for partitions that ran dry: while it waits for deltas, events are not fetched.
_BROKER_WAIT_MS = 100
# How often the brokers are asked for the ends of partitions, and for how long they may take.
_ENDS_EVERY_S = 1.0
_ENDS_WITHIN_S = 10.0
# So many batches are taken from the client at once. One by one, a fetch would be cut where the last
# one left room, and the fewer records a batch has, the more each of them costs.
BATCHES_AT_ONCE = 4


class Batch:
    """The records of one fetch from one partition, in offset order.

    Its offsets may be committed once it is released, which only the agent does: Faust also
    acknowledges what it dropped unprocessed, in a rebalance or because the agent failed.
    """

    __slots__ = ("end", "first", "last", "partition", "records", "released", "spell", "topic")

    def __init__(
        self,
        topic: str,
        partition: int,
        records: list[Any],
        end: int | None = None,
        spell: int = 0,
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.records = records
        self.first: int = records[0].offset
        self.last: int = records[-1].offset
        self.end = end
        self.released = False
        # Between two rebalances: a batch of another spell is delivered again.
        self.spell = spell

    def release(self) -> None:
        """Let the batch's offsets be committed."""
        self.released = True

    def let_go(self) -> None:
        """Keep the offsets alone: it was processed, but may wait long until it is committed."""
        self.records = []


class _ConsumerThread(AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        read_any_header_name()
        read_lean_records()
        end_where_replaced()
        consumer = super()._create_worker_consumer(transport)
        # Faust passes 1,500 and has no setting for it, nor for the isolation level alone.
        consumer._fetch_max_wait_ms = _BROKER_WAIT_MS
        consumer._isolation_level = self._isolation_level
        return consumer

    async def on_thread_stop(self) -> None:
        """Leave the group and close, without waiting for TLS."""
        await let_go(super().on_thread_stop())

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Pass it on, without changelogs being fetched: aiokafka would hold a part of each."""
        changelogs = [tp for tp in assigned if self.consumer._is_changelog_tp(tp)]
        self._ensure_consumer().pause(*(TopicPartition(*tp) for tp in changelogs))
        await super().on_partitions_assigned(assigned, generation_id)

    @property
    def _isolation_level(self) -> str:
        transport = self.transport
        assert isinstance(transport, BatchTransport)
        return transport.isolation_level

    def standing(self, tp: TP) -> tuple[int, int] | None:
        """Where reading a partition stands, and the end of what may be read; None before a fetch.

        The position is past transaction markers, which the last record delivered is not.
        """
        subscription = None if self._consumer is None else self._consumer._subscription.subscription
        if subscription is None or subscription.assignment is None:
            return None
        state = subscription.assignment.state_value(tp)
        if state is None or state.highwater is None or not state.has_valid_position:
            return None
        stable = self._isolation_level == "read_committed" and state.lso is not None
        return state.position, state.lso if stable else state.highwater

    async def ends(self, places: Collection[TP]) -> Mapping[TP, int]:
        """What the brokers say the ends of what may be read are; nothing where they do not answer.

        Raises what has ended the membership of the group.
        Not by Faust's queue of calls: its two workers are for fetches and commits, and one would
        wait here while brokers are away.
        """
        asked = asyncio.run_coroutine_threadsafe(self._ask_ends(places), self.thread_loop)
        return await asyncio.wrap_future(asked)

    async def _ask_ends(self, places: Collection[TP]) -> Mapping[TP, int]:
        if self._consumer is None:
            return {}
        if (coordinator := self._consumer._coordinator) is not None:
            coordinator.check_errors()  # while nothing is assigned nothing is fetched, which asks
        if not places:
            return {}
        try:
            async with asyncio.timeout(_ENDS_WITHIN_S):
                ends = await self._consumer.end_offsets(list(places))
        except (KafkaError, TimeoutError):
            return {}
        return {TP(tp.topic, tp.partition): end for tp, end in ends.items()}


class BatchConsumer(Consumer):
    """Faust's aiokafka consumer, delivering batches to agents."""

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def _reset_state(self) -> None:
        self._in_flight: defaultdict[TP, deque[Batch]] = defaultdict(deque)
        self._delivered: dict[TP, int] = {}
        self._ends: dict[TP, int] = {}
        self._told_ends: Mapping[TP, int] = {}
        self.spell = 0
        self._no_fetch = asyncio.Event()
        self._no_fetch.set()
        super()._reset_state()

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Yield (partition, Message): for an agent's topic the Message's value is a Batch.

        What comes while flow is stopped is dropped: flow is resumed after a seek only.
        """
        records, active = await self._wait_next_records(timeout)
        if records is None or self.should_stop or not self.flow_active:
            return
        self._note_ends()
        generation = self.app.consumer_generation_id
        for tp, message in self._messages(records):
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            if active is None or tp in active or tp in self._buffered_partitions:
                if isinstance(message.value, Batch):
                    self._in_flight[tp].append(message.value)
                    self._delivered[tp] = message.value.last + 1
                yield tp, message

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        self._no_fetch.clear()
        try:
            return await super()._getmany(active_partitions, min(timeout, _FETCH_S))
        finally:
            self._no_fetch.set()

    def _messages(self, records: Any) -> Iterator[tuple[TP, ConsumerMessage]]:
        most = self._most_records
        for tp, taken in records.items():
            if self._is_changelog_tp(tp):
                continue  # recovery reads them, with a consumer of its own
            for fetched in in_equal_parts(taken, most):
                yield tp, self._message(tp, fetched)

    def _message(self, tp: TP, fetched: list[Any]) -> ConsumerMessage:
        message = self._to_message(tp, fetched[-1])
        # Faust hands the value on as it is (raw codec); to it a batch is just another payload.
        batch = Batch(tp.topic, tp.partition, fetched, self._ends.get(tp), self.spell)
        message.value = batch  # type: ignore[assignment]
        return message

    @property
    def _most_records(self) -> int:
        transport = self.transport
        assert isinstance(transport, BatchTransport)
        return transport.batch_records

    def _to_message(self, tp: TP, record: Record) -> ConsumerMessage:
        return ConsumerMessage(
            *(tp.topic, tp.partition, record.offset, (record.timestamp or 0) / 1000),
            timestamp_type=0,
            headers=None,
            key=None,
            value=None,
            checksum=None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    def _note_ends(self) -> None:
        for tp in self._delivered:
            end = self.highwater(tp)
            if end is not None:
                self._ends[tp] = end

    def ack(self, message: Message) -> bool:
        """The stream is done with the message, processed or not; what is committed batches say."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        notify(self._waiting_for_ack)
        return True

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing: what lies between two batches was never delivered, so nothing is owed for it."""

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        for tp, batches in self._in_flight.items():
            if (
                batches
                and batches[0].released
                and (topics is None or tp in topics or tp.topic in topics)
            ):
                yield tp

    def _new_offset(self, tp: TP) -> int | None:
        """The offset after the longest released run at the head of what is in flight, if any."""
        batches = self._in_flight[tp]
        offset = None
        while batches and batches[0].released:
            offset = batches.popleft().last + 1
        return offset

    async def commit_and_end_transactions(self) -> None:
        """Commit all, once what is under way is done.

        Faust calls it when agents have taken all that was delivered, which is not to say that it
        is processed. A commit under way may have begun before the last batch was released.
        """
        await self._quiesced()
        await self.maybe_wait_for_commit_to_finish()
        await super().commit_and_end_transactions()

    async def perform_seek(self) -> None:
        """Go to the committed offsets, or the start: what is in flight comes anew.

        Called when recovery is over, with flow active and agents' partitions resumed. A fetch
        under way may then take records from behind the seek and deliver them into queues that
        Faust clears right after, never to be read again. So flow stops here, until recovery
        resumes it, and the seek waits for the fetch.
        """
        self.stop_flow()
        await self._no_fetch.wait()
        self._in_flight.clear()
        await super().perform_seek()
        self.spell += 1
        agents = {tp for tp in self.assignment() if not self._is_changelog_tp(tp)}
        # aiokafka leaves a partition without a committed offset where it happens to be.
        fresh = {tp for tp in agents if not self._read_offset[tp]}
        if fresh:
            await self.seek_wait(await self.earliest_offsets(*fresh))
        self._check_held(agents)
        self._delivered = {tp: self._read_offset[tp] or 0 for tp in agents}
        self._ends.clear()

    def _check_held(self, agents: Iterable[TP]) -> None:
        for tp in agents:
            committed, held = self._read_offset[tp] or 0, self._held(tp)
            if committed > held:
                raise StateError(
                    f"the group's offset of {tp.topic}/{tp.partition} is {committed}, but its table"
                    f" has taken in only {held}: the changelog was lost, or offsets were set by"
                    " hand. Set them to the earliest, or start with another --app-id"
                )

    async def on_partitions_revoked(self, revoked: Iterable[TP]) -> None:
        """Forget what is in flight, once Faust has waited and committed what was released."""
        await super().on_partitions_revoked(revoked)
        self.spell += 1
        self._in_flight.clear()
        self._delivered.clear()
        self._ends.clear()
        self._told_ends = {}

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust's livelock report reads per-record offsets; /healthz watches progress."""

    def lag(self) -> dict[TP, int]:
        """Records that stand between what was delivered and the end of each assigned partition.

        The end of what may be read: with transactions, the last one that is complete.
        """
        standing = {tp: self._standing(tp) for tp in self._delivered}
        return {
            tp: max(0, at[1] - at[0], self._told_ends.get(tp, 0) - at[0])
            for tp, at in standing.items()
            if at is not None
        }

    @Service.task
    async def _look_at_ends(self) -> None:
        # aiokafka hears of an end with a fetch, and fetches a partition anew only when all that it
        # fetched before has been taken: under overload that is minutes old.
        while True:
            await self.sleep(_ENDS_EVERY_S)
            if self.should_stop:
                return
            thread = self._thread
            assert isinstance(thread, _ConsumerThread)
            # Where nobody answers, the last word holds.
            self._told_ends = {**self._told_ends, **await thread.ends(list(self._delivered))}

    def _held(self, tp: TP) -> int:
        transport = self.transport
        assert isinstance(transport, BatchTransport)
        return transport.held(tp)

    async def _quiesced(self) -> None:
        transport = self.transport
        assert isinstance(transport, BatchTransport)
        await transport.quiesced()

    def _standing(self, tp: TP) -> tuple[int, int] | None:
        thread = self._thread
        assert isinstance(thread, _ConsumerThread)
        return thread.standing(tp)


def in_equal_parts(records: list[Any], most: int) -> Iterator[list[Any]]:
    """A list in as few parts as there can be of at most so many, none much shorter than another."""
    count = len(records)
    parts = -(-count // most)
    for part in range(parts):
        yield records[part * count // parts : (part + 1) * count // parts]


class BatchTransport(Transport):
    """Faust's aiokafka transport with batch delivery.

    A batch has `batch_records` at most. `held` says up to which offset the table behind a partition
    has taken it in, `quiesced` returns once no batch is being processed.
    """

    Consumer = BatchConsumer

    def __init__(
        self,
        *args: Any,
        isolation_level: str,
        batch_records: int,
        held: Callable[[TP], int],
        quiesced: Callable[[], Awaitable[None]],
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.batch_records = batch_records
        self.isolation_level = isolation_level
        self.held = held
        self.quiesced = quiesced
