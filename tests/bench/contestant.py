"""What every contestant shares: what it is asked to read, and how its cost is taken.

A contestant is a process of its own (`python -m tests.bench.floor JSON`), so that its CPU time and
memory are nobody else's; it leaves its cost in a file, for Faust takes standard output away.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What to read: `records` of `topic`, `events` of them no ticks; the cost goes to `result`.

    `final_tick_ms` is the last tick, by which a pipeline knows that it has seen everything.
    """

    broker: str
    topic: str
    partitions: int
    records: int
    events: int
    final_tick_ms: int
    lateness_ms: int
    contract: str
    result: str
    guarantee: Literal["exactly-once", "at-least-once"] = "at-least-once"
    idempotence: bool = False  # the embedded broker has none
    changelog: bool = False  # of the floor
    state_dir: str | None = None
    prefix: str = ""  # of the topics that it writes


class PeerTopics(NamedTuple):
    """What a peer writes; Baton's own topics have names of their own."""

    facts: str
    slices: str
    dead_letters: str

    @classmethod
    def of(cls, task: Task) -> PeerTopics:
        """Those of the task's contestant."""
        return cls(*(f"{task.prefix}{name}" for name in ("facts", "slices", "dead-letters")))


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What it took from the first record to the last. `written` counts records by topic."""

    events: int
    seconds: float
    cpu_seconds: float
    peak_rss_bytes: int
    written: dict[str, int] = {}

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def cpu_per_million(self) -> float:
        """CPU-seconds (user and system, all threads) a million events."""
        return self.cpu_seconds * 1_000_000 / self.events


def task_from_arguments() -> Task:
    """The task this process was started with."""
    return msgspec.json.decode(sys.argv[1], type=Task)


class Stopwatch:
    """Measures this process from `start` on, which only counts once."""

    def __init__(self, *, running: bool = True) -> None:
        self._began: float | None = None
        self._cpu = 0.0
        self._seconds: float | None = None
        if running:
            self.start()

    def start(self) -> None:
        """Begin, unless it has begun."""
        if self._began is None:
            self._began, self._cpu = time.perf_counter(), _cpu_seconds()

    def lap(self) -> None:
        """The wall clock stops; CPU time is taken until `stop`."""
        assert self._began is not None
        self._seconds = time.perf_counter() - self._began

    def stop(self, task: Task, written: dict[str, int] | None = None) -> None:
        """Leave the cost where the task wants it. Raises OSError where that cannot be written."""
        if self._seconds is None:
            self.lap()
        assert self._seconds is not None
        cost = Cost(
            events=task.events,
            seconds=self._seconds,
            cpu_seconds=_cpu_seconds() - self._cpu,
            peak_rss_bytes=_peak_rss_bytes(),
            written=written or {},
        )
        Path(task.result).write_bytes(msgspec.json.encode(cost))


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_rss_bytes() -> int:
    # Not ru_maxrss alone: it survives exec, so that a child starts with its parent's peak.
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return next(int(s.split()[1]) for s in status.splitlines() if s.startswith("VmHWM")) * 1024
