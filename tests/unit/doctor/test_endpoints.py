"""The worker's pages are the real ones; the webhook's other side is a small server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client.core import GaugeMetricFamily

from streams.doctor import endpoints
from streams.doctor.asking import PATIENCE, Asking
from streams.doctor.finding import Finding
from streams.export.access import Access
from streams.export.pages import Pages
from tests.examined import NOWHERE, of


async def _asked(ask: Callable[[Asking], Awaitable[list[Finding]]]) -> list[Finding]:
    async with aiohttp.ClientSession(timeout=PATIENCE) as session:
        return await ask(Asking(session))


def worker(*, ready: bool = True, wanted: str = "", sent: str = "") -> list[Finding]:
    async def run() -> list[Finding]:
        state = (ready, "joining the group or recovering state from changelogs")
        family = GaugeMetricFamily("baton_build_info", "Version.", value=1)
        access = Access(token=wanted)
        pages = Pages(lambda: [family], "127.0.0.1", 0, lambda: state, lambda: state, access)
        url = f"http://127.0.0.1:{await pages.start()}"
        try:
            return await _asked(lambda asking: endpoints.worker(asking, url, sent))
        finally:
            await pages.stop()

    return asyncio.run(run())


def webhook(status: int) -> Finding:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status)

    async def run() -> Finding:
        app = web.Application()
        app.router.add_route("*", "/", answer)
        async with TestServer(app) as server:
            url = str(server.make_url("/"))
            (found,) = await _asked(lambda asking: _one(endpoints.webhook(asking, url)))
            return found

    return asyncio.run(run())


async def _one(finding: Awaitable[Finding]) -> list[Finding]:
    return [await finding]


def test_a_worker_that_is_ready() -> None:
    assert [each.verdict for each in worker()] == ["ok", "ok"]


def test_a_worker_that_is_not_ready_says_why() -> None:
    told = of(worker(ready=False), "worker")
    assert told.verdict == "wrong"
    assert "recovering state" in told.what
    assert "slow-recovery.md" in told.fix


def test_a_worker_of_another_token() -> None:
    told = of(worker(wanted="theirs", sent="ours"), "worker.metrics")
    assert told.verdict == "wrong"
    assert "ours" not in f"{told.what} {told.fix}".split()
    assert of(worker(wanted="same", sent="same"), "worker.metrics").verdict == "ok"


@pytest.mark.parametrize(
    ("status", "verdict"), [(204, "ok"), (405, "ok"), (401, "ok"), (501, "ok"), (503, "warn")]
)
def test_a_webhook_that_answers(status: int, verdict: str) -> None:
    assert webhook(status).verdict == verdict


def test_a_webhook_that_does_not() -> None:
    url = f"http://{NOWHERE}/"
    (told,) = asyncio.run(_asked(lambda asking: _one(endpoints.webhook(asking, url))))
    assert told.verdict == "wrong"
    assert "connection refused" in told.what
