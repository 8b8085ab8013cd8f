"""The most that reading one input may take: seconds, and memory on top of what the process has."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Far above what any input needs (milliseconds), far below what a bomb takes.
SECONDS = 20
MEMORY_BYTES = 1024**3


class TooLong(BaseException):
    """Reading went on for longer than SECONDS. No Exception: nothing may swallow it."""


@contextmanager
def limited() -> Iterator[None]:
    """Raise TooLong or MemoryError in the body where it takes too much. Main thread, Unix."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm", encoding="ascii") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, hard))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _too_long(signum: int, frame: FrameType | None) -> None:
    raise TooLong(f"still reading after {SECONDS} s")
