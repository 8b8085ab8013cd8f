"""What is seen of an overloaded worker from outside, second by second."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from streams.kafka import topics
from tests.chaos.progress import Progress
from tests.stream_run import Pipeline
from tests.worker_process import WorkerProcess

MIB = 1024 * 1024


@dataclass(frozen=True)
class Sight:
    """One look: monotonic seconds, records, bytes. `behind` is the true lag, `lag` the metric's."""

    at: float
    behind: int
    lag: int
    rss: int
    health: int
    recoveries: int
    interactions: int


def rss_of(pid: int) -> int:
    """Resident memory of a process in bytes."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def look(run: Pipeline, worker: WorkerProcess, progress: Progress) -> Sight:
    """Look once. The true lag is from the broker: ends of the events topic less what is committed.

    The broker is asked before and after the worker; the mean of both is what it is held to.
    """
    before = _behind(run, progress)
    metrics = worker.metrics()
    after = _behind(run, progress)
    events = run.topic(topics.EVENTS)
    return Sight(
        at=time.monotonic(),
        behind=(before + after) // 2,
        lag=int(metrics.total("baton_consumer_lag_records", topic=events)),
        rss=rss_of(worker.process.pid),
        health=worker.page("healthz")[0],
        recoveries=int(metrics.total("baton_recoveries_total")),
        interactions=int(metrics.total("baton_interactions")),
    )


def _behind(run: Pipeline, progress: Progress) -> int:
    ends = run.end_offsets(topics.EVENTS)
    return sum(ends.values()) - sum(progress.last.committed[run.topic(topics.EVENTS)].values())


def watch(
    see: Callable[[], Sight], until: Callable[[Sight], bool], within_s: float, every_s: float = 1.0
) -> list[Sight]:
    """Look about every second until the condition holds. Raises TimeoutError."""
    sights = [see()]
    deadline = time.monotonic() + within_s
    while not until(sights[-1]):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s:.0f} s; last seen: {sights[-1]}")
        time.sleep(max(0.0, sights[-1].at + every_s - time.monotonic()))
        sights.append(see())
    return sights


def rebalances(broker_log: Path, group: str) -> int:
    """How often the group was rebalanced, as its coordinator tells."""
    told = f"Stabilized group {group} generation"
    return sum(told in line for line in broker_log.read_text(errors="replace").splitlines())
