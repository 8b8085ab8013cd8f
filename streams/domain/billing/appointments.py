"""When somebody has to be looked at again: a name and a time, in as little memory as may be.

Times in ms since 1970 UTC.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from heapq import heapify, heappop, heappush

_HOUR_MS = 3_600_000


class Appointments:
    """Names by when they are due. An appointment that moved is left where it was, so whoever keeps
    one must know it again by its time.

    What is due in a later hour lies unordered with the others of its hour, 16 bytes each.
    """

    def __init__(self) -> None:
        self._hours: dict[int, tuple[array[int], list[str]]] = {}
        self._order: list[int] = []
        self._near: list[tuple[int, str]] = []
        self._opened = -(1 << 62)

    def add(self, due: int, name: str) -> None:
        """Let `name` be due at `due`."""
        hour = due // _HOUR_MS
        if hour <= self._opened:
            heappush(self._near, (due, name))
            return
        held = self._hours.get(hour)
        if held is None:
            held = self._hours[hour] = (array("q"), [])
            heappush(self._order, hour)
        held[0].append(due)
        held[1].append(name)

    def due(self, reached: int) -> Iterator[tuple[int, str]]:
        """Those that are due at `reached` or were before, each once, in order of time. What is
        added meanwhile comes too, where it is due.
        """
        near, order = self._near, self._order
        while True:
            while near and near[0][0] <= reached:
                yield heappop(near)
            if not order or order[0] * _HOUR_MS > reached:
                return
            self._opened = heappop(order)
            dues, names = self._hours.pop(self._opened)
            near.extend(zip(dues, names, strict=True))
            heapify(near)
