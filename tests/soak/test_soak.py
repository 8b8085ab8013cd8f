"""Weeks at constant load through the real stages: flat, and what returns is judged as before."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from itertools import groupby

import pytest

from streams.contract_files import load_contracts
from streams.domain.interaction_codec import due_of
from streams.domain.memory import DAY_MS
from tests.mortal_worker import PARTITIONS, Killed, MortalProducer, Process, written
from tests.soak.load import months_of_load
from tests.soak.run import growth
from tests.soak.worker import SoakWorker
from tests.stream_run import CONTRACT, LATENESS_MS, Log
from tests.stream_verdict import assert_published_as_judged

BOOK = load_contracts([CONTRACT])
DAYS = 46
# After 12 days the first contacts that were forgotten have come back; billing remembers a claim for
# 20, as long as anything can touch its matter.
SETTLED_DAYS = 22


def by_day(log: list[bytes | int]) -> list[list[bytes | int]]:
    """The log in pieces that end with the last tick of a day."""
    reached, days = 0, []
    for item in log:
        if isinstance(item, int):
            reached = max(reached, item // DAY_MS)
        days.append(reached)
    pieces = groupby(zip(days, log, strict=True), key=lambda pair: pair[0])
    return [[item for _, item in piece] for _, piece in pieces]


def test_at_constant_load_the_tables_stay_as_large_as_they_were() -> None:
    worker, sizes = SoakWorker(BOOK), []
    for piece in by_day(list(months_of_load(DAYS, 24)))[1:DAYS]:
        asyncio.run(worker.run(piece))
        sizes.append(worker.table_bytes)
        watermark = max(item for item in piece if isinstance(item, int)) - LATENESS_MS
        tables = [worker.interactions_table.partition(p) for p in range(PARTITIONS)]
        held = {k: v for table in tables for k, v in table.items() if not k.startswith(b"\x00")}
        assert all(due_of(value) > watermark for value in held.values())
    settled = sizes[SETTLED_DAYS:]
    half = len(settled) // 2
    assert half > 10
    assert sum(settled[-half:]) < 1.04 * sum(settled[:half])
    assert max(settled) < 1.25 * min(settled)


@pytest.fixture(scope="module")
def log() -> Log:
    return Log(tuple(months_of_load(26, 25, seed=3)), BOOK)


@pytest.mark.parametrize("rarity", [0, 30], ids=["unbroken", "killed at any write"])
def test_a_forgotten_conversation_that_returns_is_judged_as_by_the_oracle(
    log: Log, rarity: int
) -> None:
    lives = defaultdict(set)
    for fact in log.verdict.facts:
        lives[fact.conversation].add(fact.life)
    assert sum(len(days) > 1 for days in lives.values()) > 5
    assert log.verdict.dead_letters["too_late"] > 10
    kafka, chance, killed = written(log), random.Random(1), 0
    while True:
        producer = MortalProducer(kafka, chance, rarity + killed if rarity else 0)
        try:
            asyncio.run(Process(kafka, log, chance, producer, most=4_000).run())
        except Killed:
            killed += 1
        else:
            break
    assert bool(killed) == bool(rarity)
    assert_published_as_judged(log.verdict, kafka.read, repeated=bool(rarity))
    tombstones = [r for r in kafka.read("interactions-changelog") if r.value is None]
    assert len(tombstones) > 300


@pytest.mark.parametrize(
    ("months", "faults"),
    [
        ([9, 100, 100, 101, 99, 100], 0),
        ([9, 100, 100, 111, 100, 100], 1),
        ([9, 100, 101, 102, 103, 104], 1),  # creeps
        ([9, 100, 110, 120, 130, 140], 5),
        ([9, 100, 50, 40, 30], 0),
    ],
)
def test_growth_is_what_exceeds_the_second_month_or_creeps(months: list[int], faults: int) -> None:
    assert len(growth("table", months, 0.04)) == faults
