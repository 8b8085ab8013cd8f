"""The hooks over HTTP on loopback: what a platform is answered, and what is then on the topic."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from streams.intake.delivery import Delivery
from streams.intake.hooks import Hook, Reception
from streams.intake.mapping import CanonicalFeed, PlatformFeed
from streams.intake.metrics import IntakeCounts
from streams.intake.server import HooksError, HookServer
from streams.sources.base import SourceOptions
from streams.sources.platforms import PLATFORMS
from tests.intake_process import canonical_events
from tests.unit.intake.brokers_in_memory import Brokers
from tests.unit.intake.test_signatures import canonical as signed

SECRET = "s3cret-of-the-tests"
BEARER = {"Authorization": f"Bearer {SECRET}"}
MOST = 50_000
VOICE = Path(__file__).parents[1] / "sources/platforms/twilio/taskrouter_voice.json"
EVENTS = list(canonical_events(12))


@dataclass
class Served:
    """A server, and a platform that posts to it."""

    url: str
    port: int
    session: aiohttp.ClientSession
    brokers: Brokers
    server: HookServer
    counts: IntakeCounts = field(default_factory=IntakeCounts)

    async def post(
        self, body: bytes, name: str = "canonical", headers: dict[str, str] = BEARER
    ) -> tuple[int, Any, str | None]:
        """Status, what was told, and Retry-After."""
        said = {"Content-Type": "application/json", **headers}
        async with self.session.post(f"{self.url}/hooks/{name}", data=body, headers=said) as answer:
            return answer.status, await answer.json(), answer.headers.get("Retry-After")

    def values(self, topic: str = "events") -> list[Any]:
        return [orjson.loads(v or b"null") for t, v in self.brokers.ids() if t == topic]


@asynccontextmanager
async def served(**limits: Any) -> AsyncIterator[Served]:
    brokers, counts = Brokers(), IntakeCounts()
    delivery = Delivery(brokers.producer)  # type: ignore[arg-type]
    await delivery.start()
    keep = limits.pop("keep_payloads", False)
    reception = Reception(delivery, counts, "events", "letters", MOST, 0.3, keep)
    twilio = PlatformFeed(PLATFORMS["twilio"], SourceOptions("telco-2026", "a-salt"))
    hooks = {"canonical": Hook(CanonicalFeed(), (SECRET,)), "twilio": Hook(twilio, ())}
    server = HookServer(hooks, reception, "127.0.0.1", 0, **limits)
    port = await server.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Served(f"http://127.0.0.1:{port}", port, session, brokers, server, counts)
    finally:
        await server.stop()
        await delivery.stop(0.1)


def test_a_batch_is_on_the_topic_once_when_it_is_answered_200() -> None:
    async def scene() -> None:
        async with served() as found:
            body = orjson.dumps(EVENTS)
            assert await found.post(body) == (
                200,
                {"events": 12, "ignored": 0, "unmapped": 0},
                None,
            )
            assert in_order(found.values()) == EVENTS
            assert (await found.post(body))[0] == 200
            assert in_order(found.values()) == EVENTS
            assert found.counts.repeated["canonical"] == 12
            keys = {key for _, key, _, _ in found.brokers.records}
            assert keys == {event["data"]["conversation_id"].encode() for event in EVENTS}

    asyncio.run(scene())


def test_a_signed_and_packed_body_is_verified_as_it_was_before_it_was_packed() -> None:
    async def scene() -> None:
        async with served() as found:
            body = orjson.dumps(EVENTS[0])
            headers = {"Content-Encoding": "gzip"} | signed(found_now(), body, SECRET)
            assert (await found.post(gzip.compress(body), headers=headers))[0] == 200
            assert found.values() == EVENTS[:1]

    asyncio.run(scene())


def in_order(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As they happened: each partition is written for itself."""
    return sorted(events, key=lambda event: str(event["time"]))


def found_now() -> float:
    import time

    return time.time()


@pytest.mark.parametrize(
    ("body", "name", "headers", "status"),
    [
        (b"{}", "canonical", {}, 401),
        (b"{}", "canonical", {"Authorization": "Bearer wrong"}, 401),
        (b"{}", "canonical", {"Authorization": "Bearer \xff"}, 401),
        (b"{", "canonical", BEARER, 400),
        (b"", "canonical", BEARER, 400),
        (b"[" + b" " * MOST + b"]", "canonical", BEARER, 413),
        (gzip.compress(bytes(20 * MOST)), "canonical", BEARER | {"Content-Encoding": "gzip"}, 413),
        (b"{}", "canonical", BEARER | {"Content-Encoding": "br"}, 415),
        (b"{}", "zendesk", BEARER, 404),
    ],
)
def test_what_is_wrong_with_a_request_is_its_status(
    body: bytes, name: str, headers: dict[str, str], status: int
) -> None:
    async def scene() -> None:
        async with served() as found:
            code, told, _ = await found.post(body, name, headers)
            assert code == status
            assert SECRET not in told["error"]
            assert found.brokers.records == []

    asyncio.run(scene())


def test_what_cannot_be_mapped_is_a_dead_letter_without_the_payload_and_is_not_sent_again() -> None:
    async def scene() -> None:
        async with served() as found:
            body = b'[{"name": "Jane Doe"}, {"type": "baton.tick"}, 7]'
            code, told, _ = await found.post(body)
            assert (code, told["events"], told["unmapped"]) == (200, 0, 3)
            assert "Jane" not in str(told)
            await found.post(body)
            letters = found.brokers.records
            assert [(topic, value) for topic, _, value, _ in letters] == [("letters", None)] * 3
            headers = [dict(headers) for *_, headers in letters]
            assert [each["baton.error.origin.offset"] for each in headers] == [b"0", b"1", b"2"]
            assert {each["baton.error.code"] for each in headers} == {b"not_canonical"}
            assert {each["baton.error.origin.topic"] for each in headers} == {b"/hooks/canonical"}

    asyncio.run(scene())


def test_an_operator_may_keep_the_payload() -> None:
    async def scene() -> None:
        async with served(keep_payloads=True) as found:
            await found.post(b'{"some": "thing"}')
            assert [value for _, value in found.brokers.ids()] == [b'{"some": "thing"}']

    asyncio.run(scene())


def test_a_platform_s_payloads_become_canonical_events_under_the_same_ids_each_time() -> None:
    async def scene() -> None:
        async with served() as found:
            body = VOICE.read_bytes()
            code, told, _ = await found.post(body, "twilio", {})
            assert code == 200
            events = found.values()
            assert told["events"] == len(events) > 5
            assert {"baton.handoff.requested", "baton.handoff.connected"} <= {
                event["type"] for event in events
            }
            assert "Jane" not in str(events)
            await found.post(body, "twilio", {})
            assert found.values() == events

    asyncio.run(scene())


def test_a_form_is_a_payload() -> None:
    async def scene() -> None:
        async with served() as found:
            payload = orjson.loads(VOICE.read_bytes())[0]
            form = aiohttp.FormData(payload)
            async with found.session.post(f"{found.url}/hooks/twilio", data=form) as answer:
                assert answer.status == 200
                assert (await answer.json())["events"] >= 1
            assert found.values()

    asyncio.run(scene())


def test_while_the_brokers_are_away_a_platform_is_asked_to_wait_and_nothing_is_lost() -> None:
    async def scene() -> None:
        async with served() as found:
            found.brokers.there.clear()
            body = orjson.dumps(EVENTS)
            code, told, retry_after = await found.post(body)
            assert (code, retry_after) == (503, "5")
            assert "do not answer" in told["error"]
            found.brokers.there.set()
            assert (await found.post(body))[0] == 200
            assert sorted(event["id"] for event in found.values()) == sorted(
                event["id"] for event in EVENTS
            )

    asyncio.run(scene())


def test_more_requests_at_once_than_allowed_are_asked_to_wait() -> None:
    async def scene() -> None:
        async with served(most_requests=2) as found:
            found.brokers.there.clear()
            bodies = [orjson.dumps(event) for event in EVENTS[:6]]
            answers = await asyncio.gather(*(found.post(body) for body in bodies))
            told = sorted(answer[1]["error"] for answer in answers)
            assert sum("too many" in each for each in told) == 4
            assert {answer[0] for answer in answers} == {503}
            assert all(answer[2] for answer in answers)

    asyncio.run(scene())


@pytest.mark.parametrize(
    "beginning",
    [b"", b"POST /hooks/canonical HTTP/1.1\r\nHost: x\r\n"],
    ids=["says nothing", "stops in the head"],
)
def test_a_client_that_does_not_go_on_is_cut_off(beginning: bytes) -> None:
    async def scene() -> None:
        async with served(read_within_s=0.2) as found:
            reader, writer = await asyncio.open_connection("127.0.0.1", found.port)
            writer.write(beginning)
            try:
                async with asyncio.timeout(10):
                    left = await reader.read()
            except ConnectionResetError:
                left = b""
            assert left == b""
            writer.close()

    asyncio.run(scene())


@pytest.mark.parametrize(
    "spoiled",
    [
        b"POST /hooks/canonical HTTP/1.1\r\nAuthorization: Bearer jane@acme\x00\r\n\r\n",
        b"POST /hooks/canonical HTTP/1.1\r\nContent-Length: -1\r\nX-Who: jane@acme\r\n\r\n",
    ],
    ids=["a header", "a length"],
)
def test_what_is_no_http_is_refused_and_neither_quoted_nor_traced_in_the_log(
    spoiled: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        async with served() as found:
            for _ in range(3):
                reader, writer = await asyncio.open_connection("127.0.0.1", found.port)
                writer.write(spoiled)
                assert b" 400 " in await reader.readline()
                writer.close()

    asyncio.run(scene())
    assert [record.getMessage() for record in caplog.records] == [
        "refused with 400, for they are no HTTP: 1 requests"
    ]
    assert "jane" not in caplog.text
    assert "Traceback" not in caplog.text


def test_a_fault_of_ours_is_still_in_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any) -> None:
        raise ZeroDivisionError

    async def scene() -> None:
        async with served() as found:
            monkeypatch.setattr(Reception, "receive", fails)
            url = f"{found.url}/hooks/canonical"
            async with found.session.post(url, data=b"{}", headers=BEARER) as answer:
                assert answer.status == 500
                assert "Traceback" not in await answer.text()

    asyncio.run(scene())
    assert "ZeroDivisionError" in caplog.text


def test_a_client_that_stops_in_the_body_is_told_so() -> None:
    async def scene() -> None:
        async with served(read_within_s=0.2) as found:
            reader, writer = await asyncio.open_connection("127.0.0.1", found.port)
            writer.write(
                b"POST /hooks/canonical HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
            )
            async with asyncio.timeout(10):
                told = await reader.read()
            assert told.startswith(b"HTTP/1.1 408 ")
            writer.close()

    asyncio.run(scene())


def test_a_body_without_an_end_is_cut_at_the_limit() -> None:
    async def scene() -> None:
        async with served() as found:

            async def endless() -> AsyncIterator[bytes]:
                while True:
                    yield b" " * 1000

            post = found.session.post(f"{found.url}/hooks/canonical", data=endless())
            try:
                async with asyncio.timeout(20), post as answer:
                    assert answer.status == 413
            except aiohttp.ClientConnectionError:
                assert found.counts.requests[("canonical", 413)] == 1

    asyncio.run(scene())


def test_a_platform_may_ask_whether_the_hook_is_there() -> None:
    async def scene() -> None:
        async with served() as found:
            for name, status in (("canonical", 200), ("zendesk", 404)):
                async with found.session.head(f"{found.url}/hooks/{name}") as answer:
                    assert answer.status == status
            async with found.session.get(f"{found.url}/metrics") as answer:
                assert answer.status == 404

    asyncio.run(scene())


def test_a_port_that_is_taken_is_said_to_be() -> None:
    async def scene() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            reception = Reception(None, IntakeCounts(), "e", "d", MOST, 1.0)  # type: ignore[arg-type]
            with pytest.raises(HooksError, match=f"{port}: .*--hooks-port"):
                await HookServer({}, reception, "127.0.0.1", port).start()

    asyncio.run(scene())
