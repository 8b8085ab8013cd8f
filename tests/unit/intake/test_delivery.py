"""Records are acknowledged or not, and none is written twice while the process lives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka.errors import MessageSizeTooLargeError, OutOfOrderSequenceNumber

from streams.intake.delivery import Delivery, Full, Letter, NotAcknowledged, TooLarge
from tests.unit.intake.brokers_in_memory import Brokers

AT_ONCE_S = 0.01


def letters(*names: str) -> list[Letter]:
    return [Letter(name, "events", b"key", name.encode(), []) for name in names]


@asynccontextmanager
async def delivering(brokers: Brokers, **limits: int) -> AsyncIterator[Delivery]:
    delivery = Delivery(brokers.producer, **limits)  # type: ignore[arg-type]
    await delivery.start()
    try:
        yield delivery
    finally:
        await delivery.stop(0.1)


def played(scene: Callable[[Brokers], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        await scene(Brokers())

    asyncio.run(run())


def test_what_was_delivered_is_with_the_brokers() -> None:
    async def scene(brokers: Brokers) -> None:
        async with delivering(brokers) as delivery:
            assert await delivery.deliver(letters("a", "b"), 5) == 0
            assert brokers.ids() == [("events", b"a"), ("events", b"b")]
            assert delivery.pending_bytes == 0

    played(scene)


def test_the_same_record_is_written_once_within_a_request_and_between_them() -> None:
    async def scene(brokers: Brokers) -> None:
        async with delivering(brokers) as delivery:
            assert await delivery.deliver(letters("a", "a"), 5) == 1
            assert await delivery.deliver(letters("a", "b"), 5) == 1
            assert brokers.ids() == [("events", b"a"), ("events", b"b")]

    played(scene)


def test_while_the_brokers_are_away_nothing_is_acknowledged_and_then_all_is_there_once() -> None:
    async def scene(brokers: Brokers) -> None:
        brokers.there.clear()
        delivery = Delivery(brokers.producer)  # type: ignore[arg-type]
        brokers.there.set()
        await delivery.start()
        brokers.there.clear()
        for _ in range(3):  # a platform that tries again
            with pytest.raises(NotAcknowledged, match="do not answer within"):
                await delivery.deliver(letters("a", "b"), AT_ONCE_S)
        assert brokers.records == []
        assert delivery.waits_s > 0
        brokers.there.set()
        assert await delivery.deliver(letters("a", "b", "c"), 5) == 2
        assert sorted(value or b"" for _, value in brokers.ids()) == [b"a", b"b", b"c"]
        assert delivery.waits_s == 0
        await delivery.stop()

    played(scene)


def test_no_more_waits_than_there_is_room_for() -> None:
    async def scene(brokers: Brokers) -> None:
        room = sum(letter.size for letter in letters("a", "b"))
        async with delivering(brokers, most_pending_bytes=room) as delivery:
            brokers.there.clear()
            with pytest.raises(NotAcknowledged):
                await delivery.deliver(letters("a", "b"), AT_ONCE_S)
            with pytest.raises(Full):
                await delivery.deliver(letters("c"), AT_ONCE_S)
            brokers.there.set()
            await delivery.deliver(letters("a", "b"), 5)
            await delivery.deliver(letters("c"), 5)
            assert len(brokers.records) == 3

    played(scene)


def test_after_a_refusal_another_producer_writes() -> None:
    async def scene(brokers: Brokers) -> None:
        async with delivering(brokers) as delivery:
            brokers.refusing = OutOfOrderSequenceNumber()
            with pytest.raises(NotAcknowledged, match="OutOfOrderSequenceNumber"):
                await delivery.deliver(letters("a"), 5)
            brokers.refusing = None
            async with asyncio.timeout(10):
                while True:
                    try:
                        await delivery.deliver(letters("a"), 5)
                        break
                    except NotAcknowledged:
                        await asyncio.sleep(0)
            assert brokers.ids() == [("events", b"a")]
            assert brokers.producers == 2

    played(scene)


def test_a_record_too_large_for_the_topic_is_said_to_be_and_the_producer_goes_on() -> None:
    async def scene(brokers: Brokers) -> None:
        async with delivering(brokers) as delivery:
            brokers.refusing = MessageSizeTooLargeError()
            with pytest.raises(TooLarge):
                await delivery.deliver(letters("a"), 5)
            brokers.refusing = None
            await delivery.deliver(letters("b"), 5)
            assert brokers.producers == 1

    played(scene)


def test_requests_that_wait_for_one_partition_share_its_batches() -> None:
    async def scene(brokers: Brokers) -> None:
        async with delivering(brokers) as delivery:
            brokers.there.clear()
            each = [asyncio.create_task(delivery.deliver(letters(f"r{n}"), 5)) for n in range(250)]
            await asyncio.sleep(0)
            brokers.there.set()
            assert await asyncio.gather(*each) == [0] * 250
            assert sorted(brokers.ids()) == sorted(("events", b"r%d" % n) for n in range(250))
            assert brokers.batches <= 4  # the first one's, then no more than 100 a batch

    played(scene)


def test_what_is_too_large_together_is_written_one_by_one_and_only_the_large_one_is_refused() -> (
    None
):
    async def scene(brokers: Brokers) -> None:
        brokers.most_bytes = 10
        async with delivering(brokers) as delivery:
            large = asyncio.create_task(delivery.deliver(letters("x" * 11), 5))
            small = asyncio.create_task(delivery.deliver(letters("small", "sm", "small2"), 5))
            with pytest.raises(TooLarge):
                await large
            assert await small == 0
            assert {value for _, value in brokers.ids()} == {b"small", b"sm", b"small2"}
            with pytest.raises(TooLarge):
                await delivery.deliver(letters("y" * 600_000), 5)  # fits into no batch at all

    played(scene)


def test_what_waits_in_line_behind_a_refusal_is_put_off_and_taken_when_it_comes_again() -> None:
    async def scene(brokers: Brokers) -> None:
        async with delivering(brokers) as delivery:
            brokers.there.clear()
            first = asyncio.create_task(delivery.deliver(letters("a"), 5))
            await asyncio.sleep(AT_ONCE_S)
            second = asyncio.create_task(delivery.deliver(letters("b"), 5))
            await asyncio.sleep(AT_ONCE_S)
            brokers.refusing = OutOfOrderSequenceNumber()
            brokers.there.set()
            for each in (first, second):
                with pytest.raises(NotAcknowledged):
                    await each
            brokers.refusing = None
            while brokers.producers < 2:
                await asyncio.sleep(0)
            assert await _again(delivery, letters("a", "b")) == 0
            assert sorted(brokers.ids()) == [("events", b"a"), ("events", b"b")]

    played(scene)


async def _again(delivery: Delivery, several: list[Letter]) -> int:
    """As a platform does: until it is taken."""
    while True:
        try:
            return await delivery.deliver(several, 5)
        except NotAcknowledged:
            await asyncio.sleep(0)


def test_what_is_remembered_is_bounded_and_the_oldest_is_forgotten_first() -> None:
    async def scene(brokers: Brokers) -> None:
        async with delivering(brokers, remembered=2) as delivery:
            await delivery.deliver(letters("a", "b"), 5)
            await delivery.deliver(letters("a", "c"), 5)  # forgets b
            assert await delivery.deliver(letters("a", "c"), 5) == 2
            assert await delivery.deliver(letters("b"), 5) == 0

    played(scene)


def test_stopping_says_how_much_was_left_behind() -> None:
    async def scene(brokers: Brokers) -> None:
        async with delivering(brokers) as delivery:
            brokers.there.clear()
            with pytest.raises(NotAcknowledged):
                await delivery.deliver(letters("a", "b"), AT_ONCE_S)
            assert await delivery.stop(AT_ONCE_S) == 2

    played(scene)
