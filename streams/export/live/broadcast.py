"""Server-sent events: the latest page to each client, at most once an interval, only if it changed.

A client that is slow misses pages, not others' time: it holds one page, the newest. One that takes
nothing for `patience_s` is dropped. See https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from aiohttp import web

MOST_CLIENTS = 32
INTERVAL_S = 1.0
BEAT_S = 10.0
PATIENCE_S = 15.0
# What the kernel and asyncio hold for a client that reads nothing, before it counts as slow.
_BUFFER_BYTES = 256 * 1024

log = logging.getLogger("baton")


class _Client:
    """What one client has yet to be sent: None once there is nothing more."""

    def __init__(self) -> None:
        self.latest: bytes | None = b""
        self.woken = asyncio.Event()

    def give(self, message: bytes | None) -> None:
        self.latest = message
        self.woken.set()


class Broadcast:
    """Sends what `look` gives: (what is compared to know whether it changed, the message).

    It looks only while there are clients.
    """

    def __init__(
        self,
        look: Callable[[], tuple[bytes, bytes]],
        *,
        interval_s: float = INTERVAL_S,
        beat_s: float = BEAT_S,
        patience_s: float = PATIENCE_S,
        most_clients: int = MOST_CLIENTS,
    ) -> None:
        self._look = look
        self._interval_s = interval_s
        self._beat_s = beat_s
        self._patience_s = patience_s
        self._most = most_clients
        self._clients: set[_Client] = set()
        self._looking: asyncio.Task[None] | None = None
        self._closed = False
        self.dropped = 0
        """Clients that were dropped because they took nothing."""

    @property
    def clients(self) -> int:
        """How many listen now."""
        return len(self._clients)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one client until it leaves, is dropped or `close` is called; 503 where there are
        too many.
        """
        if self._closed or len(self._clients) >= self._most:
            return web.Response(
                status=503,
                text="too many look at this page already\n",
                headers={"Retry-After": "10"},
            )
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        client = _Client()
        self._clients.add(client)
        try:
            await response.prepare(request)
            if request.transport is not None:
                request.transport.set_write_buffer_limits(high=_BUFFER_BYTES)
            client.give(_event("page", self._look()[1]))
            self._start_looking()
            await self._send(response, client)
        except TimeoutError:
            self.dropped += 1
            if request.transport is not None:
                request.transport.abort()
        except (ConnectionError, asyncio.CancelledError):
            pass  # it left
        finally:
            self._clients.discard(client)
        return response

    async def _send(self, response: web.StreamResponse, client: _Client) -> None:
        while True:
            message: bytes | None = b"event: beat\ndata:\n\n"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(client.woken.wait(), self._beat_s)
                client.woken.clear()
                message = client.latest
            if message is None:
                return
            await asyncio.wait_for(response.write(message), self._patience_s)

    def _start_looking(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._keep_looking())

    async def _keep_looking(self) -> None:
        known = b""
        while self._clients:
            try:
                compared, message = self._look()
            except Exception:
                # The page is for people to look at: what is wrong with it must not end the worker.
                log.exception("the live page could not be made")
            else:
                if compared != known:
                    known = compared
                    event = _event("page", message)
                    for client in self._clients:
                        client.give(event)
            await asyncio.sleep(self._interval_s)

    async def close(self) -> None:
        """End every client's stream; browsers try again by themselves."""
        self._closed = True
        for client in self._clients:
            client.give(None)
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking


def _event(name: str, data: bytes) -> bytes:
    # JSON has no raw line breaks, so one data line holds it.
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
