"""What carries events to Baton: the interface, and what may come of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from streams.emit.buffer import Outgoing


class Unreachable(Exception):
    """A batch is not known to have arrived; the same events are to be sent again, under the same
    ids. `wait_s` is how long the receiver asks us to wait, 0 where it does not say.
    """

    def __init__(self, why: str, wait_s: float = 0.0) -> None:
        super().__init__(why)
        self.wait_s = wait_s


class Refusal(NamedTuple):
    """An event that the receiver will never take, and why."""

    event: Outgoing
    why: str


class Transport(Protocol):
    """Lives on the sender's own event loop: made, used and stopped there."""

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Refusal]:
        """Return once all but the refused have arrived. Raises Unreachable."""

    async def stop(self) -> None:
        """Close the connections."""
