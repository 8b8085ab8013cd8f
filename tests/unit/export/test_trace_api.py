"""/api/trace and /api/similar: who is told, what costs too much, and where to ask instead."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from streams.domain.interaction import Interaction
from streams.domain.interaction_codec import decode_interaction
from streams.domain.lifecycle import LifecyclePartition, interaction_key, interaction_names
from streams.domain.wire import decode_event
from streams.export import trace_api
from streams.export.access import Access, AccessError, pages_access
from streams.export.pages import Pages
from streams.export.trace_api import NotTold, Told, TraceApi
from streams.settings import Settings
from tests.log_builder import (
    CONTRACT,
    T,
    customer_message,
    ended,
    failure,
    human_message,
    requested,
)
from tests.unit.oracle.verdicts import BOOK

TOKEN = "planted-token"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


class OnePartition:
    """A worker that holds partition 0 of 2; conversations that begin with x are in the other."""

    def __init__(self, *names: str) -> None:
        self.states: dict[bytes, bytes] = {}
        partition = LifecyclePartition(BOOK, 0, self.states)
        for name in names:
            for raw in (
                customer_message(name, T(0)),
                failure(name, T(1)),
                requested(name, T(5)),
                human_message(name, T(9)),
                ended(name, T(60)),
            ):
                partition.event(decode_event(raw, BOOK))
        partition.tick(T(600))
        partition.flush()
        self.asked = 0

    def partition_of(self, conversation: str) -> int:
        return int(conversation.startswith("x"))

    def watermarks(self) -> Mapping[int, int | None]:
        return {0: T(600)}

    def interaction(self, contract: str, conversation: str) -> Interaction | None:
        self.asked += 1
        raw = self.states.get(interaction_key(contract, conversation))
        return None if raw is None else decode_interaction(raw)

    def names(self, partition: int, most: int) -> list[tuple[str, str]]:
        return [interaction_names(key) for key in list(self.states)[:most]]

    def remembered(self) -> int:
        return len(self.states)


Ask = Callable[..., Awaitable[tuple[int, Any]]]


async def unheard(*_: object) -> None:
    """Whoever looks is told to nobody."""


def served(
    memory: OnePartition, talk: Callable[[Ask], Awaitable[None]], told: Told = unheard
) -> None:
    """Serve the pages of a worker with this memory, whose clock stands still, and talk to them."""

    async def run() -> None:
        pages = Pages(
            CollectorRegistry(),
            "127.0.0.1",
            0,
            lambda: (True, ""),
            lambda: (True, ""),
            Access(token=TOKEN),
            api=TraceApi(memory, BOOK, now=lambda: 1.0, told=told),
        )
        url = f"http://127.0.0.1:{await pages.start()}"
        try:
            async with aiohttp.ClientSession() as session:

                async def ask(page: str, headers: Any = HEADERS, **query: str) -> tuple[int, Any]:
                    query = {"contract": CONTRACT, "interaction": "a", **query}
                    where = f"{url}/api/{page}"
                    async with session.get(where, params=query, headers=headers) as answer:
                        if answer.content_type == "application/json":
                            return answer.status, await answer.json()
                        return answer.status, await answer.text()

                await talk(ask)
        finally:
            await pages.stop()

    asyncio.run(run())


@pytest.mark.parametrize("page", ["trace", "similar"])
@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}])
def test_without_the_token_nothing_is_looked_up(page: str, header: dict[str, str]) -> None:
    memory = OnePartition("a")

    async def talk(ask: Ask) -> None:
        assert (await ask(page, headers=header))[0] == 401

    served(memory, talk)
    assert memory.asked == 0


@pytest.mark.parametrize("page", ["trace", "similar"])
def test_who_looks_is_told_before_anything_is_shown(page: str) -> None:
    heard: list[tuple[object, ...]] = []

    async def told(*said: object) -> None:
        heard.append(said)

    async def talk(ask: Ask) -> None:
        assert (await ask(page, purpose="complaint 7"))[0] == 200

    served(OnePartition("a"), talk, told)
    assert heard == [("pages token", "complaint 7", page, CONTRACT, "a")]


@pytest.mark.parametrize("page", ["trace", "similar"])
def test_where_it_cannot_be_told_who_looks_nothing_is_shown(page: str) -> None:
    async def told(*_: object) -> None:
        raise NotTold("governance-log/0: no leader")

    async def talk(ask: Ask) -> None:
        status, said = await ask(page)
        assert (status, list(said)) == (503, ["error"])
        assert "no leader" in said["error"]

    served(OnePartition("a"), talk, told)


def test_a_conversation_held_here_is_told_with_what_the_answer_lacks() -> None:
    async def talk(ask: Ask) -> None:
        status, trace = await ask("trace")
        assert status == 200
        assert [wait["t0"] for wait in trace["lives"][0]["runs"][0]["waits"]] == [
            "2026-03-02T00:00:01.000Z"
        ]
        assert len(trace["limits"]) > 3
        status, text = await ask("trace", format="text")
        assert (status, text.startswith("Conversation a under contract")) == (200, True)

    served(OnePartition("a"), talk)


@pytest.mark.parametrize("page", ["trace", "similar"])
def test_a_conversation_of_another_worker_is_said_to_be_in_its_partition(page: str) -> None:
    async def talk(ask: Ask) -> None:
        status, said = await ask(page, interaction="x1")
        assert status == 421
        assert (said["partition"], said["held_here"]) == (1, [0])

    served(OnePartition("a"), talk)


@pytest.mark.parametrize("page", ["trace", "similar"])
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"interaction": "b"}, 404),
        ({"contract": "another"}, 404),
        ({"interaction": ""}, 400),
        ({"contract": ""}, 400),
        ({"interaction": "a" * 257}, 400),
        ({"format": "xml"}, 400),
    ],
)
def test_what_cannot_be_answered_says_why(page: str, query: dict[str, str], status: int) -> None:
    async def talk(ask: Ask) -> None:
        told, said = await ask(page, **query)
        assert (told, bool(said["error"])) == (status, True)

    served(OnePartition("a"), talk)


def test_similar_ones_are_those_held_here_and_the_answer_says_so() -> None:
    async def talk(ask: Ask) -> None:
        status, said = await ask("similar", limit="1")
        assert (status, said["count"], len(said["interactions"])) == (200, 3, 1)
        assert any("only the partitions of this worker" in limit for limit in said["limits"])
        assert "tool" not in said["same"]
        for query in ({"same": "tool"}, {"limit": "1001"}, {"limit": "-1"}, {"limit": "٣"}):
            assert (await ask("similar", **query))[0] == 400

    served(OnePartition("a", "b", "c"), talk)


def test_a_search_examines_so_many_and_says_of_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_api, "_MOST_EXAMINED", 2)
    memory = OnePartition("a", "b", "c")

    async def talk(ask: Ask) -> None:
        _, said = await ask("similar", interaction="c")
        assert any("of 3 interactions 2 were examined" in limit for limit in said["limits"])
        assert "c" in [one["conversation"] for one in said["interactions"]]

    served(memory, talk)


def test_too_many_traces_at_once_are_refused_with_when_to_come_back() -> None:
    async def talk(ask: Ask) -> None:
        statuses = [(await ask("trace"))[0] for _ in range(30)]
        assert set(statuses) == {200, 429}
        assert statuses == sorted(statuses)

    served(OnePartition("a"), talk)


def test_one_search_at_a_time_while_others_are_refused() -> None:
    async def talk(ask: Ask) -> None:
        answers = await asyncio.gather(*(ask("similar") for _ in range(4)))
        assert sorted({status for status, _ in answers}) == [200, 429]

    served(OnePartition(*(f"a{n}" for n in range(400)), "a"), talk)


def test_a_conversation_too_long_to_be_told_at_once_is_left_to_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trace_api, "_MOST_MOMENTS", 2)

    async def talk(ask: Ask) -> None:
        status, said = await ask("trace")
        assert (status, "baton trace" in said["error"]) == (422, True)

    served(OnePartition("a"), talk)


def test_it_is_served_where_it_was_asked_for_alone() -> None:
    async def run() -> None:
        ok = (True, "")
        pages = Pages(CollectorRegistry(), "127.0.0.1", 0, lambda: ok, lambda: ok, Access())
        port = await pages.start()
        try:
            url = f"http://127.0.0.1:{port}/api/trace"
            async with aiohttp.ClientSession() as session, session.get(url) as answer:
                assert answer.status == 404
        finally:
            await pages.stop()

    asyncio.run(run())


def test_single_conversations_are_never_told_without_credentials() -> None:
    for settings in (Settings(trace_api=True), Settings(trace_api=True, pages_open=True)):
        with pytest.raises(AccessError, match="--trace-api"):
            pages_access(settings)
    assert pages_access(Settings(trace_api=True, pages_token="planted")).challenges
