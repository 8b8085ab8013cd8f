from __future__ import annotations

import pytest

from streams.doctor.clocks import Newest, judged
from tests.examined import of

NOW_MS = 1_790_000_000_000


@pytest.mark.parametrize(
    ("ahead_ms", "ticks", "verdict"),
    [
        (0, True, "ok"),
        (4_000, True, "ok"),
        (6_000, True, "wrong"),
        (-50_000, True, "ok"),
        (-61_000, True, "warn"),
        (-(10**10), False, "ok"),  # a replay of old data
        (6_000, False, "wrong"),
    ],
)
def test_a_tick_beside_this_clock(ahead_ms: int, ticks: bool, verdict: str) -> None:
    found = judged(Newest(NOW_MS + ahead_ms), NOW_MS, ticks=ticks, topic="t")
    assert of(found, "clock.ticks").verdict == verdict


def test_no_tick_at_all() -> None:
    assert of(judged(Newest(), NOW_MS, ticks=True, topic="t"), "clock.ticks").verdict == "warn"
    assert of(judged(Newest(), NOW_MS, ticks=False, topic="t"), "clock.ticks").verdict == "ok"


def test_a_broker_that_stamps_records_with_a_clock_ahead() -> None:
    found = judged(Newest(NOW_MS, NOW_MS + 9_000), NOW_MS, ticks=True, topic="t")
    told = of(found, "clock.brokers")
    assert (told.verdict, "9 s ahead" in told.what) == ("warn", True)
    assert of(judged(Newest(NOW_MS, NOW_MS), NOW_MS, ticks=True, topic="t"), "clock.brokers")
