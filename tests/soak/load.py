"""Months of contacts at constant load, some of them told of late, some of whom return."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime

import orjson

from streams.domain.events import epoch_ms
from streams.domain.facts import rfc3339
from streams.domain.memory import DAY_MS
from streams.event_log import address
from streams.replay import ticked
from streams.sources.synthetic import SyntheticDay, generate_days

# Ticks are what a long quiet life costs; a minute is as fine as windows are.
TICK_MS = 60_000

# Of every so many conversations by number, these come again or are told of late, so much later.
_ROUND = 25
_RETURNS = {1: 3 * DAY_MS, 2: 12 * DAY_MS, 3: 40 * DAY_MS}
_LATE = {11: 2 * 3_600_000, 12: 5 * DAY_MS, 13: 7 * DAY_MS + 3_600_000}


def months_of_load(days: int, interactions_per_day: int, seed: int = 1) -> Iterator[bytes | int]:
    """The log with its ticks (ms).

    Of 25 conversations one returns after 3 days (it is still remembered), one after 12 and one
    after 40 (it was forgotten); of three others half the events are told of 2 hours, 5 days, or 7
    days and an hour later (these are refused).
    """
    day = SyntheticDay(seed=seed, interactions=interactions_per_day, dirt_ppm=0)
    return ticked(_disturbed(generate_days(day, days)), interval_ms=TICK_MS, settle_ms=0)


def _disturbed(records: Iterator[bytes]) -> Iterator[tuple[bytes, int | None]]:
    pending: list[tuple[int, int, bytes]] = []
    for sequence, raw in enumerate(records):
        arrival, conversation = address(raw)
        assert arrival is not None
        # Time ends with the last day: what would come after it is left out.
        while pending and pending[0][0] <= arrival:
            at, _, later = heapq.heappop(pending)
            yield later, at
        which = int(conversation[2:]) % _ROUND if conversation is not None else -1
        if which in _RETURNS:
            back = _RETURNS[which]
            heapq.heappush(pending, (arrival + back, sequence, _moved(raw, back, back)))
        if which in _LATE and sequence % 2:
            late = _LATE[which]
            heapq.heappush(pending, (arrival + late, sequence, _moved(raw, 0, late)))
        else:
            yield raw, arrival


def _moved(raw: bytes, time_by: int, recorded_by: int) -> bytes:
    event = orjson.loads(raw)
    for name, shift in (("time", time_by), ("recordedtime", recorded_by)):
        event[name] = rfc3339(epoch_ms(datetime.fromisoformat(event[name])) + shift)
    event["id"] = f"{event['id']}-{time_by}"
    return orjson.dumps(event)
