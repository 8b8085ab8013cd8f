"""Batches to stages: which are still ours, whether any is under way, and what a failure means."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from streams.kafka.batches import Batch
from streams.kafka.outbox import Fenced

log = logging.getLogger("baton")


class Drive:
    """Runs stages on the batches of the present spell between two rebalances: of each partition one
    after another, while what came of another's is being written.

    `spell` gives that spell's number; `fail` is told what ends the worker,
    `gave_up` the topic of a batch that counts for nothing. A partition that was
    fenced is left alone until the group says whose it is; where it does not within `patience_s`,
    nobody has it, and the worker ends.
    """

    def __init__(
        self,
        *,
        spell: Callable[[], int],
        fail: Callable[[BaseException], None],
        gave_up: Callable[[str], None],
        patience_s: float,
    ) -> None:
        self._spell = spell
        self._fail = fail
        self._gave_up = gave_up
        self._patience_s = patience_s
        self._failed = False
        self._fenced: set[tuple[str, int]] = set()
        self._under_way: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._progressed = time.monotonic()

    @property
    def idle_s(self) -> float:
        """Seconds since a batch was processed."""
        return time.monotonic() - self._progressed

    async def run(self, process: Callable[[Batch], Awaitable[None]], batch: Batch) -> None:
        """Begin a batch once its partition's last one is done, unless it is delivered again or to
        another worker anyway.
        """
        place = batch.topic, batch.partition
        if place in self._under_way:
            await asyncio.wait([self._under_way[place]])
        if self._failed or batch.spell != self._spell() or place in self._fenced:
            return
        task = asyncio.create_task(self._run(process, batch))
        self._under_way[place] = task
        task.add_done_callback(lambda _: self._under_way.pop(place))
        # One batch is folded in a turn of the loop, so that pages and heartbeats have theirs.
        await asyncio.sleep(0)

    async def _run(self, process: Callable[[Batch], Awaitable[None]], batch: Batch) -> None:
        try:
            await process(batch)
        except Fenced as error:
            self._give_up((batch.topic, batch.partition), error)
        except Exception as error:
            self._failed = True
            self._fail(error)
        else:
            self._progressed = time.monotonic()
            batch.let_go()

    async def idle(self) -> None:
        """Return once no batch is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way.values())

    def resume(self) -> None:
        """The group has said whose the partitions are: none is given up any more."""
        self._fenced.clear()

    def _give_up(self, place: tuple[str, int], error: Fenced) -> None:
        # The group says so with the next heartbeat.
        log.warning("%s/%d is another worker's now (%s); waiting for the group", *place, error)
        self._fenced.add(place)
        self._gave_up(place[0])
        spell = self._spell()

        def expire() -> None:
            if self._spell() == spell:
                self._failed = True
                self._fail(error)

        asyncio.get_running_loop().call_later(self._patience_s, expire)
