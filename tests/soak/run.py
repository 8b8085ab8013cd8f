"""Months of constant load through the stages: `python -m tests.soak.run`. Flat, or exit code 1.

State must not grow with time. After two months (a conversation is remembered for about eight days,
one that returned for longer) each later month's end is held to the end of the second: the bytes of
the tables and the resident memory, after a garbage collection and with free memory given back, may
exceed it by no more than TABLE_TOLERANCE and MEMORY_TOLERANCE. And between the first and the second
half of those months their mean may not grow by more than half of that: what creeps is found where
what fluctuates is not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain

from streams.contract_files import load_contracts
from streams.domain.facts import rfc3339
from tests.soak.load import months_of_load
from tests.soak.worker import SoakWorker, resident_bytes
from tests.stream_run import CONTRACT

MONTH_DAYS = 30
DAY_MS = 86_400_000
SETTLED_MONTHS = 2
TABLE_TOLERANCE = 0.04
MEMORY_TOLERANCE = 0.04


@dataclass(frozen=True)
class Month:
    """What was held at the end of a month, and how fast the stages went in it."""

    month: int
    until: str
    events: int
    interactions: int
    table_bytes: int
    rss_bytes: int
    events_per_s: int


def main() -> int:
    """Print a line a month; 0 where all is flat."""
    asked = _arguments()
    if not asked.json:
        print("month  until       events  interactions  table MB  RSS MB  events/s")
    found = asyncio.run(_soaked(asked.months, asked.interactions_per_day, not asked.json))
    faults = growth("table", [m.table_bytes for m in found], TABLE_TOLERANCE)
    faults += growth("RSS", [m.rss_bytes for m in found], MEMORY_TOLERANCE)
    if asked.json:
        print(json.dumps({"months": [asdict(m) for m in found], "faults": faults}, indent=1))
    else:
        print("\n".join(faults) or "flat: table and RSS stay as they were after two months")
    return 1 if faults else 0


def growth(what: str, months: Sequence[int], tolerance: float) -> list[str]:
    """What is wrong with a figure that ought to be flat after the second month."""
    settled = months[SETTLED_MONTHS - 1 :]
    faults = [
        f"{what} in month {number}: {100 * (value / settled[0] - 1):.1f} % over month"
        f" {SETTLED_MONTHS}; at most {100 * tolerance:.0f} %"
        for number, value in enumerate(settled, SETTLED_MONTHS)
        if value > settled[0] * (1 + tolerance)
    ]
    half = len(settled) // 2
    if half:
        first, second = sum(settled[:half]) / half, sum(settled[-half:]) / half
        if second > first * (1 + tolerance / 2):
            faults.append(
                f"{what} creeps: {100 * (second / first - 1):.1f} % from the first half of the"
                f" months after the second to the last; at most {50 * tolerance:.0f} %"
            )
    return faults


async def _soaked(months: int, interactions_per_day: int, verbose: bool) -> list[Month]:
    worker = SoakWorker(load_contracts([CONTRACT]))
    found: list[Month] = []
    log = months_of_load(months * MONTH_DAYS, interactions_per_day)
    for number, piece in enumerate(_by_month(log), 1):
        if number > months:
            break  # what trails the last day
        events, busy = worker.events, worker.busy_s
        until = 0

        def noted(items: Iterator[bytes | int]) -> Iterator[bytes | int]:
            nonlocal until
            for item in items:
                if isinstance(item, int):
                    until = item
                yield item

        await worker.run(noted(piece))
        events, busy = worker.events - events, worker.busy_s - busy
        month = Month(
            month=number,
            until=rfc3339(until)[:10],
            events=events,
            interactions=worker.interactions,
            table_bytes=worker.table_bytes,
            rss_bytes=resident_bytes(),
            events_per_s=round(events / busy),
        )
        found.append(month)
        if verbose:
            print(
                f"{month.month:5}  {month.until}  {month.events:7}  {month.interactions:12}"
                f"  {month.table_bytes / 1e6:8.2f}  {month.rss_bytes / 1e6:6.1f}"
                f"  {month.events_per_s:8}",
                flush=True,
            )
    return found


def _by_month(log: Iterator[bytes | int]) -> Iterator[Iterator[bytes | int]]:
    """The log in pieces that end with a month's last tick."""
    begun: int | None = None
    ended = False

    def piece(end: int) -> Iterator[bytes | int]:
        nonlocal begun, ended
        for item in log:
            if isinstance(item, int):
                begun = item if begun is None else begun
                yield item
                if item >= begun + end:
                    return
            else:
                yield item
        ended = True

    number = 0
    while not ended:
        number += 1
        first = next(log, None)
        if first is None:
            return
        if isinstance(first, int) and begun is None:
            begun = first
        yield chain([first], piece(number * MONTH_DAYS * DAY_MS))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.run", description=__doc__)
    parser.add_argument("--months", type=int, default=10, help="simulated months of 30 days")
    parser.add_argument("--interactions-per-day", type=int, default=500)
    parser.add_argument("--json", action="store_true", help="one JSON document, no table")
    asked = parser.parse_args()
    if asked.months <= SETTLED_MONTHS:
        parser.error(f"--months must be over {SETTLED_MONTHS}: those before it are for settling")
    return asked


if __name__ == "__main__":
    sys.exit(main())
