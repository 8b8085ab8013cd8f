"""Who may read the pages, and which settings would leave them open."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from streams.export.access import Access, AccessError, pages_access
from streams.export.pages import Pages
from streams.settings import Settings

BASIC = "Basic " + b64encode(b"prometheus:planted").decode()
BOTH = Access(token="planted-token", user="prometheus", password="planted")


@pytest.mark.parametrize("header", ["Bearer planted-token", "bearer  planted-token ", BASIC])
def test_token_and_user_are_let_in(header: str) -> None:
    assert BOTH.allows(header)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer planted-toke",
        "Bearer planted-token2",
        "Bearer \udcff",
        "planted-token",
        "Basic planted-token",
        "Digest planted-token",
        f"Bearer {BASIC.split()[1]}",
        "Basic " + b64encode(b"prometheus:").decode(),
        "Basic " + b64encode(b":planted").decode(),
        "Basic \u00fc",
    ],
)
def test_nobody_else_is(header: str | None) -> None:
    assert not BOTH.allows(header)


def test_only_what_is_set_is_taken() -> None:
    assert not Access(token="planted-token").allows("Basic " + b64encode(b":").decode())
    assert not Access(user="u", password="p").allows("Bearer ")
    assert Access().allows(None)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "10.0.0.7", "metrics.example", "127.evil.io"]
)
def test_beyond_loopback_credentials_or_the_word_open_are_needed(host: str) -> None:
    with pytest.raises(AccessError, match="BATON_PAGES_TOKEN") as caught:
        pages_access(Settings(host=host))
    assert "--pages-open" in str(caught.value)
    assert pages_access(Settings(host=host, pages_open=True)).allows(None)
    assert not pages_access(Settings(host=host, pages_token="planted")).allows(None)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_loopback_needs_none_but_asks_for_those_that_are_set(host: str) -> None:
    assert pages_access(Settings(host=host)).allows(None)
    assert not pages_access(Settings(host=host, pages_token="planted")).allows(None)


@pytest.mark.parametrize("settings", [{"pages_user": "prometheus"}, {"pages_password": "planted"}])
def test_half_of_a_login_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(AccessError, match="both --pages-user and BATON_PAGES_PASSWORD") as caught:
        pages_access(Settings(**settings))
    assert "planted" not in str(caught.value)


Ask = Callable[[str, str | None], Awaitable[aiohttp.ClientResponse]]


def served(access: Access, talk: Callable[[Ask], Awaitable[None]]) -> None:
    """Serve pages that are live and not ready, and talk to them."""

    async def run() -> None:
        pages = Pages(
            tuple,
            "127.0.0.1",
            0,
            lambda: (True, "why live"),
            lambda: (False, "why not ready"),
            access,
        )
        url = f"http://127.0.0.1:{await pages.start()}"
        try:
            async with aiohttp.ClientSession() as session:

                async def ask(page: str, header: str | None) -> aiohttp.ClientResponse:
                    headers = {} if header is None else {"Authorization": header}
                    answer = await session.get(url + page, headers=headers)
                    await answer.read()
                    return answer

                await talk(ask)
        finally:
            await pages.stop()

    asyncio.run(run())


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic d3Jvbmc6d3Jvbmc="])
def test_without_credentials_pages_are_401_and_probes_answer_without_details(
    header: str | None,
) -> None:
    async def talk(ask: Ask) -> None:
        for page in ("/metrics", "/", "/other", "/healthz/", "/metrics?x=/healthz"):
            answer = await ask(page, header)
            assert answer.status == 401
            assert answer.headers.getall("WWW-Authenticate") == [
                'Bearer realm="baton"',
                'Basic realm="baton"',
            ]
        live, ready = await ask("/healthz", header), await ask("/readyz", header)
        assert (live.status, await live.json()) == (200, {"ok": True})
        assert (ready.status, await ready.json()) == (503, {"ok": False})

    served(BOTH, talk)


@pytest.mark.parametrize("header", ["Bearer planted-token", BASIC])
def test_with_credentials_pages_and_details_are_shown(header: str) -> None:
    async def talk(ask: Ask) -> None:
        assert (await ask("/metrics", header)).status == 200
        assert (await ask("/other", header)).status == 404
        assert (await (await ask("/readyz", header)).json())["why"] == "why not ready"

    served(BOTH, talk)


def test_open_pages_ask_nobody() -> None:
    async def talk(ask: Ask) -> None:
        assert (await ask("/metrics", None)).status == 200
        assert (await (await ask("/readyz", None)).json())["why"] == "why not ready"

    served(Access(), talk)
