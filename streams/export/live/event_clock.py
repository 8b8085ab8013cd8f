"""Whether the event clock runs with the wall clock: read off two looks at both."""

from __future__ import annotations

# Live, ticks come each second; what moves between half and twice the wall clock's speed runs
# with it. Replays run far faster, a stream without ticks stands.
_SLOWEST, _FASTEST = 0.5, 2.0
_LEAST_MS = 4_000


class Pace:
    """Fed with looks at both clocks (ms); `moving` as of the last one that was long enough ago."""

    def __init__(self) -> None:
        self._from: tuple[int, int] | None = None
        self.moving = False

    def look(self, wall: int, event: int | None) -> bool:
        """Note where the clocks stand; whether the event clock runs with the wall clock."""
        if event is None:
            self._from, self.moving = None, False
        elif self._from is None:
            self._from = (wall, event)
        elif wall - self._from[0] >= _LEAST_MS:
            passed = wall - self._from[0]
            self.moving = _SLOWEST * passed <= event - self._from[1] <= _FASTEST * passed
            self._from = (wall, event)
        return self.moving
