"""Batch delivery under Faust: one Message a partition and fetch, acknowledged only when it is done.

Stock Faust spends its budget on each record (two tasks, an Event, a queue put, a locked ack:
DESIGN.md section
11). Here a fetch reaches the agent whole. Faust's own offset bookkeeping cannot be kept with that:
it takes
the jump from one batch's first record to the next for a gap in the log and counts it as
acknowledged before anything was processed. So offsets are counted here: a partition's batches are
in flight in order, and what may be committed is the end of the longest finished run at the head.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from faust.transport.drivers.aiokafka import Consumer, Transport
from faust.types import TP, Message
from faust.types.tuples import ConsumerMessage
from mode.utils.futures import notify


class Batch:
    """The records of one fetch from one partition, in offset order.

    Finished when the agent has processed it, unless the agent holds it; then when it is released.
    """

    __slots__ = ("finished", "first", "held", "last", "partition", "records", "topic")

    def __init__(self, topic: str, partition: int, records: list[Any]) -> None:
        self.topic = topic
        self.partition = partition
        self.records = records
        self.first: int = records[0].offset
        self.last: int = records[-1].offset
        self.held = False
        self.finished = False

    def hold(self) -> None:
        """Keep the batch's offsets uncommitted after processing, until `release`."""
        self.held = True

    def release(self) -> None:
        """Let the batch's offsets be committed."""
        self.held = False
        self.finished = True


class BatchConsumer(Consumer):
    """Faust's aiokafka consumer, delivering batches to agents and single records to recovery."""

    def _reset_state(self) -> None:
        self._in_flight: defaultdict[TP, deque[Batch]] = defaultdict(deque)
        self._positions: dict[TP, tuple[int, int]] = {}
        super()._reset_state()

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Yield (partition, Message): for an agent's topic the Message's value is a Batch."""
        records, active = await self._wait_next_records(timeout)
        if records is None or self.should_stop:
            return
        if not self.flow_active:
            await self.perform_seek()
            return
        generation = self.app.consumer_generation_id
        for tp, message in self._messages(records):
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            if active is None or tp in active or tp in self._buffered_partitions:
                if isinstance(message.value, Batch):
                    self._in_flight[tp].append(message.value)
                    highwater = self.highwater(tp)
                    if highwater is not None:
                        self._positions[tp] = (message.value.last + 1, highwater)
                yield tp, message

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
            message.value = Batch(tp.topic, tp.partition, fetched)  # type: ignore[assignment]
            yield tp, message

    def ack(self, message: Message) -> bool:
        """The stream is done with the message; a batch that is not held is finished."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        batch: object = message.value
        if isinstance(batch, Batch) and not batch.held:
            batch.finished = True
        notify(self._waiting_for_ack)
        return True

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing: what lies between two batches was never delivered and needs no
        acknowledgement.
        """

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        for tp, batches in self._in_flight.items():
            if (
                batches
                and batches[0].finished
                and (topics is None or tp in topics or tp.topic in topics)
            ):
                yield tp

    def _new_offset(self, tp: TP) -> int | None:
        """The offset after the longest finished run at the head of what is in flight; None if
        empty.
        """
        batches = self._in_flight[tp]
        offset = None
        while batches and batches[0].finished:
            offset = batches.popleft().last + 1
        return offset

    async def perform_seek(self) -> None:
        """Go back to the committed offsets: what is in flight will be delivered anew."""
        self._in_flight.clear()
        await super().perform_seek()

    async def on_partitions_revoked(self, revoked: Iterable[TP]) -> None:
        """Forget what is in flight, after Faust has waited for it and committed what was
        finished.
        """
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._in_flight.pop(tp, None)
            self._positions.pop(tp, None)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust's livelock report reads per-record offsets; /healthz watches progress."""

    def lag(self) -> dict[TP, int]:
        """Records that stand between what was delivered and the end of each assigned partition."""
        return {tp: max(0, end - position) for tp, (position, end) in self._positions.items()}


class BatchTransport(Transport):
    """Faust's aiokafka transport with batch delivery."""

    Consumer = BatchConsumer
