"""The live page's routes: `/`, what it loads, its events, and the form that opens it.

Served by pages.py behind the same check as /metrics; only the stylesheet and the script, which are
the same for everybody, and the form are open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from aiohttp import web

from streams.export.access import Access
from streams.export.live.broadcast import Broadcast
from streams.export.live.event_clock import Pace
from streams.export.live.markup import asset, html
from streams.export.live.shown import Page
from streams.export.live.sign_in import SignIn
from streams.export.live.snapshot import Snapshots
from streams.export.live.view import encode_page, page_of

_OPEN = frozenset((("GET", "/live/page.css"), ("GET", "/live/page.js"), ("POST", "/")))
_PATHS = frozenset(("/", "/live/events"))
_TYPES = {"page.css": "text/css", "page.js": "text/javascript"}
HEADERS = {
    # Nothing from elsewhere, nothing inline; the empty icon is the one data: address.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class LivePage:
    """One worker's page. `now` gives wall-clock seconds, `lags` the consumer's lag in records by
    (topic, partition), `ready` readiness and why not.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        access: Access,
        *,
        now: Callable[[], float],
        lags: Callable[[], Mapping[tuple[str, int], int]],
        ready: Callable[[], tuple[bool, str]],
    ) -> None:
        self._snapshots = snapshots
        self._now = now
        self._lags = lags
        self._ready = ready
        self._pace = Pace()
        self.broadcast = Broadcast(self._look)
        self.sign_in = SignIn(access, now)

    def register(self, app: web.Application) -> None:
        """Add the routes; streams end when the application shuts down."""
        app.router.add_get("/", self._page)
        app.router.add_get("/live/events", self.broadcast.serve)
        app.router.add_post("/", self.sign_in.answer)
        for name in _TYPES:
            app.router.add_get(f"/live/{name}", self._asset)
        app.on_response_prepare.append(_guarded)
        app.on_shutdown.append(self._shut_down)

    def admits(self, request: web.Request) -> bool:
        """Whether a request without an Authorization header is let in all the same."""
        if (request.method, request.path) in _OPEN:
            return True
        return request.path in _PATHS and self.sign_in.admits(request)

    def refusal(self, request: web.Request) -> web.Response | None:
        """The form for a person who may sign in there; None where it is no answer."""
        return self.sign_in.form() if request.path == "/" and self.sign_in.offered else None

    def _taken(self) -> Page:
        return page_of(self._snapshots.take(lags=self._lags(), ready=self._ready()))

    def _look(self) -> tuple[bytes, bytes]:
        page = self._taken()
        now_ms = int(self._now() * 1000)
        moving = self._pace.look(now_ms, page.clock)
        said = b'"moving":%s,"page":%s' % (b"true" if moving else b"false", encode_page(page))
        return said, b'{"now":%d,%s}' % (now_ms, said)

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(
            text=html(self._taken(), int(self._now() * 1000)),
            content_type="text/html",
            charset="utf-8",
            headers={"Cache-Control": "no-store"},
        )

    async def _asset(self, request: web.Request) -> web.Response:
        name = request.path.rpartition("/")[2]
        text = asset(name)
        tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'
        headers = {"Cache-Control": "no-cache", "ETag": tag}
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        return web.Response(text=text, content_type=_TYPES[name], charset="utf-8", headers=headers)

    async def _shut_down(self, _: web.Application) -> None:
        await self.broadcast.close()


async def _guarded(request: web.Request, response: web.StreamResponse) -> None:
    if request.path == "/" or request.path.startswith("/live/"):
        response.headers.update(HEADERS)
