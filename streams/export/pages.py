"""/metrics, /healthz and /readyz of a worker, and the live page and the API where there are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder

from streams.export.access import Access
from streams.export.exposition import written
from streams.export.live.page import LivePage
from streams.export.trace_api import TraceApi
from streams.http_log import server_log

# A probe has no credentials; without them it is told yes or no.
_PROBES = ("/healthz", "/readyz")

# For how long a scrape has the loop to itself at a time.
_TURN_S = 0.004

Check = Callable[[], tuple[bool, str]]
# Families to show, and None where others may run before the next is read.
Parts = Callable[[], Iterable[Metric | None]]


class PagesError(RuntimeError):
    """The pages cannot be served; the message says why and what to do."""


class Pages:
    """A small HTTP server on the worker's own loop.

    `live` and `ready` answer (ok, why); not ok is 503, so that a probe needs no parser. Whoever
    `access` does not let in gets that status alone, and 401 for everything else.
    """

    def __init__(
        self,
        metrics: Parts,
        host: str,
        port: int,
        live: Check,
        ready: Check,
        access: Access,
        page: LivePage | None = None,
        api: TraceApi | None = None,
    ) -> None:
        self._parts = metrics
        self._host = host
        self._port = port
        self._live = live
        self._ready = ready
        self._access = access
        self._page = page
        self._api = api
        self._runner: web.AppRunner | None = None

    async def start(self) -> int:
        """Serve; returns the port. Raises PagesError where the address cannot be had."""
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        if self._page is not None:
            self._page.register(app)
        if self._api is not None:
            self._api.register(app)
        self._runner = web.AppRunner(app, access_log=None, logger=server_log("pages"))
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        try:
            await site.start()
        except OSError as error:
            await self.stop()
            raise PagesError(
                f"cannot serve metrics on {self._host}:{self._port}: {error.strerror or error};"
                " choose another with --port (0 takes a free one)"
            ) from None
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop serving."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._allowed(request) or request.path in _PROBES:
            return await handler(request)
        if self._page is not None and self._page.admits(request):
            return await handler(request)
        form = None if self._page is None else self._page.refusal(request)
        answer = form or web.Response(status=401, text="credentials are needed\n")
        for challenge in self._access.challenges:
            answer.headers.add("WWW-Authenticate", challenge)
        return answer

    def _allowed(self, request: web.Request) -> bool:
        return self._access.allows(request.headers.get("Authorization"))

    async def _metrics(self, request: web.Request) -> web.Response:
        _, content_type = choose_encoder(request.headers.get("Accept", ""))
        openmetrics = content_type.startswith("application/openmetrics-text")
        page: list[bytes] = []
        turn_ends = time.perf_counter() + _TURN_S
        for piece in written(self._parts(), openmetrics=openmetrics):
            page.append(piece.encode())
            if time.perf_counter() > turn_ends:
                await asyncio.sleep(0)
                turn_ends = time.perf_counter() + _TURN_S
        # What is left is one piece of work: to put megabytes together and to hand them on.
        await asyncio.sleep(0)
        return web.Response(body=b"".join(page), headers={"Content-Type": content_type})

    async def _healthz(self, request: web.Request) -> web.Response:
        return self._answer(request, *self._live())

    async def _readyz(self, request: web.Request) -> web.Response:
        return self._answer(request, *self._ready())

    def _answer(self, request: web.Request, ok: bool, why: str) -> web.Response:
        return web.Response(
            body=orjson.dumps({"ok": ok, "why": why} if self._allowed(request) else {"ok": ok}),
            status=200 if ok else 503,
            content_type="application/json",
        )
