"""The page over HTTP: who is let in, by what, and what the answers' headers say."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
import pytest

from streams.export.access import Access
from streams.export.live.page import LivePage
from streams.export.live.sign_in import COOKIE, LASTS_S
from streams.export.live.snapshot import Snapshots
from streams.export.pages import Pages
from streams.export.telemetry import Telemetry
from streams.kafka.processes import LOOPBACK
from tests.unit.export.live.looked_at import READY
from tests.unit.oracle.verdicts import BOOK

TOKEN = Access(token="planted-token")
LOGIN = Access(user="viewer", password="planted")
BOTH = Access(token="planted-token", user="viewer", password="planted")
BASIC = {"Authorization": "Basic " + b64encode(b"viewer:planted").decode()}
BEARER = {"Authorization": "Bearer planted-token"}


@dataclass
class Site:
    """A worker's pages without a worker; `now` is its wall clock in seconds."""

    access: Access
    now: float = 1_000_000.0
    url: str = ""
    session: aiohttp.ClientSession = field(init=False)

    async def serve(self, act: Callable[[Site], Awaitable[None]]) -> None:
        page = LivePage(
            Snapshots(Telemetry(BOOK), BOOK, 1),
            self.access,
            now=lambda: self.now,
            lags=dict,
            ready=lambda: READY,
        )
        pages = Pages(tuple, LOOPBACK, 0, lambda: READY, lambda: READY, self.access, page)
        self.url = f"http://{LOOPBACK}:{await pages.start()}"
        jar = aiohttp.CookieJar(unsafe=True)  # else none of an address in numbers
        try:
            async with aiohttp.ClientSession(cookie_jar=jar) as self.session:
                await act(self)
        finally:
            await pages.stop()

    async def status(self, path: str, headers: dict[str, str] | None = None) -> int:
        async with self.session.get(self.url + path, headers=headers) as response:
            return response.status

    async def sign_in(self, token: str, more: bytes = b"") -> aiohttp.ClientResponse:
        body = b"token=" + token.encode() + more
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        url = f"{self.url}/"
        return await self.session.post(url, data=body, headers=kind, allow_redirects=False)


def at(access: Access, act: Callable[[Site], Awaitable[None]]) -> None:
    asyncio.run(Site(access).serve(act))


@pytest.mark.parametrize("path", ["/", "/live/events"])
@pytest.mark.parametrize(
    ("access", "headers", "status"),
    [
        (Access(), {}, 200),
        (TOKEN, BEARER, 200),
        (LOGIN, BASIC, 200),
        (BOTH, BASIC, 200),
        (TOKEN, {}, 401),
        (TOKEN, BASIC, 401),
        (LOGIN, {}, 401),
        (LOGIN, BEARER, 401),
    ],
)
def test_the_page_is_behind_the_check_of_metrics(
    path: str, access: Access, headers: dict[str, str], status: int
) -> None:
    async def act(site: Site) -> None:
        assert await site.status(path, headers) == status
        assert await site.status("/metrics", headers) == status

    at(access, act)


def test_a_browser_is_asked_for_a_password_where_there_is_one() -> None:
    async def act(site: Site) -> None:
        async with site.session.get(f"{site.url}/") as response:
            assert response.headers["WWW-Authenticate"].startswith("Basic")
            assert "<form" not in await response.text()

    at(LOGIN, act)


def test_the_form_s_cookie_opens_the_page_and_its_events_and_no_metrics() -> None:
    async def act(site: Site) -> None:
        async with site.session.get(f"{site.url}/") as response:
            assert response.status == 401
            assert "<form" in await response.text()
        answer = await site.sign_in("planted-token")
        assert (answer.status, answer.headers["Location"]) == (303, "./")
        said = answer.headers["Set-Cookie"]
        assert "HttpOnly" in said
        assert "SameSite=Strict" in said
        assert "planted" not in said
        assert await site.status("/") == 200
        assert await site.status("/live/events") == 200
        assert await site.status("/metrics") == 401
        async with site.session.get(f"{site.url}/healthz") as response:
            assert "why" not in await response.json()

    at(TOKEN, act)


@pytest.mark.parametrize("token", ["", "wrong", "planted-token2", "planted%00token"])
def test_a_wrong_token_gets_the_form_again_and_no_cookie(token: str) -> None:
    async def act(site: Site) -> None:
        answer = await site.sign_in(token)
        assert answer.status == 401
        assert "Set-Cookie" not in answer.headers
        assert 'role="alert"' in await answer.text()

    at(TOKEN, act)


def test_a_form_of_megabytes_is_refused() -> None:
    async def act(site: Site) -> None:
        assert (await site.sign_in("x", b"x" * 2_000_000)).status == 413

    at(TOKEN, act)


@pytest.mark.parametrize("access", [Access(), LOGIN])
def test_without_a_token_there_is_nothing_to_sign_in_to(access: Access) -> None:
    async def act(site: Site) -> None:
        assert (await site.sign_in("anything")).status == 404

    at(access, act)


def test_a_cookie_ends_after_half_a_day() -> None:
    async def act(site: Site) -> None:
        answer = await site.sign_in("planted-token")
        cookie = {"Cookie": f"{COOKIE}={answer.cookies[COOKIE].value}"}
        site.now += LASTS_S - 1
        assert await site.status("/", cookie) == 200
        site.now += 2
        assert await site.status("/", cookie) == 401

    at(TOKEN, act)


def test_a_cookie_cannot_be_made_lengthened_or_taken_to_another_worker() -> None:
    async def act(site: Site) -> None:
        answer = await site.sign_in("planted-token")
        given = answer.cookies[COOKIE].value
        site.session.cookie_jar.clear()
        expiry, _, digest = given.partition(".")
        forged = [f"{int(expiry) + 1}.{digest}", f"{expiry}.", f"{expiry}.{'0' * 64}", "x.y", "."]
        for value in forged:
            assert await site.status("/", {"Cookie": f"{COOKIE}={value}"}) == 401

        async def elsewhere(other: Site) -> None:
            assert await other.status("/", {"Cookie": f"{COOKIE}={given}"}) == 401

        await Site(TOKEN).serve(elsewhere)
        assert await site.status("/", {"Cookie": f"{COOKIE}={given}"}) == 200

    at(TOKEN, act)


def test_the_page_s_answers_are_guarded_and_not_kept() -> None:
    async def act(site: Site) -> None:
        for path in ("/", "/live/events", "/live/page.js", "/live/page.css"):
            async with site.session.get(site.url + path) as response:
                assert "default-src 'none'" in response.headers["Content-Security-Policy"]
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                kept = response.headers["Cache-Control"]
                assert kept == ("no-cache" if "page." in path else "no-store")

    at(Access(), act)


def test_the_form_is_guarded_too() -> None:
    async def act(site: Site) -> None:
        async with site.session.get(f"{site.url}/") as response:
            assert "form-action 'self'" in response.headers["Content-Security-Policy"]

    at(TOKEN, act)


@pytest.mark.parametrize(
    ("path", "kind"), [("/live/page.css", "text/css"), ("/live/page.js", "text/javascript")]
)
def test_what_the_page_loads_is_sent_again_only_when_it_is_another(path: str, kind: str) -> None:
    async def act(site: Site) -> None:
        async with site.session.get(site.url + path) as response:
            assert (response.status, response.content_type) == (200, kind)
            tag = response.headers["ETag"]
        assert await site.status(path, {"If-None-Match": tag}) == 304
        assert await site.status(path, {"If-None-Match": '"other"'}) == 200

    at(TOKEN, act)  # and needs no credentials, for it is the same for everybody


def test_stopping_the_pages_ends_those_who_listen() -> None:
    async def run() -> None:
        session = aiohttp.ClientSession()
        listening: list[aiohttp.ClientResponse] = []

        async def act(site: Site) -> None:
            response = await session.get(f"{site.url}/live/events")
            assert await response.content.readline() == b"event: page\n"
            listening.append(response)

        async with asyncio.timeout(10):  # far less than aiohttp waits for what still goes on
            await Site(Access()).serve(act)
            await listening[0].read()  # ends, and not in the middle
        await session.close()

    asyncio.run(run())
