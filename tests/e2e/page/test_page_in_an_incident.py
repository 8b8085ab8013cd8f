"""The synthetic day's bad hour on the page: legible to everybody, in every light, on every screen.

Writes deploy/screenshots/page-*.png, which README shows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from streams.sources.synthetic import SyntheticDay
from tests.e2e.page.conftest import SCREENSHOTS, Aside, Runs
from tests.stream_run import Log, log_of
from tests.worker_process import Metrics, WorkerProcess

DAY = SyntheticDay(interactions=3_000)
MINUTES_INTO_THE_HOUR = 40
IN_TIME = 60_000  # ms
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def until_the_bad_hour(log: Log) -> tuple[bytes | int, ...]:
    """The log up to the middle of the incident."""
    assert DAY.bad_period is not None
    end = DAY.bad_period[0] + MINUTES_INTO_THE_HOUR * 60_000
    at = next(i for i, item in enumerate(log.items) if isinstance(item, int) and item >= end)
    return log.items[: at + 1]


@pytest.fixture(scope="module")
def worker(runs: Runs, aside: Aside[Any]) -> Iterator[WorkerProcess]:
    """One that has read the day up to the middle of its incident."""
    log = log_of(DAY)
    pipeline = runs(log)
    found = aside(pipeline.start_worker)
    aside(lambda: pipeline.replay(until_the_bad_hour(log)))
    aside(lambda: pipeline.await_processed(within_s=120))
    return found


def opened(page: Page, worker: WorkerProcess) -> Page:
    page.goto(worker.url(""))
    expect(page.locator("#link")).to_have_text("live")
    return page


def scraped(worker: WorkerProcess) -> Metrics:
    return worker.metrics()


def test_the_page_and_prometheus_say_the_same(worker: WorkerProcess, page: Page) -> None:
    opened(page, worker)
    metrics = scraped(worker)
    breaches = metrics.total("baton_breach_active")
    assert breaches > 0, "an incident without a breach shows nothing"
    expect(page.locator("#t-breaches tbody tr")).to_have_count(int(breaches))
    waiting = metrics.total("baton_open_handoffs", grouping="channel")
    shown = page.locator("#t-waiting tbody tr td:nth-child(2)").all_inner_texts()
    assert sum(map(int, shown)) == waiting > 0
    clauses = page.locator("#t-clauses tbody tr .state.breach")
    expect(clauses).to_have_count(int(breaches))
    dead = page.locator("#t-pipeline tr", has_text="Dead letters").locator("td")
    assert int(dead.inner_text().split()[0]) == metrics.total("baton_dead_letters_total")


def test_no_conversation_of_the_log_is_on_the_page(worker: WorkerProcess) -> None:
    status, html = worker.page("")
    assert status == 200
    named = {part for raw in log_of(DAY).items if isinstance(raw, bytes) for part in _ids(raw)}
    assert len(named) > 100
    assert not [one for one in named if one in html]


def _ids(raw: bytes) -> Iterator[str]:
    _, found, rest = raw.partition(b'"conversation_id":"')
    if found:
        yield rest.partition(b'"')[0].decode()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1440, 900), (360, 780)])
def test_no_barrier_that_axe_knows_of(
    worker: WorkerProcess, browser: Browser, scheme: Any, size: tuple[int, int]
) -> None:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
    )
    page = opened(context.new_page(), worker)
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
    assert found.response["passes"], "axe has looked at something"
    assert found.violations_count == 0, found.generate_report()
    context.close()


@pytest.mark.parametrize("width", [360, 768, 1024, 1280, 1440, 2560])
def test_no_width_needs_sideways_scrolling(
    worker: WorkerProcess, browser: Browser, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = opened(context.new_page(), worker)
    needed = page.evaluate("document.documentElement.scrollWidth")
    # Nor does anything stick out of its panel.
    out = page.evaluate(
        """() => [...document.querySelectorAll('section')].flatMap((section) =>
          [...section.querySelectorAll('th, td, dd')].filter((cell) =>
            cell.closest('thead') === null
            && cell.getBoundingClientRect().right > section.getBoundingClientRect().right + 1)
          .map((cell) => cell.innerText))"""
    )
    context.close()
    assert needed <= width
    assert out == []


def test_the_keyboard_reaches_the_figures_and_shows_where_it_is(
    worker: WorkerProcess, page: Page
) -> None:
    opened(page, worker)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the figures")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("Tab")  # nothing on the page traps or takes it: round to the first
    expect(skip).to_be_focused()


def test_a_screen_reader_finds_landmarks_and_named_tables(
    worker: WorkerProcess, page: Page
) -> None:
    opened(page, worker)
    for role in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(role)).to_have_count(1)  # type: ignore[arg-type]
    for name in ("In breach now", "Waiting for a human now", "Clauses", "Pipeline"):
        expect(page.get_by_role("region", name=name)).to_have_count(1)
        table = page.get_by_role("table", name=name)
        expect(table).to_have_count(1)
        assert table.get_by_role("columnheader").count() > 1
    expect(page.get_by_role("status")).to_have_count(1)
    expect(page.locator("[aria-live]")).to_have_count(1)
    trend = page.locator("#t-clauses svg").first
    assert "last" in (trend.get_attribute("aria-label") or "")


def test_nothing_moves_for_who_asked_for_less_motion(
    worker: WorkerProcess, browser: Browser
) -> None:
    for motion, wanted in (("no-preference", "new"), ("reduce", "none")):
        context = browser.new_context(reduced_motion=motion)  # type: ignore[arg-type]
        page = opened(context.new_page(), worker)
        page.evaluate("document.querySelector('#t-breaches tbody tr').className = 'new'")
        cell = "getComputedStyle(document.querySelector('#t-breaches tbody tr.new td'))"
        assert page.evaluate(f"{cell}.animationName") == wanted
        context.close()


def test_everything_comes_from_the_worker_itself(worker: WorkerProcess, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    opened(page, worker)
    root = worker.url("")
    served = {url.removeprefix(root) for url in asked if not url.startswith("data:")}
    assert served == {"", "live/page.css", "live/page.js", "live/events"}


@pytest.mark.parametrize(
    ("name", "size", "scheme"),
    [
        ("light", (1440, 900), "light"),
        ("dark", (1440, 900), "dark"),
        ("phone", (360, 780), "light"),
    ],
)
def test_it_can_be_shown(
    worker: WorkerProcess, browser: Browser, name: str, size: tuple[int, int], scheme: Any
) -> None:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme
    )
    page = opened(context.new_page(), worker)
    expect(page.locator("#t-clauses svg").first).to_be_visible(timeout=IN_TIME)
    # Kept only where it is asked for: a picture differs with every font.
    keep = os.environ.get("BATON_SCREENSHOTS")
    path = SCREENSHOTS / f"page-{name}.png" if keep else None
    taken = page.screenshot(path=path, full_page=name != "phone")
    context.close()
    assert taken.startswith(b"\x89PNG")
