"""What may be committed while batches are in flight; faust's own bookkeeping would lose records.

No broker: what faust and aiokafka would do around the consumer is given by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP

from streams.kafka.batches import Batch, BatchConsumer
from streams.kafka.records import Record
from streams.kafka.store import StateError

EVENTS, OTHER = TP("interaction-events", 0), TP("interaction-events", 1)
CHANGELOG = TP("baton-interactions-changelog", 0)


class HandDriven(BatchConsumer):
    """A consumer with flow on, nothing assigned, and no broker behind it."""

    should_stop = False
    _most_records = 10

    def __init__(self, committed: dict[TP, int | None] | None = None) -> None:
        self.app = SimpleNamespace(consumer_generation_id=1)
        self.can_resume_flow, self.suspend_flow = asyncio.Event(), asyncio.Event()
        self.not_waiting_next_records = asyncio.Event()
        self.quiet = asyncio.Event()
        self._unacked_messages: set[Any] = set()
        self._waiting_for_ack = None
        self._read_offset: dict[TP, int | None] = {}
        self._committed_offset: dict[TP, int | None] = {}
        self.committed = committed or {}
        self.fetched: dict[TP, list[Any]] = {}
        self.sought: dict[TP, int] = {}
        self.highwaters: dict[TP, int] = {}
        self.stands: dict[TP, tuple[int, int]] = {}
        self.tables: dict[TP, int] = {tp: at or 0 for tp, at in self.committed.items()}
        self._reset_state()

    async def _wait_next_records(self, timeout: float) -> Any:
        fetched, self.fetched = self.fetched, {}
        return fetched, None

    def _is_changelog_tp(self, tp: TP) -> bool:
        return tp == CHANGELOG

    def highwater(self, tp: TP) -> int | None:
        return self.highwaters.get(tp)

    def _standing(self, tp: TP) -> tuple[int, int] | None:
        return self.stands.get(tp)

    async def _quiesced(self) -> None:
        await self.quiet.wait()

    def _held(self, tp: TP) -> int:
        return self.tables[tp]

    def assignment(self) -> set[TP]:
        return set(self.committed)

    async def seek_to_committed(self) -> dict[TP, int | None]:
        return dict(self.committed)

    async def seek_wait(self, offsets: Any) -> None:
        self.sought.update(offsets)

    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, 7)

    def fetches(self, tp: TP, *offsets: int) -> None:
        """What the next fetch brings of one partition."""
        self.fetched[tp] = [Record(*tp, o, None, b"k", b"%d" % o, []) for o in offsets]


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(coroutine)


async def delivered(consumer: HandDriven) -> list[tuple[TP, Any]]:
    return [(tp, message) async for tp, message in consumer.getmany(1.0)]


async def in_flight(consumer: HandDriven, *fetches: Iterable[int], tp: TP = EVENTS) -> list[Batch]:
    """The batches of so many fetches, one after another."""
    batches = []
    for offsets in fetches:
        consumer.fetches(tp, *offsets)
        batches += [message.value for _, message in await delivered(consumer)]
    return batches


def committable(consumer: HandDriven) -> dict[TP, int | None]:
    """What faust would commit now."""
    tps = list(consumer._filter_tps_with_pending_acks())
    return {tp: consumer._new_offset(tp) for tp in tps}


def test_a_fetch_reaches_the_agent_as_one_message_a_partition() -> None:
    async def scene() -> None:
        consumer = HandDriven()
        consumer.fetches(EVENTS, 3, 4, 7)
        consumer.fetches(OTHER, 1)
        found = await delivered(consumer)
        assert [(tp, m.offset, m.key) for tp, m in found] == [(EVENTS, 7, None), (OTHER, 1, None)]
        batch = found[0][1].value
        assert [(r.offset, r.value) for r in batch.records] == [(3, b"3"), (4, b"4"), (7, b"7")]
        assert (batch.topic, batch.partition, batch.first, batch.last) == (*EVENTS, 3, 7)

    run(scene())


def test_a_fetch_of_more_than_a_batch_may_hold_is_cut_into_equal_ones() -> None:
    async def scene() -> None:
        consumer = HandDriven()
        batches = await in_flight(consumer, range(21))
        assert [(batch.first, batch.last) for batch in batches] == [(0, 6), (7, 13), (14, 20)]
        batches[1].release()
        assert committable(consumer) == {}
        batches[0].release()
        assert committable(consumer) == {EVENTS: 14}

    run(scene())


def test_records_of_a_changelog_are_not_delivered() -> None:
    async def scene() -> None:
        consumer = HandDriven()
        consumer.fetches(CHANGELOG, 3, 4)
        assert await delivered(consumer) == []

    run(scene())


def test_of_two_batches_in_flight_the_second_finished_first_commits_nothing() -> None:
    async def scene() -> None:
        consumer = HandDriven()
        first, second = await in_flight(consumer, range(5), range(5, 9))
        second.release()
        assert committable(consumer) == {}
        assert consumer._new_offset(EVENTS) is None
        first.release()
        assert committable(consumer) == {EVENTS: 9}

    run(scene())


def test_a_batch_that_the_stream_is_done_with_is_not_committable_until_released() -> None:
    async def scene() -> None:
        consumer = HandDriven()
        consumer.fetches(EVENTS, 0, 1, 2)
        ((_, message),) = await delivered(consumer)
        assert (consumer.ack(message), consumer.ack(message)) == (True, False)
        assert committable(consumer) == {}
        message.value.release()
        assert committable(consumer) == {EVENTS: 3}

    run(scene())


def test_a_gap_between_two_batches_acknowledges_nothing() -> None:
    async def scene() -> None:
        consumer = HandDriven()
        first, second = await in_flight(consumer, [0, 4], [10, 14])
        # Faust reports the jump from 4 to 10, or from 0 to 14, as a gap that needs no processing.
        await consumer._add_gap(EVENTS, 5, 10)
        await consumer._add_gap(EVENTS, 1, 14)
        assert committable(consumer) == {}
        first.release()
        assert committable(consumer) == {EVENTS: 5}
        second.release()
        assert committable(consumer) == {EVENTS: 15}

    run(scene())


def test_what_was_committed_is_not_committed_again() -> None:
    async def scene() -> None:
        consumer = HandDriven()
        (only,) = await in_flight(consumer, range(3))
        only.release()
        assert [committable(consumer), committable(consumer)] == [{EVENTS: 3}, {}]

    run(scene())


def test_partitions_do_not_wait_for_each_other() -> None:
    async def scene() -> None:
        consumer = HandDriven()
        await in_flight(consumer, range(3))
        (theirs,) = await in_flight(consumer, range(8), tp=OTHER)
        theirs.release()
        assert committable(consumer) == {OTHER: 8}

    run(scene())


def test_what_is_fetched_after_a_rebalance_began_is_dropped() -> None:
    async def scene() -> None:
        consumer = HandDriven()
        consumer.fetches(EVENTS, 0, 1)
        consumer.flow_active = False
        assert await delivered(consumer) == []
        assert committable(consumer) == {}

    run(scene())


def test_after_a_seek_what_was_in_flight_is_forgotten_and_cannot_be_committed() -> None:
    async def scene() -> None:
        consumer = HandDriven(committed={EVENTS: 20})
        (stale,) = await in_flight(consumer, range(20, 25))
        await consumer.perform_seek()
        stale.release()
        assert committable(consumer) == {}
        consumer.flow_active = True
        (again,) = await in_flight(consumer, range(20, 30))
        again.release()
        assert committable(consumer) == {EVENTS: 30}

    run(scene())


def test_a_seek_waits_for_the_fetch_that_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        under_way, arrived = asyncio.Event(), asyncio.Event()

        async def slow_fetch(self: Any, active: Any, timeout: float) -> dict[TP, list[Any]]:
            under_way.set()
            await arrived.wait()
            return {}

        monkeypatch.setattr(Consumer, "_getmany", slow_fetch)
        consumer = HandDriven(committed={EVENTS: 20})
        fetch = asyncio.create_task(consumer._getmany(None, 1.0))
        await under_way.wait()
        seek = asyncio.create_task(consumer.perform_seek())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not seek.done()
        arrived.set()
        await asyncio.gather(fetch, seek)

    run(scene())


def test_the_last_commit_before_a_rebalance_waits_for_batches_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        committed: list[dict[TP, int | None]] = []

        async def commit(consumer: HandDriven) -> None:
            committed.append(committable(consumer))

        monkeypatch.setattr(Consumer, "commit_and_end_transactions", commit)
        consumer = HandDriven()
        consumer._commit_fut = None
        (batch,) = await in_flight(consumer, [3, 4])
        ending = asyncio.ensure_future(consumer.commit_and_end_transactions())
        for _ in range(5):
            await asyncio.sleep(0)
        assert committed == []
        batch.release()
        consumer.quiet.set()
        await ending
        assert committed == [{EVENTS: 5}]

    run(scene())


def test_a_partition_never_committed_is_read_from_its_start() -> None:
    async def scene() -> None:
        consumer = HandDriven(committed={EVENTS: 20, OTHER: None})
        await consumer.perform_seek()
        assert consumer.sought == {OTHER: 7}

    run(scene())


def test_lag_is_what_stands_between_delivery_and_the_end() -> None:
    async def scene() -> None:
        consumer = HandDriven(committed={EVENTS: 20})
        await consumer.perform_seek()
        consumer.stands[EVENTS] = (30, 100)
        assert consumer.lag() == {EVENTS: 70}

    run(scene())


@pytest.mark.parametrize(
    ("stands", "told", "lag"),
    [
        ((30, 100), 5_000, 4_970),
        # What the brokers were last asked is older than a fetch.
        ((30, 100), 90, 70),
        # What was fetched is used up, and nothing has been fetched since.
        ((100, 100), 5_000, 4_900),
        # Past the marker of a transaction, which the last word did not know of.
        ((102, 102), 100, 0),
    ],
)
def test_lag_counts_what_was_written_since_the_last_fetch(
    stands: tuple[int, int], told: int, lag: int
) -> None:
    async def scene() -> None:
        consumer = HandDriven(committed={EVENTS: 20})
        await consumer.perform_seek()
        consumer.stands[EVENTS] = stands
        consumer._told_ends = {EVENTS: told}
        assert consumer.lag() == {EVENTS: lag}

    run(scene())


def test_a_batch_belongs_to_the_spell_between_two_rebalances() -> None:
    async def scene() -> None:
        consumer = HandDriven(committed={EVENTS: 20})
        (stale,) = await in_flight(consumer, range(20, 25))
        await consumer.perform_seek()
        consumer.flow_active = True
        (again,) = await in_flight(consumer, range(20, 25))
        assert (stale.spell == consumer.spell, again.spell == consumer.spell) == (False, True)

    run(scene())


def test_offsets_committed_ahead_of_the_table_are_refused() -> None:
    async def scene() -> None:
        consumer = HandDriven(committed={EVENTS: 20})
        consumer.tables[EVENTS] = 19
        with pytest.raises(StateError, match=r"interaction-events/0 is 20.*only 19.*--app-id"):
            await consumer.perform_seek()

    run(scene())
