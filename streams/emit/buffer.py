"""Events that wait to be sent: a bounded queue between the bot's threads and the sender's."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

_OVERHEAD_BYTES = 200


class Outgoing(NamedTuple):
    """One event to send: its type for messages, its Kafka key, and structured CloudEvents JSON."""

    type: str
    id: str
    key: bytes | None
    raw: bytes

    @property
    def size(self) -> int:
        """About the memory it takes while it waits, in bytes."""
        return len(self.raw) + _OVERHEAD_BYTES


class Buffer:
    """Takes at most `most_events` and `most_bytes`, those that are being sent included.

    What does not fit is refused, so that the oldest are kept: an escalation is timed from its first
    signal, and the bot never waits.
    """

    def __init__(self, most_events: int, most_bytes: int) -> None:
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._waiting: deque[Outgoing] = deque()
        self._bytes = 0
        self._put = 0
        self._settled = 0
        self._changed = threading.Condition()

    def put(self, event: Outgoing) -> int:
        """Add one; how many wait to be taken now, 0 where it did not fit."""
        with self._changed:
            held = self._put - self._settled
            if held >= self._most_events or self._bytes + event.size > self._most_bytes:
                return 0
            self._waiting.append(event)
            self._bytes += event.size
            self._put += 1
            return len(self._waiting)

    def take(self, most: int) -> list[Outgoing]:
        """The oldest that wait, at most so many; they count as held until they are settled."""
        with self._changed:
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def settle(self, events: list[Outgoing]) -> None:
        """These are sent, or given up."""
        with self._changed:
            self._settled += len(events)
            self._bytes -= sum(event.size for event in events)
            self._changed.notify_all()

    def await_settled(self, timeout_s: float | None) -> bool:
        """Wait until all that was put before this call is settled; whether that came in time."""
        with self._changed:
            goal = self._put
            return self._changed.wait_for(lambda: self._settled >= goal, timeout_s)

    @property
    def held(self) -> int:
        """How many are put and not settled."""
        with self._changed:
            return self._put - self._settled

    def clear(self) -> list[Outgoing]:
        """Give up all that waits, and return it."""
        with self._changed:
            left = list(self._waiting)
            self._waiting.clear()
        self.settle(left)
        return left

    def forget(self) -> None:
        """In a process that was forked off: what waits is the other's to send."""
        self._changed = threading.Condition()
        self._waiting.clear()
        self._bytes, self._settled = 0, self._put
