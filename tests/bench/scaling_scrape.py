"""How long a scrape takes, and for how long the event loop stands still meanwhile.

`python -m tests.bench.scaling_scrape [--keys N ...]`: a worker's page over windows that the stages
made of a synthetic hour, fetched over loopback by a process of its own. On the page's loop a
heartbeat of 1 ms says how long the loop did nothing else: at rest, and under load, where the stages
go on reading in small batches. What a batch alone holds the loop up for stands beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from streams.export.access import Access
from streams.export.collector import BatonCollector
from streams.export.exposition import written
from streams.export.pages import Pages
from streams.runtime import run
from tests.bench.scaling_keys import spread_contract, spread_log
from tests.bench.stages_in_process import StagesInProcess
from tests.stream_run import LATENESS_MS, synthetic_log

KEYS = (10, 30, 100, 300)
_CONTACTS = 8_000
_SCRAPES = 11
_BETWEEN_S = 0.1
# Small, so that what holds the loop up is the scrape and not the batch.
_BATCH = 100
_BEAT_S = 0.001
_LOOPBACK = "127.0.0.1"


class Scraped(msgspec.Struct):
    """Milliseconds, medians of all scrapes. `page` is how long one took its scraper, `stall` for
    how long the loop stood still during it at the longest; `stall_of_load` between scrapes.
    `page_cpu` is the least CPU that making the page takes, which other processes do not lengthen.
    """

    combinations: int
    series: int
    page_bytes: int
    page_cpu_ms: float
    page_ms: float
    stall_ms: float
    page_under_load_ms: float
    stall_under_load_ms: float
    stall_of_load_ms: float


class Heartbeat:
    """How long the loop did nothing else, beyond a beat's own time: (from, to) in s."""

    def __init__(self) -> None:
        self._stalls: list[tuple[float, float]] = []

    async def beat(self) -> None:
        """Until cancelled."""
        last = time.monotonic()
        while True:
            await asyncio.sleep(_BEAT_S)
            now = time.monotonic()
            self._stalls.append((last + _BEAT_S, now))
            last = now

    def longest_ms(self, since: float, until: float) -> float:
        """The longest stall that touches a time."""
        return max(
            ((end - start) * 1e3 for start, end in self._stalls if start < until and end > since),
            default=0.0,
        )


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Work on this loop meanwhile; it is broken off."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Load:
    """Reads on in small batches, and leaves the loop alone after each for as long as it took."""

    def __init__(self, stages: StagesInProcess, items: Sequence[bytes | int]) -> None:
        self._stages = stages
        self._batches = (items[at : at + _BATCH] for at in range(0, len(items), _BATCH))

    async def read(self) -> None:
        """Until cancelled. Raises RuntimeError where there is nothing left to read."""
        for batch in self._batches:
            began = time.monotonic()
            self._stages.read(batch, _BATCH)
            await asyncio.sleep(time.monotonic() - began)
        raise RuntimeError("the log was read before the scrapes were done; give it more contacts")


async def scrape(port: int) -> tuple[list[tuple[float, float]], int]:
    """Fetch the page from another process, now and then: (from, to) of each in s, its bytes."""
    command = (sys.executable, "-m", "tests.bench.scaling_scrape", "--fetch", str(port))
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    *fetched, size = out.split()
    return [(float(a), float(b)) for a, b in batched_pairs(fetched)], int(size)


def batched_pairs(words: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Words two by two."""
    return zip(words[::2], words[1::2], strict=True)


def fetch(port: int) -> None:
    """What `scrape` starts: print when each fetch began and ended, then the page's bytes."""
    for _ in range(_SCRAPES):
        time.sleep(_BETWEEN_S)
        began = time.monotonic()
        with urllib.request.urlopen(f"http://{_LOOPBACK}:{port}/metrics") as answer:
            size = len(answer.read())
        print(began, time.monotonic())
    print(size)


async def measure(combinations: int, folder: Path) -> Scraped:
    """One point, in this process."""
    book = spread_contract(combinations, folder)
    items = spread_log(book, synthetic_log(_CONTACTS, hours=1).items)
    middle = len(items) // 2
    stages = StagesInProcess(book, LATENESS_MS)
    stages.read(items[:middle], 2_000)
    collector = BatonCollector(stages.telemetry, now=time.time, lags=dict, ready=lambda: True)
    yes = (lambda: (True, ""),) * 2
    pages = Pages(collector.parts, _LOOPBACK, 0, *yes, Access())
    heartbeat = Heartbeat()
    port = await pages.start()
    try:
        async with running(heartbeat.beat()):
            at_rest, page_bytes = await scrape(port)
            async with running(Load(stages, items[middle:]).read()):
                loaded, _ = await scrape(port)
    finally:
        await pages.stop()
    between = [(end, end + _BETWEEN_S) for _, end in loaded]
    return Scraped(
        combinations=combinations,
        series=sum(len(family.samples) for family in collector.collect()),
        page_bytes=page_bytes,
        page_cpu_ms=min(_page_cpu_ms(collector) for _ in range(_SCRAPES)),
        page_ms=median((end - began) * 1e3 for began, end in at_rest),
        stall_ms=median(heartbeat.longest_ms(*each) for each in at_rest),
        page_under_load_ms=median((end - began) * 1e3 for began, end in loaded),
        stall_under_load_ms=median(heartbeat.longest_ms(*each) for each in loaded),
        stall_of_load_ms=median(heartbeat.longest_ms(*each) for each in between),
    )


def _page_cpu_ms(collector: BatonCollector) -> float:
    began = time.process_time()
    "".join(written(collector.parts(), openmetrics=True)).encode()
    return (time.process_time() - began) * 1e3


def point(combinations: int) -> Scraped:
    """One point, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.scaling_scrape", "--one", str(combinations)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Scraped)


def main() -> None:
    """Print a line a point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, nargs="+", default=KEYS)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--fetch", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.fetch:
        fetch(given.fetch)
    elif given.one:
        with tempfile.TemporaryDirectory(prefix="baton-scaling-") as folder:
            one = run(measure(given.one, Path(folder)))
        sys.stdout.buffer.write(msgspec.json.encode(one))
    else:
        for combinations in given.keys:
            print(point(combinations), flush=True)


if __name__ == "__main__":
    main()
