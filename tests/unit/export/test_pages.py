"""A scrape leaves the loop to others between its pieces, and the page is whole all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from prometheus_client.core import GaugeMetricFamily, Metric

from streams.export import pages
from streams.export.access import Access
from streams.export.pages import Pages

PIECES = 20


def gauges(turns: list[int]) -> Iterator[Metric | None]:
    """Families with pauses between; each notes how often the other task had run by then."""
    for number in range(PIECES):
        yield None
        gauge = GaugeMetricFamily(f"baton_{number}", "A gauge.")
        gauge.add_metric((), turns[0])
        yield gauge


@pytest.mark.parametrize(
    ("accept", "kind", "end"),
    [
        ("text/plain;version=0.0.4", "text/plain", "\n"),
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text", "# EOF\n"),
    ],
)
def test_others_have_their_turn_while_a_page_is_made(
    monkeypatch: pytest.MonkeyPatch, accept: str, kind: str, end: str
) -> None:
    monkeypatch.setattr(pages, "_TURN_S", 0.0)  # every piece is a turn of its own
    turns = [0]

    async def other() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    async def run() -> tuple[Any, str]:
        yes = (True, "")
        site = Pages(lambda: gauges(turns), "127.0.0.1", 0, lambda: yes, lambda: yes, Access())
        url = f"http://127.0.0.1:{await site.start()}/metrics"
        task = asyncio.create_task(other())
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(url, headers={"Accept": accept}) as answer,
            ):
                return answer, await answer.text()
        finally:
            task.cancel()
            await site.stop()

    answer, text = asyncio.run(run())
    assert answer.content_type == kind
    assert text.endswith(end)
    values = [int(float(line.split()[1])) for line in text.splitlines() if line[0] != "#"]
    assert len(values) == PIECES
    assert values == sorted(set(values)), "another task ran between any two pieces"


def test_what_is_no_http_is_neither_quoted_nor_traced_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene() -> None:
        yes = (True, "")
        site = Pages(list, "127.0.0.1", 0, lambda: yes, lambda: yes, Access())
        port = await site.start()
        try:
            for _ in range(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET /metrics HTTP/1.1\r\nAuthorization: Bearer a-token\x00\r\n\r\n")
                assert b" 400 " in await reader.readline()
                writer.close()
        finally:
            await site.stop()

    asyncio.run(scene())
    assert [record.getMessage() for record in caplog.records] == [
        "refused with 400, for they are no HTTP: 1 requests"
    ]
    assert "a-token" not in caplog.text
