"""A page of metrics is read on the worker's loop and written beside it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import aiohttp
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from streams.export import metric_defs as m
from streams.export.access import Access
from streams.export.families import gauge
from streams.export.pages import Pages

_PATIENCE_S = 30.0


class Waiting(Metric):
    """Has no samples before `written` is set: only a loop that goes on can set it."""

    def __init__(self, written: threading.Event) -> None:
        super().__init__("waiting", "Until the loop says so.", "gauge")
        self.written = written

    @property
    def samples(self) -> list[Sample]:
        return [Sample("waiting", {}, float(self.written.wait(_PATIENCE_S)))]

    @samples.setter
    def samples(self, none: list[Sample]) -> None: ...


class Collected(Collector):
    """One family; calls `told` when it is collected."""

    def __init__(self, family: Metric, told: Callable[[], None] = lambda: None) -> None:
        self.family = family
        self.told = told

    def collect(self) -> Iterator[Metric]:
        self.told()
        yield self.family


def test_the_loop_goes_on_while_a_page_is_written_and_what_it_shows_was_read_on_it() -> None:
    written = threading.Event()

    async def run() -> bytes:
        read = asyncio.Event()

        def told() -> None:
            assert asyncio.get_running_loop()  # raises beside the loop
            read.set()

        registry = CollectorRegistry()
        collected = Collected(Waiting(written))
        registry.register(collected)
        collected.told = told
        pages = Pages(registry, "127.0.0.1", 0, lambda: (True, ""), lambda: (True, ""), Access())
        url = f"http://127.0.0.1:{await pages.start()}"
        try:
            async with aiohttp.ClientSession() as session:
                page = asyncio.ensure_future(_page(session, f"{url}/metrics"))
                async with session.get(f"{url}/healthz") as answer:
                    assert answer.status == 200
                await read.wait()
                written.set()
                return await page
        finally:
            written.set()
            await pages.stop()

    assert b"\nwaiting 1.0\n" in asyncio.run(run())


async def _page(session: aiohttp.ClientSession, url: str) -> bytes:
    async with session.get(url) as answer:
        return await answer.read()


def test_a_gauge_is_written_as_the_library_s_own() -> None:
    definition = m.WITHIN_RATIO
    ours = gauge(definition)
    theirs = GaugeMetricFamily(definition.name, definition.help, labels=definition.labels)
    for number, value in enumerate((0.5, 1, 0)):
        labels = tuple(f"{name}-{number}\n" for name in definition.labels)
        ours.add_metric(labels, value)
        theirs.add_metric(labels, value)
    assert ours == theirs
    pages = []
    for family in (ours, theirs):
        registry = CollectorRegistry()
        registry.register(Collected(family))
        pages.append(generate_latest(registry))
    assert pages[0] == pages[1]
