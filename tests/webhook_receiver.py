"""Somebody's HTTP endpoint on loopback, which can be slow, out of order or gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

from streams.kafka.processes import LOOPBACK, free_loopback_ports


@dataclass
class Receiver:
    """Serves between `open` and `close`, always on the same port.

    `answers` gives the status of the next requests, then 204; `holds` makes each wait until it is
    set. `bodies` and `headers` are of every request that came, `taken` the ids answered with 2xx.
    """

    answers: list[int] = field(default_factory=list)
    more_headers: dict[str, str] = field(default_factory=dict)
    holds: asyncio.Event | None = None
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    port: int = field(default_factory=lambda: free_loopback_ports(1)[0])
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where to post to."""
        return f"http://{LOOPBACK}:{self.port}/breaches"

    async def open(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_post("/breaches", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, self.port).start()

    async def close(self) -> None:
        """Listen no longer."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.close()

    async def _take(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        if self.holds is not None:
            await self.holds.wait()
        status = self.answers.pop(0) if self.answers else 204
        if 200 <= status < 300:
            self.taken.append(body["id"])
        return web.Response(status=status, headers=self.more_headers)


async def until(condition: Callable[[], object], what: str, within_s: float = 40.0) -> None:
    """Return once the condition holds."""
    try:
        async with asyncio.timeout(within_s):
            while not condition():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {within_s:.0f} s: {what}") from None
