"""Sums over a rolling window of one key's slices, made when they are asked for.

DEFINITIONS.md section 8. A window that nobody asks about costs nothing; one that is asked about at
every boundary costs the slice that enters and the one that leaves, whatever its length.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.domain.sums import Sums
from streams.domain.window_value import SLICE_MS


@dataclass(slots=True)
class RollingSums:
    """The slices that end in (boundary - `length`, boundary], as of the last boundary asked about.
    Times in ms.
    """

    length: int
    _sums: Sums = field(default_factory=Sums)
    _upto: int | None = None

    def at(self, boundary: int, slices: Mapping[int, Sums]) -> Sums:
        """The sums at a boundary that is not before the last one; not to be changed.

        `slices` by their end: those of the window, and those that were in it when it was last asked
        about.
        """
        upto = self._upto
        if upto == boundary:
            return self._sums
        self._upto = boundary
        # Moving on takes two slices a minute, making it anew one.
        if upto is None or 2 * (boundary - upto) >= self.length:
            self._sums = self._made_anew(boundary, slices)
            return self._sums
        sums, length = self._sums, self.length
        for end in range(upto + SLICE_MS, boundary + 1, SLICE_MS):
            entering = slices.get(end)
            if entering is not None:
                sums.add(entering.counts, entering.latencies)
            leaving = slices.get(end - length)
            if leaving is not None:
                sums.subtract(leaving.counts, leaving.latencies)
        return sums

    def _made_anew(self, boundary: int, slices: Mapping[int, Sums]) -> Sums:
        sums, start = Sums(), boundary - self.length
        if len(slices) < self.length // SLICE_MS:
            for end, piece in slices.items():
                if start < end <= boundary:
                    sums.add(piece.counts, piece.latencies)
            return sums
        for end in range(start + SLICE_MS, boundary + 1, SLICE_MS):
            entered = slices.get(end)
            if entered is not None:
                sums.add(entered.counts, entered.latencies)
        return sums
