"""A seeded month of interactions as a hostile network delivers it: twice, out of order, days late,
and with disputes of what was claimed.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

import orjson

from streams.contract_files import load_contracts
from streams.domain.events import epoch_ms
from streams.domain.facts import rfc3339
from streams.domain.wire import Rejection, decode_event
from streams.replay import ticked, timed
from streams.sources.synthetic import SyntheticDay
from streams.sources.synthetic.log import generate_days
from tests.stream_run import CONTRACT, Log

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
# What is further ahead of the last tick than this is refused (DEFINITIONS 1).
TICK_MS = 300_000
# Midnight of 1 June 2026 in Singapore.
JUNE_MS = 1_780_243_200_000
# After the last contact time goes on until the month is closed and nothing can change it.
AFTERWARDS_DAYS = 75
# Of a thousand: claims that are disputed, and events of any kind that come days late.
_DISPUTED, _LATE_BY_DAYS = 80, 4
Timed = tuple[bytes, int | None]


def month_log(
    interactions: int,
    *,
    days: int = 30,
    seed: int = 1,
    tick_ms: int = TICK_MS,
    start_ms: int = JUNE_MS,
) -> Log:
    """The log of a month under the contract telco-2026; equal parameters give equal bytes."""
    day = SyntheticDay(
        seed=seed,
        start_ms=start_ms,
        interactions=max(1, interactions // days),
        late_ppm=10_000,
        duplicate_ppm=20_000,
        disorder_seconds=120,
    )
    records = _faulty(timed(generate_days(day, days)), random.Random(seed))
    items = list(ticked(records, interval_ms=tick_ms, settle_ms=2 * DAY_MS))
    last = max(item for item in items if isinstance(item, int))
    later = range(last + DAY_MS, last + AFTERWARDS_DAYS * DAY_MS, DAY_MS)
    return Log((*items, *later), load_contracts([CONTRACT]))


def _faulty(records: Iterable[Timed], chance: random.Random) -> Iterator[Timed]:
    """The records, some of them days late, with disputes among them, by arrival."""
    held: list[tuple[int, int, bytes]] = []
    for number, (raw, arrival) in enumerate(records):
        if arrival is None:
            yield raw, arrival
            continue
        while held and held[0][0] <= arrival:
            at, _, earlier = heappop(held)
            yield earlier, at
        if b'"baton.resolution.claimed"' in raw and chance.randrange(1000) < _DISPUTED:
            disputed = _dispute(raw, chance)
            if disputed is not None:
                heappush(held, (disputed[1], number, disputed[0]))
        if chance.randrange(1000) < _LATE_BY_DAYS:
            heappush(held, (arrival + chance.randrange(HOUR_MS, 6 * DAY_MS), number, raw))
            continue
        yield raw, arrival
    while held:
        at, _, raw = heappop(held)
        yield raw, at


def _dispute(raw: bytes, chance: random.Random) -> tuple[bytes, int] | None:
    """A dispute of a claim, hours or days after it, at times told late; and its arrival (ms)."""
    try:
        claimed = decode_event(raw, ("telco-2026",))
    except Rejection:
        return None
    event = orjson.loads(raw)
    at = epoch_ms(claimed.time) + chance.randrange(HOUR_MS, 8 * DAY_MS)
    event["id"] = f"{event['id']}-disputed"
    event["type"] = "baton.resolution.disputed"
    event["time"] = rfc3339(at)
    event["data"]["dispute_id"] = f"{event['id']}"
    event["data"]["party"] = "customer" if chance.randrange(2) else "client"
    for name in ("claimed_by", "query_type"):
        event["data"].pop(name, None)
    late = chance.choice((0, 0, 0, HOUR_MS, 2 * DAY_MS))
    event["recordedtime"] = rfc3339(at + late)
    return orjson.dumps(event), at + late
