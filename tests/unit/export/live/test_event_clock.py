"""Whether ages may grow between two pages: only where the event clock runs with the wall clock."""

from __future__ import annotations

import pytest

from streams.export.live.event_clock import Pace


def paced(speed: float, seconds: int = 20) -> bool:
    """What is said after so many looks, a second apart, at an event clock of this speed."""
    pace = Pace()
    for second in range(seconds):
        pace.look(second * 1000, int(second * 1000 * speed))
    return pace.moving


@pytest.mark.parametrize("speed", [0.9, 1.0, 1.1])
def test_live_ticks_move_it(speed: float) -> None:
    assert paced(speed)


@pytest.mark.parametrize("speed", [0.0, 0.1, 60.0, 3000.0, -1.0])
def test_a_replay_and_a_stream_without_ticks_do_not(speed: float) -> None:
    assert not paced(speed)


def test_ticks_that_come_in_fits_are_taken_together() -> None:
    pace = Pace()
    said = [pace.look(second * 1000, (second - second % 2) * 1000) for second in range(30)]
    assert all(said[10:])


def test_without_a_clock_nothing_moves() -> None:
    pace = Pace()
    for second in range(20):
        pace.look(second * 1000, second * 1000)
    assert not pace.look(20_000, None)
