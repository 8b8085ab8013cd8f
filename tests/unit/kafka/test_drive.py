"""Which batches are processed, and what becomes of a partition that another worker has."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

from streams.kafka.batches import Batch
from streams.kafka.drive import Drive
from streams.kafka.outbox import Fenced


class Scene:
    """A drive in its first spell, and what it did."""

    def __init__(self, patience_s: float = 60.0) -> None:
        self.spell = 1
        self.processed: list[Batch] = []
        self.failures: list[BaseException] = []
        self.gave_up: list[str] = []
        self.drive = Drive(
            spell=lambda: self.spell,
            fail=self.failures.append,
            gave_up=self.gave_up.append,
            patience_s=patience_s,
        )

    async def process(self, batch: Batch) -> None:
        self.processed.append(batch)

    async def is_fenced(self, batch: Batch) -> None:
        raise Fenced("epoch 7")


def batch(partition: int = 0, spell: int = 1) -> Batch:
    return Batch("events", partition, [SimpleNamespace(offset=1)], None, spell)


def play(acts: Coroutine[Any, Any, None]) -> None:
    asyncio.run(acts)


def test_a_batch_delivered_before_a_rebalance_is_left_to_its_redelivery() -> None:
    async def acts() -> None:
        scene = Scene()
        stale, present = batch(spell=0), batch()
        await scene.drive.run(scene.process, stale)
        await scene.drive.run(scene.process, present)
        assert scene.processed == [present]

    play(acts())


def test_of_a_processed_batch_the_offsets_alone_are_kept() -> None:
    async def acts() -> None:
        scene = Scene()
        done = batch()
        await scene.drive.run(scene.process, done)
        assert (done.records, done.first, done.last) == ([], 1, 1)

    play(acts())


def test_a_fenced_partition_is_left_alone_until_the_group_has_said_whose_it_is() -> None:
    async def acts() -> None:
        scene = Scene()
        other = batch(partition=1)
        await scene.drive.run(scene.is_fenced, batch())
        await scene.drive.run(scene.process, batch())
        await scene.drive.run(scene.process, other)
        assert (scene.processed, scene.gave_up, scene.failures) == ([other], ["events"], [])
        scene.spell = 2
        scene.drive.resume()
        ours_again = batch(spell=2)
        await scene.drive.run(scene.process, ours_again)
        assert scene.processed == [other, ours_again]

    play(acts())


def test_a_partition_that_nobody_takes_after_fencing_ends_the_worker() -> None:
    async def acts() -> None:
        scene = Scene(patience_s=0.0)
        await scene.drive.run(scene.is_fenced, batch())
        async with asyncio.timeout(5):
            while not scene.failures:
                await asyncio.sleep(0)
        assert [str(error) for error in scene.failures] == ["epoch 7"]

    play(acts())


def test_a_rebalance_after_fencing_is_the_groups_answer() -> None:
    async def acts() -> None:
        scene = Scene(patience_s=0.0)
        await scene.drive.run(scene.is_fenced, batch())
        scene.spell = 2
        for _ in range(5):
            await asyncio.sleep(0)
        assert scene.failures == []

    play(acts())


def test_after_a_failure_nothing_more_is_processed() -> None:
    async def acts() -> None:
        async def fails(_: Batch) -> None:
            raise ValueError("broken")

        scene = Scene()
        await scene.drive.run(fails, batch())
        await scene.drive.run(scene.process, batch())
        assert (scene.processed, [str(e) for e in scene.failures]) == ([], ["broken"])

    play(acts())


def test_it_is_idle_once_what_is_under_way_has_ended() -> None:
    async def acts() -> None:
        may_end = asyncio.Event()

        async def slow(_: Batch) -> None:
            await may_end.wait()

        scene = Scene()
        await scene.drive.idle()
        for number in range(2):
            await scene.drive.run(slow, batch(number))
        idle = asyncio.create_task(scene.drive.idle())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not idle.done()
        may_end.set()
        await idle

    play(acts())


def test_while_one_partition_writes_others_are_processed_but_not_its_own_next_batch() -> None:
    async def acts() -> None:
        written, begun = asyncio.Event(), []

        async def writes(taken: Batch) -> None:
            begun.append(taken)
            await written.wait()

        scene = Scene()
        first, other, second = batch(), batch(partition=1), batch()
        await scene.drive.run(writes, first)
        await scene.drive.run(writes, other)
        third = asyncio.create_task(scene.drive.run(writes, second))
        for _ in range(5):
            await asyncio.sleep(0)
        assert begun == [first, other]
        written.set()
        await third
        await scene.drive.idle()
        assert begun == [first, other, second]

    play(acts())


def test_a_batch_that_waited_through_a_rebalance_is_left_to_its_redelivery() -> None:
    async def acts() -> None:
        written = asyncio.Event()

        async def writes(_: Batch) -> None:
            await written.wait()

        scene = Scene()
        await scene.drive.run(writes, batch())
        waits = asyncio.create_task(scene.drive.run(scene.process, batch()))
        await asyncio.sleep(0)
        scene.spell = 2
        written.set()
        await waits
        await scene.drive.idle()
        assert scene.processed == []

    play(acts())
