"""The live tick leader: wall-clock time onto every partition, by whoever owns the first one.

Two leaders at once, or a clock that jumps back, change nothing: a tick that does not move a
partition's clock forward is ignored (DEFINITIONS.md section 1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from streams.kafka.outbox import Outbox
from streams.replay import tick_record


class TickLeader:
    """Writes a tick to each of `partitions` every `interval_s` while `leads()` says so.

    `now_ms` gives the wall clock in ms since 1970 UTC.
    """

    def __init__(
        self,
        outbox: Outbox,
        topic: str,
        partitions: int,
        *,
        interval_s: float,
        leads: Callable[[], bool],
        now_ms: Callable[[], int],
    ) -> None:
        self._outbox = outbox
        self._topic = topic
        self._partitions = partitions
        self._interval_s = interval_s
        self._leads = leads
        self._now_ms = now_ms

    async def run(self) -> None:
        """Until cancelled. Raises OutboxError where a tick could not be written."""
        while True:
            if self._leads():
                tick = tick_record(self._now_ms(), source="/baton/leader")
                for partition in range(self._partitions):
                    self._outbox.put(self._topic, partition, None, tick)
                await self._outbox.flush()
            await asyncio.sleep(self._interval_s)
