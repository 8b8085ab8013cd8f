"""A worker whose tick leader reads another clock: python -m tests.chaos.clocked FILE worker ...

FILE is JSON: `wall` (monotonic seconds) at which the clock said `data` (ms since 1970 UTC), `speed`
(its seconds in one of ours) and `always` (lead also without owning the first partition). It is read
anew for each tick, so that a test can set the clock back.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from streams.agents.ticks import TickLeader


@dataclass(frozen=True)
class Clock:
    """What a worker's clock says."""

    wall: float
    data: int
    speed: float
    always: bool = False

    def now_ms(self) -> int:
        """The time it says now, ms since 1970 UTC."""
        return self.data + int((time.monotonic() - self.wall) * self.speed * 1000)

    def write(self, path: Path) -> None:
        """Put it in the place of another at once."""
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self)))
        os.replace(fresh, path)

    @staticmethod
    def read(path: Path) -> Clock:
        """The clock as it was last written."""
        return Clock(**json.loads(path.read_text()))


def prepare(path: Path) -> None:
    """Give the tick leaders of this process that clock."""
    begin = TickLeader.__init__

    def begin_clocked(self: TickLeader, *given: Any, **named: Any) -> None:
        leads = named["leads"]
        named["leads"] = lambda: Clock.read(path).always or leads()
        named["now_ms"] = lambda: Clock.read(path).now_ms()
        begin(self, *given, **named)

    TickLeader.__init__ = begin_clocked  # type: ignore[method-assign]


if __name__ == "__main__":
    prepare(Path(sys.argv.pop(1)))
    from streams.cli.entry import main

    main()
