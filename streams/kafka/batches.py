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
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP, Message
from faust.types.tuples import ConsumerMessage
from mode.utils.futures import notify

# How long one fetch waits for records; a rebalance waits for it.
_FETCH_S = 0.25
# How long the broker may hold one back, in ms. aiokafka has one fetch under way to a broker and
# asks in it only for partitions that ran dry: while it waits for deltas, events are not fetched.
_BROKER_WAIT_MS = 100


class Batch:
    """The records of one fetch from one partition, in offset order.

    Its offsets may be committed once it is released, which only the agent does: Faust also
    acknowledges what it dropped unprocessed, in a rebalance or because the agent failed.
    """

    __slots__ = ("end", "first", "last", "partition", "records", "released", "topic")

    def __init__(
        self, topic: str, partition: int, records: list[Any], end: int | None = None
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.records = records
        self.first: int = records[0].offset
        self.last: int = records[-1].offset
        self.end = end
        self.released = False

    def release(self) -> None:
        """Let the batch's offsets be committed."""
        self.released = True


class _ConsumerThread(AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust passes 1,500 and has no setting for it.
        consumer._fetch_max_wait_ms = _BROKER_WAIT_MS
        return consumer


class BatchConsumer(Consumer):
    """Faust's aiokafka consumer, delivering batches to agents and single records to recovery."""

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def _reset_state(self) -> None:
        self._in_flight: defaultdict[TP, deque[Batch]] = defaultdict(deque)
        self._delivered: dict[TP, int] = {}
        self._ends: dict[TP, int] = {}
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
        for tp, fetched in records.items():
            if not fetched:
                continue
            if self._is_changelog_tp(tp):
                for record in fetched:
                    yield tp, self._to_message(tp, record)
                continue
            message = self._to_message(tp, fetched[-1])
            message.key = None
            # Faust hands the value on as it is (raw codec); to it a batch is just another payload.
            batch = Batch(tp.topic, tp.partition, fetched, self._ends.get(tp))
            message.value = batch  # type: ignore[assignment]
            yield tp, message

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
        """Commit all that is released; one under way may have begun before the last batch was."""
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
        agents = {tp for tp in self.assignment() if not self._is_changelog_tp(tp)}
        # aiokafka leaves a partition without a committed offset where it happens to be.
        fresh = {tp for tp in agents if not self._read_offset[tp]}
        if fresh:
            await self.seek_wait(await self.earliest_offsets(*fresh))
        self._delivered = {tp: self._read_offset[tp] or 0 for tp in agents}
        self._ends.clear()

    async def on_partitions_revoked(self, revoked: Iterable[TP]) -> None:
        """Forget what is in flight, once Faust has waited and committed what was released."""
        await super().on_partitions_revoked(revoked)
        self._in_flight.clear()
        self._delivered.clear()
        self._ends.clear()

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust's livelock report reads per-record offsets; /healthz watches progress."""

    def lag(self) -> dict[TP, int]:
        """Records that stand between what was delivered and the end of each assigned partition."""
        return {tp: max(0, end - self._delivered[tp]) for tp, end in self._ends.items()}


class BatchTransport(Transport):
    """Faust's aiokafka transport with batch delivery."""

    Consumer = BatchConsumer
