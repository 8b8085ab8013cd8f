"""From an event's writing to the worker's own metric, at half of the throughput measured before.

`python -m tests.bench.latency JSON` is the worker with wall-clock ticks; once it is ready it starts
`python -m tests.bench.paced JSON`, which writes events at a steady rate. What is measured: README.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import msgspec

from streams.app import Worker
from streams.runtime import run
from tests.bench.contestant import Task, task_from_arguments
from tests.bench.pipeline import new_worker

POLL_S = 0.005
_WARM_UP_S = 5.0
_TICK = "100ms"
_PERCENTS = (50, 99, 100)


class Paced(msgspec.Struct, frozen=True, kw_only=True):
    """How events are written: `records` is a file of them (MessagePack), `count` of which go out
    at `rate` a second from `began` (wall clock, s) on.
    """

    broker: str
    topic: str
    partitions: int
    records: str
    count: int
    rate: float
    began: float = 0.0

    def written_at(self, number: int) -> float:
        """When the event of that number is due, wall clock in s."""
        return self.began + number / self.rate


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds at the 50th and 99th percentile and at most.

    `counted` from an event's writing to its being counted, `shown` from a tick's writing to its
    having passed all stages.
    """

    rate: float
    events: int
    counted_ms: tuple[float, float, float]
    shown_ms: tuple[float, float, float]
    cpu_per_million: float = 0.0


class Observed:
    """What polling saw of the worker's metrics."""

    def __init__(self, paced: Paced, lateness_ms: int) -> None:
        self._paced = paced
        self._lateness = lateness_ms
        self._from = paced.began + min(_WARM_UP_S, paced.count / paced.rate / 4)
        self._counted = 0
        self._shown: dict[int, int] = {}
        self.counted_ms: list[float] = []
        self.shown_ms: list[float] = []

    def look(self, worker: Worker, now: float) -> None:
        """Take what the metrics say at `now` (wall clock, s)."""
        telemetry, paced = worker.telemetry, self._paced
        counted = sum(telemetry.events.values()) + sum(telemetry.dead_letters.values())
        for number in range(self._counted, min(counted, paced.count)):
            due = paced.written_at(number)
            if due >= self._from:
                self.counted_ms.append((now - due) * 1000)
        self._counted = counted
        for partition, judged in telemetry.judged.items():
            tick = judged + self._lateness
            if self._shown.get(partition) != tick:
                self._shown[partition] = tick
                if self._from * 1000 <= tick <= paced.written_at(paced.count) * 1000:
                    self.shown_ms.append(now * 1000 - tick)

    @property
    def done(self) -> bool:
        """Whether every event was counted."""
        return self._counted >= self._paced.count


async def watch(task: Task, paced: Paced) -> Latency:
    """Start the worker, let events come, and look on. Raises WorkerCrashed."""
    worker = new_worker(task, ticks_every=_TICK)
    crash = asyncio.ensure_future(worker.run_until(asyncio.Event()))
    producer = None
    try:
        await worker.start()
        while not worker.ready()[0]:
            await _wait(crash)
        paced = msgspec.structs.replace(paced, began=time.time() + 3)
        producer = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.paced", msgspec.json.encode(paced).decode())
        )
        seen = Observed(paced, worker.settings.lateness_ms)
        used = time.process_time()
        while not seen.done:
            await _wait(crash)
            seen.look(worker, time.time())
        return Latency(
            rate=paced.rate,
            events=len(seen.counted_ms),
            counted_ms=_percentiles(seen.counted_ms),
            shown_ms=_percentiles(seen.shown_ms),
            cpu_per_million=(time.process_time() - used) * 1e6 / paced.count,
        )
    finally:
        if producer is not None and producer.returncode is None:
            producer.kill()
        crash.cancel()
        await worker.stop()


async def _wait(crash: asyncio.Future[None]) -> None:
    done, _ = await asyncio.wait([crash], timeout=POLL_S)
    if done:
        crash.result()


def _percentiles(values: list[float]) -> tuple[float, float, float]:
    ordered = sorted(values)
    if not ordered:
        raise RuntimeError("nothing was seen after the warm-up: too few events for this rate")
    half, most, top = (
        ordered[max(0, -(-len(ordered) * percent // 100) - 1)] for percent in _PERCENTS
    )
    return half, most, top


def main() -> None:
    """Leave what was seen where the task wants it."""
    task = task_from_arguments()
    paced = msgspec.json.decode(sys.argv[2], type=Paced)
    Path(task.result).write_bytes(msgspec.json.encode(run(watch(task, paced))))


if __name__ == "__main__":
    main()
