"""How a browser shows the bearer token, which it cannot send by itself: once, for a cookie.

A browser sends basic authentication with each request, an EventSource's included, but no bearer
token. So who has only the token gives it in a form and gets a cookie that opens the live page, and
nothing else. The cookie holds no part of the token: it is an expiry time with a keyed digest, whose
key is made anew by each worker, so that it ends with the worker that gave it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from html import escape

from aiohttp import web

from streams.export.access import Access
from streams.export.live.markup import asset

COOKIE = "baton_page"
LASTS_S = 12 * 3600
_MOST_BYTES = 4096


class SignIn:
    """`now` gives the wall clock in seconds."""

    def __init__(self, access: Access, now: Callable[[], float]) -> None:
        self._access = access
        self._now = now
        self._key = secrets.token_bytes(32)

    @property
    def offered(self) -> bool:
        """Whether there is a token to sign in with."""
        return any(each.startswith("Bearer ") for each in self._access.challenges)

    def admits(self, request: web.Request) -> bool:
        """Whether the request carries a cookie of ours that has not run out."""
        expiry, _, digest = request.cookies.get(COOKIE, "").partition(".")
        if not (expiry.isascii() and expiry.isdigit()) or len(expiry) > 12:
            return False
        same = hmac.compare_digest(digest.encode(errors="replace"), self._digest(expiry).encode())
        return same and self._now() < int(expiry)

    def _digest(self, expiry: str) -> str:
        return hmac.new(self._key, expiry.encode(), hashlib.sha256).hexdigest()

    async def answer(self, request: web.Request) -> web.Response:
        """The form's request: to the page with a cookie, or the form again with status 401."""
        if not self.offered:
            raise web.HTTPNotFound
        if (request.content_length or 0) > _MOST_BYTES:
            raise web.HTTPRequestEntityTooLarge(_MOST_BYTES, request.content_length or 0)
        token = str((await request.post()).get("token", ""))
        if not self._access.allows(f"Bearer {token}"):
            return self.form("This is not the token of this worker.")
        expiry = str(int(self._now()) + LASTS_S)
        answer = web.Response(status=303, headers={"Location": "./"})
        answer.set_cookie(
            COOKIE,
            f"{expiry}.{self._digest(expiry)}",
            max_age=LASTS_S,
            httponly=True,
            samesite="Strict",
            secure=request.secure,
        )
        return answer

    def form(self, wrong: str = "") -> web.Response:
        """The form, as the answer to who has not said who they are."""
        said = f'<p class="wrong" id="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
        described = ' aria-describedby="wrong" aria-invalid="true"' if wrong else ""
        body = asset("sign_in.html").replace("{{wrong}}", said).replace("{{described}}", described)
        return web.Response(status=401, text=body, content_type="text/html", charset="utf-8")
