"""The wall clock of the tick leader jumps back; two lead at once.

These rounds bring no ticks of their own: workers write them, by clocks that run through the log's
hours in seconds. What had to be published is judged by the ticks that then stand on the topic.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from streams.kafka.outbox import Outbox
from streams.replay import Replayer
from tests.chaos.clocked import Clock
from tests.chaos.fault import Fault
from tests.chaos.round import Round
from tests.worker_process import NotInTime, WorkerProcess

_TICK_EVERY = "50ms"
_SETTLE_MS = 900_000


class _Silent(Replayer):
    """Writes the records of a log at its pace, and none of its ticks."""

    def _put_tick(self, outbox: Outbox, time_ms: int) -> None:
        pass


def _clock_path(round: Round, worker: int) -> Path:
    return round.workdir / f"clock-{worker}.json"


def _ticks_of(round: Round) -> tuple[int, int]:
    ticks = [item for item in round.log.items if isinstance(item, int)]
    return ticks[0], ticks[-1]


def conduct(round: Round) -> None:
    """Replay without ticks while workers lead, strike, and let others finish without ticks."""
    first, last = _ticks_of(round)
    speed = (last - first) / 1000 / round.lasting_s
    standing = Clock(time.monotonic(), first, 0.0)
    for number in range(round.fault.workers):
        path = _clock_path(round, number)
        standing.write(path)
        program = ("-m", "tests.chaos.clocked", str(path))
        round.start_worker("--ticks", "--tick-interval", _TICK_EVERY, program=program)
    round.await_ready()
    round.run.replayer = _Silent
    clock = Clock(time.monotonic(), first, speed)
    for number in range(round.fault.workers):
        clock.write(_clock_path(round, number))
    round.run.start_replay(round.lasting_s)
    round.fault.strike(round)
    round.await_that(lambda: not round.run.replaying, "the end of the replay")
    round.await_that(lambda: clock.now_ms() > last + _SETTLE_MS, "clocks past the log's end")
    for worker in round.alive:
        if worker.stop() != 0:
            raise NotInTime(f"a worker could not stop; its log ends:\n{worker.output[-3000:]}")
    round.start_worker()


def _leader(round: Round) -> int:
    """The number of the worker that owns the first partition."""

    def leads(worker: WorkerProcess) -> bool:
        return 0 in worker.metrics().partitions("baton_interactions")

    found: list[int] = []

    def one_leads() -> bool:
        found[:] = [n for n, worker in enumerate(round.run.workers) if leads(worker)]
        return len(found) == 1

    round.await_that(one_leads, "one worker that owns the first partition", 30)
    return found[0]


def clock_back(round: Round) -> None:
    """The leader's clock jumps back, runs on from there, and is set right again."""
    round.idle(round.chance.uniform(0.1, 0.4) * round.lasting_s)
    path = _clock_path(round, _leader(round))
    right = Clock.read(path)
    back = round.chance.choice((1_000, 40_000, 600_000, 3_600_000))
    replace(right, data=right.data - back).write(path)
    round.idle(round.chance.uniform(0.1, 0.3) * round.lasting_s)
    right.write(path)
    round.await_recovery(time.monotonic())


def two_leaders(round: Round) -> None:
    """Every worker leads, by clocks that differ."""
    for number in range(round.fault.workers):
        path = _clock_path(round, number)
        right = Clock.read(path)
        apart = round.chance.randint(-120_000, 120_000)
        replace(right, data=right.data + apart, always=True).write(path)
    round.idle(round.chance.uniform(0.4, 0.7) * round.lasting_s)
    round.chance.choice(round.alive).kill()
    round.await_recovery(time.monotonic())


FAULTS = (
    Fault("clock-back", clock_back, conduct=conduct, lasting_s=8),
    Fault("two-leaders", two_leaders, conduct=conduct, lasting_s=10),
)
