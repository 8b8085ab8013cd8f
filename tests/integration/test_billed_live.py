"""Billing in the stream: the real stages on a log in memory, ended at any write, book what the
batch computation books.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from streams.contract_files import load_contracts
from streams.replay import ticked, timed
from streams.sources.synthetic import SyntheticDay, generate
from tests.billed import assert_billed_as_judged, told_once
from tests.mortal_worker import Killed, MortalProducer, Partitions, Process, written
from tests.stream_run import CONTRACT, Log

NAME = "telco-2026"
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def log() -> Log:
    """Half a day at the end of a month, and ticks until the month is closed."""
    day = SyntheticDay(interactions=120, hours=4, late_ppm=30_000)
    items = ticked(timed(generate(day)), interval_ms=60_000, settle_ms=2 * DAY_MS)
    return Log((*items, *later_ticks(day.end_ms)), load_contracts([CONTRACT]))


def later_ticks(after: int) -> list[int]:
    """A tick a day for two months."""
    return [after + number * DAY_MS for number in range(3, 63)]


def lives(log: Log, seed: int, *, rarity: int, most: int) -> tuple[Partitions, int]:
    """Processes one after another until one reads to the end; and how many were killed."""
    kafka, chance, killed = written(log), random.Random(seed), 0
    while True:
        producer = MortalProducer(kafka, chance, rarity + killed if rarity else 0)
        process = Process(kafka, log, chance, producer, most)
        try:
            asyncio.run(process.run())
        except Killed:
            killed += 1
            if chance.randrange(2):
                process.commit()
        else:
            return kafka, killed


def test_without_a_crash_each_line_is_booked_once_and_its_month_is_sealed(log: Log) -> None:
    kafka, _ = lives(log, 1, rarity=0, most=300)
    assert any(b"period_closed" in raw for raw in told_once(kafka.read, repeated=False))
    assert_billed_as_judged(log.verdict, log.book, NAME, kafka.read, repeated=False)


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_write_the_same_lines_are_booked_under_the_same_ids(
    log: Log, seed: int
) -> None:
    kafka, killed = lives(log, seed, rarity=10, most=60)
    assert killed > 3
    assert_billed_as_judged(log.verdict, log.book, NAME, kafka.read, repeated=True)
