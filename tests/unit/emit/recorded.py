"""A transport that keeps what it is given, and can be out of reach."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import orjson

from streams.emit.buffer import Outgoing
from streams.emit.transport import Refusal, Unreachable


class Recorded:
    """What arrived. While `reachable` is not set every send fails, or hangs if `hanging`."""

    def __init__(self) -> None:
        self.batches: list[list[Outgoing]] = []
        self.reachable = threading.Event()
        self.reachable.set()
        self.hanging = False
        self.attempts = 0
        self.refuses: str | None = None
        self.threads: set[int] = set()

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Refusal]:
        self.attempts += 1
        self.threads.add(threading.get_ident())
        if not self.reachable.is_set():
            if self.hanging:
                await asyncio.sleep(3600)
            raise Unreachable("nobody there")
        self.batches.append(list(batch))
        return [Refusal(event, "no") for event in batch if event.type == self.refuses]

    async def stop(self) -> None:
        pass

    def events(self) -> list[dict[str, Any]]:
        return [orjson.loads(event.raw) for batch in self.batches for event in batch]
