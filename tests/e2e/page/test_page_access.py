"""Who may look: with a token by a form, with a password by the browser itself, otherwise nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.processes import stop_process
from tests.e2e.page.conftest import Aside
from tests.stream_run import CONTRACT
from tests.worker_process import EMBEDDED, WorkerProcess

TOKEN, USER, PASSWORD = "planted-token", "viewer", "planted-password"


def serving(
    embedded: EmbeddedBroker, folder: Path, aside: Aside[Any], env: dict[str, str]
) -> WorkerProcess:
    """A worker whose pages need what `env` says; they are served before it is ready."""
    flags = ("--broker", embedded.bootstrap, "--prefix", "looked-at.", "--app-id", folder.name)
    argv = [*flags, "--contract", str(CONTRACT), "--port", "0", *EMBEDDED]
    return aside(lambda: WorkerProcess(argv, folder / "worker.log", env=env))


@pytest.fixture(scope="module")
def by_token(
    embedded: EmbeddedBroker, tmp_path_factory: pytest.TempPathFactory, aside: Aside[Any]
) -> Iterator[WorkerProcess]:
    folder = tmp_path_factory.mktemp("by-token")
    found = serving(embedded, folder, aside, {"BATON_PAGES_TOKEN": TOKEN})
    yield found
    stop_process(found.process, 15)


@pytest.fixture(scope="module")
def by_password(
    embedded: EmbeddedBroker, tmp_path_factory: pytest.TempPathFactory, aside: Aside[Any]
) -> Iterator[WorkerProcess]:
    folder = tmp_path_factory.mktemp("by-password")
    login = {"BATON_PAGES_USER": USER, "BATON_PAGES_PASSWORD": PASSWORD}
    found = serving(embedded, folder, aside, login)
    yield found
    stop_process(found.process, 15)


def test_a_token_given_in_the_form_opens_the_page_and_its_events(
    by_token: WorkerProcess, browser: Browser
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(by_token.url(""))
    field = page.get_by_label("Token of this worker's pages")
    field.fill("wrong")
    page.get_by_role("button", name="Show the page").click()
    expect(page.get_by_role("alert")).to_have_text("This is not the token of this worker.")
    field.fill(TOKEN)
    page.keyboard.press("Enter")
    expect(page.locator("#link")).to_have_text("live")
    assert page.url == by_token.url("")
    (cookie,) = context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert TOKEN not in cookie["value"]
    # It opens the page alone: what Prometheus reads needs the token itself.
    assert page.request.get(by_token.url("metrics")).status == 401
    context.close()


def test_a_password_opens_the_page_and_its_events_without_a_form(
    by_password: WorkerProcess, browser: Browser
) -> None:
    context = browser.new_context(http_credentials={"username": USER, "password": PASSWORD})
    page = context.new_page()
    page.goto(by_password.url(""))
    expect(page.locator("#link")).to_have_text("live")
    context.close()


@pytest.mark.parametrize("path", ["", "live/events", "metrics"])
def test_who_says_nothing_sees_nothing(
    by_token: WorkerProcess, by_password: WorkerProcess, path: str
) -> None:
    for worker in (by_token, by_password):
        status, body = worker.page(path)
        assert status == 401
        assert "telco-2026" not in body


def test_the_form_has_no_barrier_that_axe_knows_of(
    by_token: WorkerProcess, browser: Browser
) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 780})
    page = context.new_page()
    page.goto(by_token.url(""))
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()
