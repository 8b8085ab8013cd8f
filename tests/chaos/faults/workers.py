"""Workers that die, stand still, come and go."""

from __future__ import annotations

import signal
import time

from tests.chaos.fault import Fault
from tests.chaos.round import SESSION_TIMEOUT_S, Round
from tests.worker_process import NotInTime, WorkerProcess

_LONG_STOP_S = 60.0
_DEATH_WITHIN_S = 60.0


def _replace(round: Round, *, program: tuple[str, ...] = ("-m", "streams")) -> float:
    """Start another worker; returns when that was."""
    since = time.monotonic()
    round.start_worker(program=program)
    return since


def await_death(round: Round, worker: WorkerProcess) -> None:
    """Return once a worker that is to kill itself has done so. Raises NotInTime."""
    deadline = time.monotonic() + _DEATH_WITHIN_S
    while worker.process.poll() is None:
        if time.monotonic() > deadline:
            raise NotInTime("the fault did not happen: the worker never came to where it dies")
        time.sleep(0.01)
    code = worker.ended_by_itself()
    if code != -signal.SIGKILL:
        raise NotInTime(f"a worker ended with {code}; its log ends:\n{worker.output[-3000:]}")


def kill(round: Round) -> None:
    """SIGKILL at a random moment, in whatever batch is under way."""
    for _ in range(3 if round.long else 1):
        round.await_moment()
        round.chance.choice(round.alive).kill()
        round.await_recovery(_replace(round))


def kill_in_commit(round: Round) -> None:
    """SIGKILL before, in or after a commit or the writes before it, as chance has it."""
    site = round.chance.choice(("commit", "commit", "flush"))
    when = round.chance.choice(("before", "during", "during", "after"))
    nth = round.chance.randint(2, 12 if site == "commit" else 60)
    mortal = round.start_worker(program=("-m", "tests.chaos.mortal", f"{site}:{nth}:{when}"))
    if round.chance.randrange(2):
        round.start_worker()
    # Not all ready together: it may die while the others are still coming up.
    round.run.start_replay(round.lasting_s)
    await_death(round, mortal)
    round.await_recovery(_replace(round))


def kill_in_recovery(round: Round) -> None:
    """SIGKILL, and again the worker that replaces it while it reads the changelogs."""
    round.await_moment()
    round.alive[0].kill()
    nth = round.chance.randint(1, 3)
    when = round.chance.choice(("before", "after"))
    _replace(round, program=("-m", "tests.chaos.mortal", f"restore:{nth}:{when}"))
    await_death(round, round.run.workers[-1])
    round.await_recovery(_replace(round))


def pause(round: Round) -> None:
    """SIGSTOP past the session timeout, until another has taken over, then SIGCONT."""
    round.await_moment(0.1, 0.3)
    paused = round.chance.choice(round.alive)
    stopped = time.monotonic()
    paused.process.send_signal(signal.SIGSTOP)
    round.await_recovery(stopped)
    round.recoveries.clear()  # that was the takeover; what is asked for is after the fault
    past = SESSION_TIMEOUT_S + (_LONG_STOP_S if round.long else round.chance.uniform(0.5, 2))
    round.idle(max(0.0, stopped + past - time.monotonic()))
    continued = time.monotonic()
    paused.process.send_signal(signal.SIGCONT)
    round.await_recovery(continued)


def join_and_leave(round: Round) -> None:
    """One worker becomes four, and two of them leave, under load."""
    round.await_moment(0.05, 0.15)
    since = time.monotonic()
    for _ in range(3):
        round.start_worker()
        round.idle(round.chance.uniform(0, 0.8))
    round.await_recovery(since)
    # One that is still starting has nothing to leave.
    round.await_ready()
    round.idle(round.chance.uniform(0, 1.0))
    for worker in round.chance.sample(round.alive, 2):
        if worker.stop() != 0:
            raise NotInTime(f"a worker could not stop; its log ends:\n{worker.output[-3000:]}")
        since = time.monotonic()
    round.await_recovery(since)


FAULTS = (
    Fault("kill", kill),
    Fault("kill-commit", kill_in_commit, conduct=kill_in_commit, lasting_s=6),
    Fault("kill-recovery", kill_in_recovery, workers=1),
    Fault("pause", pause, lasting_s=12),
    Fault("join-leave", join_and_leave, workers=1, lasting_s=14),
)
