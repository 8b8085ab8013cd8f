"""A worker on a slower processor: python -m tests.overload.slowed FILE worker ...

FILE holds the seconds that each record of the events topic takes more. They are spent as work would
be: nothing else runs on the event loop meanwhile. It is read anew for each batch.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from streams.agents.lifecycle import LifecycleStage
from streams.kafka.batches import Batch


def prepare(path: Path) -> None:
    """Slow down the lifecycle stages of this process."""
    process = LifecycleStage.process

    async def process_slowly(self: LifecycleStage, batch: Batch) -> None:
        time.sleep(float(path.read_text()) * len(batch.records))
        await process(self, batch)

    LifecycleStage.process = process_slowly  # type: ignore[method-assign]


if __name__ == "__main__":
    prepare(Path(sys.argv.pop(1)))
    from streams.cli.entry import main

    main()
