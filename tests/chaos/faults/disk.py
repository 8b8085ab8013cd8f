"""The disk under a worker's tables: full, or no longer holding what was written."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.chaos.fault import Fault
from tests.chaos.round import Round
from tests.worker_process import NotInTime, WorkerProcess

_SMALL_MIB = 48
_LEFT_BYTES = 64 * 1024
_FULL_WITHIN_S = 60.0


def _state_dir(round: Round, number: int) -> Path:
    path = round.workdir / f"state-{number}"
    path.mkdir(exist_ok=True)
    return path


def _with_state_dirs(round: Round) -> None:
    for number in range(round.fault.workers):
        round.start_worker("--state-dir", str(_state_dir(round, number)))


@contextlib.contextmanager
def small_disk(path: Path) -> Iterator[bool]:
    """A disk of its own at `path`, small enough to be filled; False without the right to mount."""
    size = f"size={_SMALL_MIB}m"
    mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(path)]
    mounted = False
    with contextlib.suppress(OSError):  # no such program
        mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(path)], check=False, capture_output=True)


def fill(path: Path) -> Path:
    """Write a file that takes what is free under `path`; returns it."""
    filler = path / "filler"
    with filler.open("wb") as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * _LEFT_BYTES)
            file.flush()
    return filler


def forbid_growth(worker: WorkerProcess) -> None:
    """Let no file of a process grow any further than what its log may need for its last words."""
    most = worker.log.stat().st_size + _LEFT_BYTES
    resource.prlimit(worker.process.pid, resource.RLIMIT_FSIZE, (most, most))


def full(round: Round) -> None:
    """The disk under one worker's tables fills up; there is room again, and it is restarted."""
    path = _state_dir(round, 0)
    with small_disk(path) as own:
        victim = round.start_worker("--state-dir", str(path))
        round.start_worker("--state-dir", str(_state_dir(round, 1)))
        round.await_ready()
        round.run.start_replay(round.lasting_s)
        round.await_moment()
        filler = fill(path) if own else None
        if filler is None:
            forbid_growth(victim)
        deadline = time.monotonic() + _FULL_WITHIN_S
        while (code := victim.ended_by_itself()) is None:
            if time.monotonic() > deadline:
                raise NotInTime("the fault did not happen: the worker needed no more of the disk")
            time.sleep(0.05)
        _must_say(victim.output, code, path)
        if filler is not None:
            filler.unlink()
        since = time.monotonic()
        round.start_worker("--state-dir", str(path))
        round.await_recovery(since)
        round.await_processed()
        for worker in round.alive:
            worker.stop()


def _must_say(output: str, code: int, path: Path) -> None:
    said = [line for line in output.splitlines() if line.startswith("baton worker:")]
    if code != 1 or not said or str(path) not in said[-1]:
        raise NotInTime(
            f"on a full disk a worker ended with {code} and did not say where; its log ends:\n"
            f"{output[-3000:]}"
        )


def _flip(path: Path, round: Round) -> None:
    raw = bytearray(path.read_bytes())
    for _ in range(round.chance.randint(1, 40)):
        raw[round.chance.randrange(len(raw))] ^= 1 << round.chance.randrange(8)
    path.write_bytes(raw)


def _truncate(path: Path, round: Round) -> None:
    os.truncate(path, round.chance.randrange(path.stat().st_size))


def _remove(path: Path, round: Round) -> None:
    path.unlink()


_HARMS: tuple[Callable[[Path, Round], None], ...] = (_flip, _flip, _truncate, _remove)


def corrupt(round: Round) -> None:
    """A worker dies; files of its tables are changed, cut off or lost; it is started again."""
    round.await_moment(0.2, 0.6)
    round.run.workers[0].kill()
    path = _state_dir(round, 0)
    files = sorted(file for file in path.rglob("*") if file.is_file() and file.stat().st_size)
    if not files:
        raise NotInTime(f"the fault did not happen: no file of a table under {path}")
    for file in round.chance.sample(files, min(len(files), round.chance.randint(1, 6))):
        round.chance.choice(_HARMS)(file, round)
    since = time.monotonic()
    round.start_worker("--state-dir", str(path))
    round.await_recovery(since)


FAULTS = (
    Fault("disk-full", full, conduct=full, needs="state_dir", lasting_s=12),
    Fault("disk-corrupt", corrupt, prepare=_with_state_dirs, needs="state_dir"),
)
