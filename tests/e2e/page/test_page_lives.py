"""One customer waits for a human: the page shows it as it happens, without being loaded again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from streams.contract_files import load_contracts
from tests.e2e.page.conftest import Aside, Runs
from tests.log_builder import T, connected, customer_message, failure, requested, started
from tests.stream_run import CONTRACT, LATENESS_MS, Log, Pipeline
from tests.worker_process import WorkerProcess

WAITS = (
    started("c-waits", T(0), "voice"),
    customer_message("c-waits", T(1), channel="voice"),
    failure("c-waits", T(2), "human_requested", channel="voice"),
    requested("c-waits", T(3), channel="voice"),
)
ANSWERED = connected("c-waits", T(150), channel="voice")
LATENESS_S = LATENESS_MS // 1000
IN_TIME = 30_000  # ms


def ticks(first_s: int, last_s: int) -> tuple[int, ...]:
    """Ticks that bring the event clock from one second of the test to another, both included."""
    return tuple(T(each + LATENESS_S) for each in range(first_s, last_s + 1))


@dataclass
class Live:
    """A pipeline whose one worker is looked at."""

    pipeline: Pipeline
    worker: WorkerProcess
    aside: Aside[Any]

    def tell(self, *items: bytes | int) -> None:
        """More of the log, as fast as it goes."""
        self.aside(lambda: self.pipeline.replay(items))

    def tell_live(self, *items: int) -> None:
        """Ticks, one a second, while the test goes on."""
        self.pipeline.log = Log(items, self.pipeline.log.book)
        self.aside(lambda: self.pipeline.start_replay(len(items) - 1))


@pytest.fixture(scope="module")
def live(runs: Runs, aside: Aside[Any]) -> Iterator[Live]:
    pipeline = runs(Log((), load_contracts([CONTRACT])))
    worker = aside(pipeline.start_worker)
    aside(worker.await_ready)
    return Live(pipeline, worker, aside)


def waiting(page: Page, channel: str) -> Any:
    return page.locator("#t-waiting tbody tr", has=page.get_by_role("rowheader", name=channel))


def seconds(age: str) -> int:
    """An age below an hour as the page says it."""
    minutes, said = re.fullmatch(r"(?:(\d+) m )?(\d+) s", age).groups()  # type: ignore[union-attr]
    return int(minutes or 0) * 60 + int(said)


def test_a_wait_ages_breaches_and_ends_on_a_page_that_is_never_loaded_again(
    live: Live, page: Page
) -> None:
    page.goto(live.worker.url(""))
    page.evaluate("window.loaded = 'once'")
    expect(page.locator("#link")).to_have_text("live")
    expect(page.locator("#clock")).to_have_text("no clock yet")

    live.tell(*WAITS, *ticks(0, 20))
    row = waiting(page, "voice")
    expect(row.get_by_role("cell").nth(0)).to_have_text("1", timeout=IN_TIME)
    age = row.locator(".age")
    expect(age).to_have_text("18 s")  # T0 is the failure, 2 s into the test
    expect(page.locator("#n-breaches")).to_contain_text("0")

    live.tell_live(*ticks(20, 32))
    seen = [seconds(age.inner_text())]
    while seen[-1] < 29:
        expect(age).not_to_have_text(age.inner_text(), timeout=5_000)
        seen.append(seconds(age.inner_text()))
    assert seen == sorted(seen)
    assert len(seen) >= 8, "the age moves a second at a time"
    live.aside(live.pipeline.end_replay)
    expect(age).to_have_text("30 s")

    expect(page.locator("#announce")).to_be_empty()
    live.tell(*ticks(33, 100))
    breach = page.locator("#t-breaches tbody tr")
    expect(breach).to_have_count(1, timeout=IN_TIME)
    expect(breach.get_by_role("rowheader")).to_contain_text("voice-wait")
    expect(page.locator("#announce")).to_have_text(
        re.compile("^New breach of voice-wait, voice: 1 overdue$")
    )
    expect(breach).to_have_class("new")
    clause = page.locator("#t-clauses tbody tr", has_text="voice-wait")
    expect(clause.locator(".state")).to_have_text("in breach")
    expect(page).to_have_title("Baton: 1 breach")

    live.tell(ANSWERED, *ticks(101, 240))
    expect(breach).to_have_count(0, timeout=IN_TIME)
    expect(page.locator("#t-closed tbody tr")).to_contain_text("voice-wait")
    expect(row.get_by_role("cell").nth(0)).to_have_text("0")
    assert page.evaluate("window.loaded") == "once"
    assert "c-waits" not in page.content()


def test_what_the_browser_lays_out_is_what_the_server_does(live: Live, page: Page) -> None:
    page.goto(live.worker.url(""))
    expect(page.locator("#link")).to_have_text("live")
    laid_out = page.locator("main").inner_html()
    bare = page.context.browser.new_context(java_script_enabled=False)  # type: ignore[union-attr]
    still = bare.new_page()
    still.goto(live.worker.url(""))
    painted = still.locator("main").inner_html()
    bare.close()
    assert laid_out.replace(' class=""', "") == painted.replace(' class=""', "")


def test_without_javascript_the_page_is_a_still_picture_that_says_so(live: Live) -> None:
    status, html = live.worker.page("")
    assert status == 200
    assert "<noscript>Still picture" in html
    assert "voice-wait" in html


def test_a_worker_with_lookers_ends_at_once_and_they_are_told(
    live: Live, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(live.worker.url(""))
    expect(page.locator("#link")).to_have_text("live")
    assert live.aside(lambda: live.worker.stop(15)) == 0
    expect(page.locator("#link")).to_have_text("connection lost, trying again", timeout=IN_TIME)
    expect(page.locator("body")).to_have_class("stale")
