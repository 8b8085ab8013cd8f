"""What a fault is: a name, what it does to a round, and what the round needs for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from streams.replay import Disturbance
from streams.settings import Settings
from streams.sources.synthetic import SyntheticDay
from tests.stream_run import Log, log_of

if TYPE_CHECKING:
    from tests.chaos.round import Round


# A paced replay waits for each tick's acknowledgement, so ticks stand wider apart than a leader's.
TICK_INTERVAL_MS = 40_000


def plain_day(chance: Random) -> SyntheticDay:
    """A short day of its own for each round."""
    return SyntheticDay(
        seed=chance.randrange(1 << 30),
        interactions=chance.randint(700, 1100),
        hours=chance.choice((6, 9, 12)),
        bad_hour=chance.choice((1, 3, None)),
        late_ppm=10_000,
    )


def plain_log(chance: Random, how: Disturbance | None = None) -> Log:
    """A short day as it was recorded; with `how`, as another network might have delivered it.

    It breaks off somewhere, so that customers still wait and windows are not all empty at its end.
    """
    whole = log_of(plain_day(chance), how, tick_interval_ms=TICK_INTERVAL_MS)
    ticks = [at for at, item in enumerate(whole.items) if isinstance(item, int)]
    end = ticks[chance.randrange(len(ticks) * 6 // 10, len(ticks))]
    return Log(whole.items[: end + 1], whole.book)


@dataclass(frozen=True)
class Fault:
    """One fault. `strike` is called while the log is being replayed, and does it.

    `prepare` comes before; workers that it does not start are started as they are by default.
    `conduct` takes the place of all up to the judging, where that is not what is needed.
    `lasting_s` is over how long the log is replayed. `supervised`: a worker may end by itself and
    is then started again, as a service manager would; it must say why. `needs` names a setting that
    the worker must have for it.
    """

    name: str
    strike: Callable[[Round], None]
    workers: int = 2
    lasting_s: float = 8.0
    supervised: bool = False
    log: Callable[[Random], Log] = plain_log
    conduct: Callable[[Round], None] | None = None
    prepare: Callable[[Round], None] | None = None
    needs: str | None = None

    @property
    def possible(self) -> bool:
        """Whether this tree's worker has what the fault is done to."""
        return self.needs is None or self.needs in Settings.model_fields
