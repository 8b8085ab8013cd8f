"""Baton as `baton worker` runs it: every stage, changelogs on, the guarantee that is asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path

from streams.app import Worker
from streams.contract_files import load_contracts
from streams.runtime import run
from streams.settings import Settings
from tests.bench.contestant import Stopwatch, Task, task_from_arguments

SESSION_TIMEOUT_S = 6.0
POLL_S = 0.01


async def work(task: Task) -> None:
    """Process the task's records until nothing is left to do. Raises WorkerCrashed."""
    settings = Settings(
        broker=task.broker,
        app_id=f"{task.prefix}bench-baton",
        prefix=task.prefix,
        partitions=task.partitions,
        port=0,
        session_timeout=SESSION_TIMEOUT_S,
        guarantee=task.guarantee,
        idempotence=task.idempotence,
        state_dir=None if task.state_dir is None else Path(task.state_dir),
        ticks=False,  # the log brings its own
    )
    worker = Worker(settings, load_contracts([Path(task.contract)]))
    crash = asyncio.ensure_future(worker.run_until(asyncio.Event()))
    try:
        await worker.start()
        while not worker.ready()[0]:
            await _wait(crash)
        watch = Stopwatch()
        while not _finished(worker, task):
            await _wait(crash)
        watch.stop(task, dict(worker.written()))
    finally:
        crash.cancel()
        await worker.stop()


async def _wait(crash: asyncio.Future[None]) -> None:
    done, _ = await asyncio.wait([crash], timeout=POLL_S)
    if done:
        crash.result()


def _finished(worker: Worker, task: Task) -> bool:
    """Nothing waits on either topic, and every window has reached the log's last watermark."""
    final = task.final_tick_ms - worker.settings.lateness_ms
    read = worker.telemetry.records["lifecycle"]
    watermarks = worker.telemetry.watermarks.values()
    return read >= task.records and worker.settled() and max(watermarks) == final


if __name__ == "__main__":
    run(work(task_from_arguments()))
