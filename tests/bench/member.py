"""One worker of a group that shares the log's partitions: pipeline.py, but it stays to the end.

It stays until its standard input is closed, for whoever leaves the group makes the rest rebalance,
and their cost would be another one.
"""

from __future__ import annotations

import asyncio
import sys

from streams.app import Worker
from streams.runtime import run
from tests.bench.contestant import Stopwatch, Task, task_from_arguments
from tests.bench.pipeline import awaited, new_worker


async def work(task: Task) -> None:
    """Process this worker's share until nothing is left to do. Raises WorkerCrashed."""
    worker = new_worker(task)
    crash = asyncio.ensure_future(worker.run_until(asyncio.Event()))
    try:
        await worker.start()
        await awaited(crash, lambda: worker.ready()[0])
        watch = Stopwatch()
        await awaited(crash, lambda: _finished(worker, task))
        watch.stop(task, dict(worker.written()))
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    finally:
        crash.cancel()
        await worker.stop()


def _finished(worker: Worker, task: Task) -> bool:
    """All of this worker's partitions have reached the log's last watermark: its windows do so only
    after everybody's events.
    """
    final = task.final_tick_ms - worker.settings.lateness_ms
    watermarks = worker.telemetry.watermarks.values()
    return worker.settled() and set(watermarks) == {final}


if __name__ == "__main__":
    run(work(task_from_arguments()))
