"""Ticks made from data: how a log that was recorded is given the time it was read at.

Live, a leader writes ticks from the wall clock. For a replay (and for the batch judge, which must
see the same ticks) they come from the log itself: from when each record was written down
(`recordedtime`, else its own time).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

_R = TypeVar("_R")

DEFAULT_TICK_INTERVAL_MS = 10_000
DEFAULT_SETTLE_MS = 600_000


def interleave_ticks(
    records: Iterable[tuple[_R, int | None]],
    *,
    interval_ms: int = DEFAULT_TICK_INTERVAL_MS,
    settle_ms: int = DEFAULT_SETTLE_MS,
) -> Iterator[_R | int]:
    """Records in their order with ticks (an int, ms) before them, and a last tick `settle_ms` on.

    Each record comes with its arrival time in ms, or None where it has none that can be read. Time
    moves to an arrival only as far as the next one confirms it (the lesser of the two; the last
    needs no confirmation), so that one record from the far future cannot make all that follow late.
    Ticks stand on multiples of `interval_ms`; the last one is exact.
    """
    held: list[_R] = []
    held_arrival: int | None = None
    reached: int | None = None
    ticked: int | None = None
    for record, arrival in records:
        if arrival is None:
            if held_arrival is None:
                yield record
            else:
                held.append(record)
            continue
        if held_arrival is not None:
            confirmed = min(held_arrival, arrival)
            reached = confirmed if reached is None else max(reached, confirmed)
            due = reached - reached % interval_ms
            if ticked is None or due > ticked:
                ticked = due
                yield due
            yield from held
        held, held_arrival = [record], arrival
    if held_arrival is not None:
        reached = held_arrival if reached is None else max(reached, held_arrival)
        due = reached - reached % interval_ms
        if ticked is None or due > ticked:
            yield due
        yield from held
        yield reached + settle_ms
