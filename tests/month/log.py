"""A seeded month of interactions as a hostile network delivers it: twice, out of order, and with
all that goes wrong besides (faults.py), under a contract that says all that billing can be told.
"""

from __future__ import annotations

import random
from pathlib import Path

from streams.contract_files import load_contracts
from streams.replay import ticked, timed
from streams.sources.synthetic import SyntheticDay
from streams.sources.synthetic.log import generate_days
from tests.month.faults import DAY_MS, faulty
from tests.stream_run import Log

MONTH_CONTRACT = Path(__file__).with_name("contract.yaml")
# What is further ahead of the last tick than this is refused (DEFINITIONS 1).
TICK_MS = 300_000
# Midnight of 1 June 2026 in Singapore.
JUNE_MS = 1_780_243_200_000
# After the last contact time goes on until the month is closed and nothing can change it.
AFTERWARDS_DAYS = 75


def month_log(
    interactions: int,
    *,
    days: int = 30,
    seed: int = 1,
    tick_ms: int = TICK_MS,
    start_ms: int = JUNE_MS,
) -> Log:
    """The log of a month under contract.yaml; equal parameters give equal bytes."""
    day = SyntheticDay(
        seed=seed,
        start_ms=start_ms,
        interactions=max(1, interactions // days),
        late_ppm=10_000,
        duplicate_ppm=20_000,
        disorder_seconds=120,
    )
    records = faulty(timed(generate_days(day, days)), random.Random(seed))
    items = list(ticked(records, interval_ms=tick_ms, settle_ms=2 * DAY_MS))
    last = max(item for item in items if isinstance(item, int))
    later = range(last + DAY_MS, last + AFTERWARDS_DAYS * DAY_MS, DAY_MS)
    return Log((*items, *later), load_contracts([MONTH_CONTRACT]))
