"""The client checks at the call, never stands in the bot's way, and loses nothing it need not."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.wire import EVERY_CONTRACT, decode_event
from streams.emit import Baton, EmitError, HandoffContext, Interaction, Problem
from tests.unit.emit.recorded import Recorded
from tests.worker_process import await_that

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def talking(baton: Baton, **more: Any) -> Interaction:
    said: dict[str, Any] = {"contract": "telco-2026", "conversation_id": "c-1", "channel": "chat"}
    return baton.interaction(**{**said, **more})


def client(recorded: Recorded, **options: Any) -> Baton:
    return Baton(lambda: recorded, source="/acme/bot", **options)


def test_what_is_said_arrives_as_canonical_events_keyed_by_the_conversation() -> None:
    recorded = Recorded()
    with client(recorded) as baton:
        with talking(baton, market="SG", customer_key="p-1") as i:
            first = i.ai.turn(model="m-7", input_tokens=12)
            i.ai.failure_signalled(signal="human_requested", raw_reason="asked")
            i.handoff.requested(
                handoff_id="h-1", requested_by="customer", required_skills=["billing"],
                context=HandoffContext(fields_present=("issue",)),
            )  # fmt: skip
            i.resolution.claimed(claimed_by="ai", claim_id="k-1")
        assert baton.flush()
    sent = [event for batch in recorded.batches for event in batch]
    assert {event.key for event in sent} == {b"c-1"}
    documents = recorded.events()
    assert documents[0]["id"] == first
    assert [each["type"] for each in documents] == [
        *("baton.ai.turn", "baton.ai.failure_signalled"),
        *("baton.handoff.requested", "baton.resolution.claimed"),
    ]
    assert all(each["data"]["market"] == "SG" for each in documents)
    assert documents[2]["data"]["context"]["fields_present"] == ["issue"]
    for event in sent:
        decode_event(event.raw, EVERY_CONTRACT)
    assert baton.stats.arrived == baton.stats.accepted == 4


def test_it_is_the_same_within_async_code() -> None:
    recorded = Recorded()

    async def bot() -> None:
        async with client(recorded) as baton:
            async with talking(baton) as i:
                i.contact.started()
                i.message.sent(author="customer")
            assert await baton.aflush()

    asyncio.run(bot())
    assert len(recorded.events()) == 2
    assert threading.get_ident() not in recorded.threads


def test_an_event_that_is_not_canonical_is_told_at_the_call_and_not_sent() -> None:
    recorded, told = Recorded(), list[Problem]()
    with client(recorded, on_problem=told.append) as baton:
        i = talking(baton)
        assert i.ai.failure_signalled(signal="Jane is angry") is None  # type: ignore[arg-type]
        assert i.message.sent(author="ai", time=datetime(2026, 6, 1)) is None
        assert i.ai.turn(model=object()) is None  # type: ignore[arg-type]
        assert talking(baton, channel="fax").contact.started() is None
        assert talking(baton, conversation_id=7).contact.started() is None
        assert talking(baton, conversation_id=None).contact.started() is None
        assert i.contact.ended() is not None
    assert len(recorded.events()) == 1
    assert [problem.cause for problem in told] == ["invalid"] * 6
    assert told[0].message.startswith("$.data.signal")
    assert "Jane" not in str(told)
    assert baton.stats.invalid == 6


def test_a_strict_client_raises_for_it() -> None:
    with client(Recorded(), strict=True) as baton, pytest.raises(EmitError, match="channel"):
        talking(baton, channel="fax").contact.started()


def test_called_again_with_id_or_time_and_content_it_is_the_same_event() -> None:
    recorded = Recorded()
    with client(recorded) as baton:
        i = talking(baton)
        assert i.ai.turn(id="mine") == i.ai.turn(id="mine") == "mine"
        same = i.ai.turn(model="m", time=NOON)
        assert same == talking(baton).ai.turn(model="m", time=NOON)
        others = {
            i.ai.turn(model="m", time=NOON + timedelta(milliseconds=1)),
            i.ai.turn(model="n", time=NOON),
            i.contact.started(time=NOON),
            talking(baton, conversation_id="c-2").ai.turn(model="m", time=NOON),
            i.ai.turn(model="m"),
            i.ai.turn(model="m"),
        }
        assert len(others | {same}) == 7


def test_while_nobody_is_there_calls_return_at_once_and_all_arrives_later_under_its_id() -> None:
    recorded, told = Recorded(), list[Problem]()
    recorded.reachable.clear()
    with client(recorded, on_problem=told.append) as baton:
        i = talking(baton)
        ids = [i.ai.turn() for _ in range(20)]
        await_that(lambda: recorded.attempts >= 2, "a second attempt")
        assert not baton.flush(0.01)
        recorded.reachable.set()
        assert baton.flush(30)
    assert [event["id"] for event in recorded.events()] == ids
    assert {problem.cause for problem in told} == {"unreachable"}
    assert baton.stats.retries == len(told) >= 2


def test_a_full_buffer_keeps_the_oldest_and_says_what_it_drops() -> None:
    recorded, told = Recorded(), list[Problem]()
    recorded.reachable.clear()
    with client(recorded, on_problem=told.append, most_events=3) as baton:
        i = talking(baton)
        ids = [i.ai.turn() for _ in range(5)]
        assert [id is None for id in ids] == [False, False, False, True, True]
        recorded.reachable.set()
        assert baton.flush(30)
        assert i.ai.turn() is not None
    assert [event["id"] for event in recorded.events()][:3] == ids[:3]
    assert baton.stats.full == 2
    assert [p.type for p in told if p.cause == "full"] == ["baton.ai.turn"] * 2


def test_a_refused_event_is_counted_and_the_others_go_on() -> None:
    recorded, told = Recorded(), list[Problem]()
    recorded.refuses = "baton.ai.turn"
    with client(recorded, on_problem=told.append) as baton:
        i = talking(baton)
        i.contact.started()
        i.ai.turn()
        assert baton.flush()
    assert (baton.stats.arrived, baton.stats.refused) == (1, 1)
    assert told == [Problem("refused", "baton.ai.turn", "no")]


@pytest.mark.parametrize("hanging", [False, True])
def test_closing_while_nobody_is_there_ends_in_time_and_says_what_is_lost(hanging: bool) -> None:
    recorded, told = Recorded(), list[Problem]()
    recorded.reachable.clear()
    recorded.hanging = hanging
    baton = client(recorded, on_problem=told.append)
    i = talking(baton)
    for _ in range(7):
        i.ai.turn()
    assert not baton.close(0.2)
    assert baton.stats.lost == 7
    assert told[-1].cause == "lost"
    assert i.ai.turn() is None
    assert told[-1].cause == "closed"
    assert baton.close()


def test_a_callback_that_raises_does_not_reach_the_bot() -> None:
    def spoiled(problem: Problem) -> None:
        raise RuntimeError(problem.cause)

    with client(Recorded(), on_problem=spoiled) as baton:
        assert talking(baton, channel="fax").contact.started() is None
        assert baton.stats.callback_errors == 1


def test_an_exception_of_the_bot_passes_through_and_what_was_said_is_sent() -> None:
    recorded = Recorded()

    def bot(baton: Baton) -> None:
        with talking(baton) as i:
            i.ai.turn()
            raise KeyError("the bot's own")

    with client(recorded, linger_s=3600) as baton:
        with pytest.raises(KeyError):
            bot(baton)
        await_that(lambda: len(recorded.events()) == 1, "what was said before")


def test_events_of_many_threads_all_arrive_once() -> None:
    recorded = Recorded()
    with client(recorded, batch=50) as baton:

        def bot(number: int) -> None:
            with talking(baton, conversation_id=f"c-{number}") as i:
                for _ in range(100):
                    i.ai.turn()

        threads = [threading.Thread(target=bot, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert baton.flush(30)
    ids = [event["id"] for event in recorded.events()]
    assert len(ids) == len(set(ids)) == 800
    assert max(map(len, recorded.batches)) <= 50


def test_events_about_no_conversation_have_no_key() -> None:
    recorded = Recorded()
    with client(recorded) as baton:
        baton.config.changed(contract="telco-2026", object="prompt", to_version="13")
        baton.governance.erasure_requested(contract="telco-2026", subject_key="p-1")
    (batch,) = recorded.batches
    assert [event.key for event in batch] == [None, None]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_a_process_that_is_forked_off_sends_its_own_events_and_no_other_s() -> None:
    recorded = Recorded()
    recorded.reachable.clear()
    baton = client(recorded)
    talking(baton).ai.turn(id="the parent's")
    await_that(lambda: recorded.attempts, "a sender at work")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            recorded.reachable.set()
            recorded.batches.clear()
            talking(baton).ai.turn(id="the child's")
            arrived = baton.flush(20)
            said = ",".join(event["id"] for event in recorded.events()) if arrived else "late"
            os.write(writing, said.encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as told:
        assert told.read() == "the child's"
    recorded.reachable.set()
    assert baton.close(30)
    assert [event["id"] for event in recorded.events()] == ["the parent's"]


ANYTHING = st.none() | st.text(max_size=5) | st.integers() | st.floats() | st.binary(max_size=3)


@given(st.dictionaries(st.sampled_from(["model", "input_tokens", "id", "time"]), ANYTHING))
def test_nothing_that_a_bot_says_raises(said: dict[str, Any]) -> None:
    recorded = Recorded()
    baton = Baton(lambda: recorded, source="/acme/bot")
    turn: Callable[..., str | None] = talking(baton).ai.turn
    accepted = turn(**said) is not None
    assert baton.stats.accepted + baton.stats.invalid == 1
    assert baton.stats.accepted == accepted
    baton.close()
