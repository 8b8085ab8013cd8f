"""Trends: how a clause's figure went, at boundaries of event time.

A point is a pure function of the minutes that end in its window, which are kept for a day; so the
same log gives the same trend whatever the batches, the looks at it and the restarts were. Customers
who wait (the counter `waiting`) are no part of it: who waited at a boundary is not kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import NamedTuple

from streams.domain.contract import Clause
from streams.domain.delta import Key
from streams.domain.indicators import ratio
from streams.domain.key_windows import KeyWindows
from streams.domain.window_value import SLICE_MS

POINTS = 60
_HOUR_MS = 3_600_000


class Plan(NamedTuple):
    """Points lie `step_ms` apart, each over the `window_ms` that end there."""

    window_ms: int
    step_ms: int

    @property
    def span_ms(self) -> int:
        """From the first point to the last."""
        return (POINTS - 1) * self.step_ms


class Point(NamedTuple):
    """Numerator and denominator at a boundary (ms); denominator 0: unknown."""

    boundary: int
    numerator: int
    denominator: int


def plan_of(clause: Clause) -> Plan:
    """What a clause's trend shows: its own window where the minutes kept allow it, else an hour.

    For `escalation_wait` it is how many became overdue in each minute.
    """
    if clause.indicator == "escalation_wait":
        return Plan(SLICE_MS, SLICE_MS)
    if 0 < clause.window_ms < _HOUR_MS:
        return Plan(clause.window_ms, SLICE_MS)
    if clause.window_ms == _HOUR_MS:
        return Plan(_HOUR_MS, 6 * SLICE_MS)
    return Plan(_HOUR_MS, 20 * SLICE_MS)


class Trends:
    """The last POINTS points of each clause and key that was looked at."""

    def __init__(self) -> None:
        self._rings: dict[tuple[Key, str], tuple[Plan, deque[Point]]] = {}

    def points(self, held: KeyWindows, clause: Clause, closed: int) -> tuple[Point, ...]:
        """The points up to the last boundary closed (ms), from the key's first minute on."""
        plan = plan_of(clause)
        known, ring = self._rings.get((held.key, clause.id), (None, deque[Point](maxlen=POINTS)))
        if known != plan:
            ring.clear()
        self._rings[(held.key, clause.id)] = (plan, ring)
        last = closed - closed % plan.step_ms
        first = max(last - plan.span_ms, held.first_end or last)
        boundary = first + -first % plan.step_ms
        if ring:
            boundary = max(boundary, ring[-1].boundary + plan.step_ms)
        for at in range(boundary, last + 1, plan.step_ms):
            ring.append(_point(held, clause, plan, at))
        return tuple(point for point in ring if point.boundary >= last - plan.span_ms)

    def keep(self, looked_at: Collection[tuple[Key, str]]) -> None:
        """Forget the trends of all other keys and clauses."""
        for gone in self._rings.keys() - set(looked_at):
            del self._rings[gone]


def _point(held: KeyWindows, clause: Clause, plan: Plan, boundary: int) -> Point:
    sums: dict[str, int] = {}
    for end in range(boundary - plan.window_ms + SLICE_MS, boundary + 1, SLICE_MS):
        piece = held.slices.get(end)
        if piece is not None:
            for name, count in piece.counts.items():
                sums[name] = sums.get(name, 0) + count
    if clause.indicator == "escalation_wait":
        return Point(boundary, sums.get("overdue", 0), 1)
    return Point(boundary, *ratio(clause.indicator, sums, clause.reason))
