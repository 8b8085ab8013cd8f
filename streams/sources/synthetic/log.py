"""A synthetic day as records in the order in which they arrived, and as a file."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from streams.event_log import write_lines
from streams.sources.synthetic.aftermath import follow
from streams.sources.synthetic.chance import Chance
from streams.sources.synthetic.contacts import contacts_of
from streams.sources.synthetic.day import HOUR_MS, SyntheticDay
from streams.sources.synthetic.desks import simulate
from streams.sources.synthetic.disorder import Arrival, Transport, dirt_kinds
from streams.sources.synthetic.journey import Journey
from streams.sources.synthetic.oversight import governance, releases


def generate(day: SyntheticDay) -> Iterator[bytes]:
    """The day's records as JSON lines without the newline, by arrival (`recordedtime`).

    The plan of all contacts is held in memory (about 1 kB each), the records only while another may
    still arrive before them.
    """
    return (line for _, line in _arrivals(day))


def generate_days(day: SyntheticDay, days: int) -> Iterator[bytes]:
    """So many days on end by arrival, the first as asked, each with contacts of its own."""
    # What arrives when the next day has begun.
    overdue: list[tuple[int, int, bytes]] = []
    sequence = 0
    for number in range(days):
        today = replace(
            day,
            seed=day.seed + number,
            start_ms=day.start_ms + number * day.hours * HOUR_MS,
            first_contact=day.first_contact + number * day.interactions,
        )
        for arrival, line in _arrivals(today):
            while overdue and overdue[0][0] <= arrival and overdue[0][0] < today.end_ms:
                yield heapq.heappop(overdue)[2]
            if arrival < today.end_ms:
                yield line
            else:
                sequence += 1
                heapq.heappush(overdue, (arrival, sequence, line))
        while overdue and overdue[0][0] < today.end_ms:
            yield heapq.heappop(overdue)[2]
    while overdue:
        yield heapq.heappop(overdue)[2]


def _arrivals(day: SyntheticDay) -> Iterator[Arrival]:
    contacts = contacts_of(day)
    simulate(day, contacts)
    chance = Chance(day.seed, 2)
    transport = Transport(day)
    dirt: dict[int, list[str]] = {}
    for kind in dirt_kinds(day):
        dirt.setdefault(day.first_contact + chance.below(len(contacts)), []).append(kind)

    # The sequence number keeps records that arrive together in the order of their making.
    pending: list[tuple[int, int, bytes]] = []
    sequence = 0

    def hold(arrivals: Iterator[Arrival]) -> None:
        nonlocal sequence
        for arrival, line in arrivals:
            sequence += 1
            heapq.heappush(pending, (arrival, sequence, line))

    hold(transport.deliver("config", releases(day)))
    hold(transport.deliver("governance", governance(day, contacts)))
    for contact in contacts:
        # Nothing of this contact or a later one can arrive before it starts.
        while pending and pending[0][0] < contact.start:
            arrival, _, line = heapq.heappop(pending)
            yield arrival, line
        journey = Journey(day, contact, chance)
        journey.tell()
        follow(journey)
        hold(transport.deliver(contact.id, journey.events, dirt.get(contact.number, ())))
    while pending:
        arrival, _, line = heapq.heappop(pending)
        yield arrival, line


def write_log(day: SyntheticDay, path: Path) -> int:
    """Write the day to `path` (.jsonl, .jsonl.gz or .jsonl.zst) and say how many records it holds.

    The file appears whole or not at all. The same day gives the same bytes (compressed: with the
    same version of zlib or zstd). Raises ValueError for another suffix, OSError where the file
    cannot be written.
    """
    return write_lines(generate(day), path)
