"""The client by way of Baton's own webhook."""

from __future__ import annotations

import asyncio

import pytest

from streams.emit import Baton, Problem
from tests.unit.intake.test_hook_server import SECRET, Served, served
from tests.webhook_receiver import until


def emitting(found: Served, told: list[Problem], **credentials: str) -> Baton:
    url = f"{found.url}/hooks/canonical"
    return Baton.http(url, source="/acme/bot", on_problem=told.append, **credentials)


def turns(baton: Baton, count: int) -> list[str | None]:
    with baton.interaction(contract="telco-2026", conversation_id="c-1", channel="chat") as i:
        return [i.ai.turn(model="m-7") for _ in range(count)]


@pytest.mark.parametrize("credentials", [{"secret": SECRET}, {"token": SECRET}])
def test_events_are_on_the_topic_when_the_flush_returns(credentials: dict[str, str]) -> None:
    async def scene() -> None:
        async with served() as found:
            told: list[Problem] = []
            async with emitting(found, told, **credentials) as baton:
                wanted = turns(baton, 30)
                assert await baton.aflush()
            assert sorted(event["id"] for event in found.values()) == sorted(map(str, wanted))
            assert told == []

    asyncio.run(scene())


def test_a_batch_larger_than_the_hook_takes_is_halved_until_it_fits() -> None:
    async def scene() -> None:
        async with served() as found:  # takes 50,000 bytes at once
            told: list[Problem] = []
            async with emitting(found, told, token=SECRET) as baton:
                wanted = turns(baton, 400)
                assert await baton.aflush(30)
            assert sorted(event["id"] for event in found.values()) == sorted(map(str, wanted))
            assert found.counts.requests["canonical", 413] >= 1
            assert told == []

    asyncio.run(scene())


def test_while_the_brokers_are_away_the_client_keeps_its_events_and_each_is_there_once() -> None:
    async def scene() -> None:
        async with served() as found:
            told: list[Problem] = []
            found.brokers.there.clear()
            async with emitting(found, told, token=SECRET) as baton:
                wanted = turns(baton, 10)
                await until(lambda: told, "a problem that is told", 20)
                found.brokers.there.set()
                assert await baton.aflush(30)
            assert sorted(event["id"] for event in found.values()) == sorted(map(str, wanted))
            assert {problem.message for problem in told} == {"status 503; trying again"}

    asyncio.run(scene())


def test_a_wrong_secret_is_told_and_nothing_is_written() -> None:
    async def scene() -> None:
        async with served() as found:
            told: list[Problem] = []
            baton = emitting(found, told, token="a-wrong-secret")
            turns(baton, 1)
            await until(lambda: told, "a problem that is told", 20)
            assert not await baton.aclose(0.1)
            assert told[0].message == "status 401; trying again"
            assert told[-1].cause == "lost"
            assert found.brokers.records == []

    asyncio.run(scene())
