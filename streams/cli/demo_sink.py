"""Where the demo's breaches are posted to: an HTTP server of this process, on loopback alone."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from streams.kafka.processes import LOOPBACK


class PageSink:
    """Takes what a worker's webhook posts, each event once however often it comes."""

    def __init__(self) -> None:
        self._taken: dict[str, dict[str, Any]] = {}
        self._runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Listen on a free port; returns the address to post to."""
        app = web.Application()
        app.router.add_post("/", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, 0).start()
        return f"http://{LOOPBACK}:{self._runner.addresses[0][1]}/"

    async def stop(self) -> None:
        """Listen no longer."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        event = orjson.loads(await request.read())
        self._taken[event["id"]] = event
        return web.Response(status=204)

    @property
    def pages(self) -> list[dict[str, Any]]:
        """The openings that page somebody, in the order of event time."""
        opened = (e for e in self._taken.values() if e["type"] == "baton.breach.opened")
        return sorted(
            (e for e in opened if e["data"]["severity"] == "page"), key=lambda e: str(e["time"])
        )

    def first(self) -> str:
        """The first page in a few words."""
        if not self.pages:
            return "none"
        event = self.pages[0]
        key = ", ".join(event["data"]["key"].values()) or event["data"]["contract"]
        return f"{event['subject']}, {key}, at {str(event['time'])[11:19]}"
