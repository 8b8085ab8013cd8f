"""A real browser (Debian's Chromium, headless) in front of real workers on the embedded broker.

Playwright's synchronous interface keeps an event loop in the tests' thread, so what needs one of
its own (brokers, replays) runs in another thread, which lives as long as the session: the processes
that it starts die with it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from streams.kafka.embedded import EmbeddedBroker
from tests.stream_run import Log, Pipeline
from tests.worker_process import REPO

playwright = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed: make test-page installs it"
)
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright  # noqa: E402

SCREENSHOTS = REPO / "deploy" / "screenshots"
CHROMIUM = shutil.which("chromium")
# As root in a container, and without looking for anything beyond loopback.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
T = TypeVar("T")
Aside = Callable[[Callable[[], T]], T]


@pytest.fixture(scope="session")
def aside() -> Iterator[Aside[object]]:
    """Runs something in the other thread and waits for it."""
    with ThreadPoolExecutor(1) as thread:
        yield lambda act: thread.submit(act).result()


@pytest.fixture(scope="session")
def embedded(aside: Aside[EmbeddedBroker]) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker()
    aside(broker.__enter__)
    yield broker
    aside(broker.stop)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield found
        found.close()


class Faults:
    """What a page complained of: script errors, refused resources, violations of its policy."""

    def __init__(self, context: BrowserContext) -> None:
        self.found: list[str] = []
        context.on("weberror", lambda error: self.found.append(str(error.error)))
        context.on("console", lambda said: said.type == "error" and self.found.append(said.text))
        context.on("requestfailed", lambda request: self.found.append(request.url))


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1440, "height": 900})
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that must not complain of anything."""
    faults = Faults(context)
    yield context.new_page()
    assert faults.found == []


class Runs:
    """Makes pipelines on the embedded broker."""

    def __init__(self, broker: EmbeddedBroker, workdir: Path, aside: Aside[Pipeline]) -> None:
        self._broker = broker
        self._workdir = workdir
        self._aside = aside
        self.made: list[Pipeline] = []

    def __call__(self, log: Log, flags: tuple[str, ...] = ()) -> Pipeline:
        """A pipeline for this log."""

        def make() -> Pipeline:
            return Pipeline(
                self._broker.bootstrap,
                self._workdir,
                log,
                partitions=2,
                flags=flags,
                idempotence=False,
            )

        self.made.append(self._aside(make))
        return self.made[-1]


@pytest.fixture(scope="module")
def runs(
    embedded: EmbeddedBroker, tmp_path_factory: pytest.TempPathFactory, aside: Aside[Pipeline]
) -> Iterator[Runs]:
    made = Runs(embedded, tmp_path_factory.mktemp("runs"), aside)
    yield made
    for each in made.made:
        aside(lambda each=each: each.__exit__(None, None, None))
