"""Baton as `baton worker` runs it: every stage, changelogs on, the guarantee that is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from streams.app import Worker
from streams.contract_files import load_contracts
from streams.runtime import run
from streams.settings import Settings
from tests.bench.contestant import Stopwatch, Task, task_from_arguments

SESSION_TIMEOUT_S = 6.0
POLL_S = 0.01


def new_worker(task: Task, ticks_every: str | None = None) -> Worker:
    """The worker that the task asks for, not started. It writes ticks only if told how often, for
    a log brings its own.
    """
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
        ticks=ticks_every is not None,
        tick_interval=ticks_every or "1s",
    )
    return Worker(settings, load_contracts([Path(task.contract)]))


async def work(task: Task) -> None:
    """Process the task's records until nothing is left to do. Raises WorkerCrashed."""
    worker = new_worker(task)
    crash = asyncio.ensure_future(worker.run_until(asyncio.Event()))
    try:
        await worker.start()
        await awaited(crash, lambda: worker.ready()[0])
        watch = Stopwatch()
        await awaited(crash, lambda: _finished(worker, task))
        watch.stop(task, dict(worker.written()))
    finally:
        crash.cancel()
        await worker.stop()


async def awaited(crash: asyncio.Future[None], reached: Callable[[], bool]) -> None:
    """Return once `reached`. Raises WorkerCrashed if `crash` comes first."""
    while not reached():
        done, _ = await asyncio.wait([crash], timeout=POLL_S)
        if done:
            crash.result()


def _finished(worker: Worker, task: Task) -> bool:
    """Nothing waits on any topic, and every window's value at the log's last watermark is
    acknowledged.
    """
    final = task.final_tick_ms - worker.settings.lateness_ms
    telemetry = worker.telemetry
    read = telemetry.records["lifecycle"]
    return read >= task.records and worker.settled() and max(telemetry.judged.values()) == final


if __name__ == "__main__":
    run(work(task_from_arguments()))
