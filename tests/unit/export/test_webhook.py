"""What a webhook is sent, and what its answers mean: against a real HTTP server."""

from __future__ import annotations

import asyncio

import orjson
import pytest
from pydantic import ValidationError

from streams.domain.breach_record import BreachRecord, BreachStatus, Waiting, encode_breach
from streams.export.webhook import Answer, Webhook, breach_event
from streams.settings import Settings
from tests.webhook_receiver import Receiver, until


def breach(status: BreachStatus = "opened", time: int = 1_000) -> BreachRecord:
    return BreachRecord(
        status=status,
        contract="telco-2026",
        version=1,
        clause="chat-wait",
        indicator="escalation_wait",
        severity="page",
        key=(("channel", "chat"),),
        opened_at=1_000,
        time=time,
        numerator=1,
        denominator=0,
        target_ppm=0,
        waiting=(Waiting(500, "conv-secret", 20_000, 1, 1),),
    )


def posted(receiver: Receiver, secret: str = "", timeout_s: float = 5.0) -> Answer:
    """What comes of posting one opening."""

    async def post() -> Answer:
        async with receiver:
            webhook = Webhook(receiver.url, secret, timeout_s)
            try:
                event = breach_event(encode_breach(breach()))
                assert event is not None
                return await webhook.post(event)
            finally:
                await webhook.close()

    return asyncio.run(post())


@pytest.mark.parametrize("status", ["opened", "closed"])
def test_what_is_sent_is_the_topic_s_event_without_the_conversations(status: BreachStatus) -> None:
    raw = encode_breach(breach(status, 2_000))
    event = breach_event(raw)
    assert event is not None
    wanted = orjson.loads(raw)
    wanted["data"]["waiting"] = [{"t0": "1970-01-01T00:00:00.500Z"}]
    assert orjson.loads(event.body) == wanted
    assert event.id == wanted["id"] == f"{breach().id}:{status}:2000"
    assert b"conv-secret" not in event.body


def test_an_update_is_not_sent() -> None:
    assert breach_event(encode_breach(breach("updated"))) is None


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"type": "baton.breach.opened"}', b"null"])
def test_what_is_no_breach_is_not_sent(raw: bytes) -> None:
    assert breach_event(raw) is None


def test_the_request_says_what_it_carries_who_sends_it_and_under_which_id() -> None:
    receiver = Receiver()
    assert posted(receiver, "planted").outcome == "delivered"
    (headers,) = receiver.headers
    assert headers["Content-Type"] == "application/cloudevents+json"
    assert headers["Authorization"] == "Bearer planted"
    assert headers["Idempotency-Key"] == receiver.bodies[0]["id"]


def test_without_a_secret_no_credentials_are_sent() -> None:
    receiver = Receiver()
    posted(receiver)
    assert "Authorization" not in receiver.headers[0]


@pytest.mark.parametrize("status", [301, 302, 401, 403, 404, 408, 429, 500, 503])
def test_an_answer_that_may_change_is_tried_again(status: int) -> None:
    assert posted(Receiver(answers=[status])) == Answer("failed", f"status {status}")


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_an_answer_about_this_event_alone_is_final(status: int) -> None:
    assert posted(Receiver(answers=[status])).outcome == "refused"


def test_a_redirect_is_not_followed_with_the_secret() -> None:
    elsewhere = Receiver()
    receiver = Receiver(answers=[307], more_headers={"Location": elsewhere.url})
    assert posted(receiver, "planted").outcome == "failed"
    assert len(receiver.bodies) == 1
    assert elsewhere.bodies == []


@pytest.mark.parametrize(
    ("said", "wait_s"), [("7", 7.0), ("86400", 300.0), ("-1", 0.0), ("Thu, 01 Jan", 0.0)]
)
def test_a_receiver_that_asks_for_time_gets_some(said: str, wait_s: float) -> None:
    receiver = Receiver(answers=[503], more_headers={"Retry-After": said})
    assert posted(receiver).wait_s == wait_s


def test_a_receiver_that_never_answers_is_given_up() -> None:
    async def post() -> Answer:
        receiver = Receiver(holds=asyncio.Event())
        async with receiver:
            webhook = Webhook(receiver.url, timeout_s=0.2)
            event = breach_event(encode_breach(breach()))
            assert event is not None
            answer = await webhook.post(event)
            await until(lambda: receiver.bodies, "the request")
            await webhook.close()
            return answer

    assert asyncio.run(post()).outcome == "failed"


def test_where_nothing_listens_the_address_is_not_told() -> None:
    async def post() -> Answer:
        webhook = Webhook(f"{Receiver().url}?key=planted")
        event = breach_event(encode_breach(breach()))
        assert event is not None
        try:
            return await webhook.post(event)
        finally:
            await webhook.close()

    answer = asyncio.run(post())
    assert answer.outcome == "failed"
    assert "planted" not in answer.why


@pytest.mark.parametrize(
    "address",
    ["pager.example/x", "ftp://pager.example/", "https:///nohost", "http://u:p@pager.example/"],
)
def test_an_address_that_cannot_be_posted_to_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(webhook=address)
    assert address not in str(refused.value)


def test_without_an_address_there_is_no_webhook() -> None:
    assert Settings().webhook == ""
