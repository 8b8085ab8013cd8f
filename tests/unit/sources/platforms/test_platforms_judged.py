"""What samples of platforms come out as, by the judge: what a mapping means for the figures."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from streams.domain.facts import encode_fact
from streams.domain.window_value import encode_window
from streams.oracle.judge import judge
from streams.sources.adapter import Platform
from streams.sources.platforms import PLATFORMS
from tests.in_memory_pipeline import InMemoryPipeline
from tests.unit.sources.platforms.judged import (
    BOOK,
    LATENESS_MS,
    log_of,
    records_of,
    told,
    verdict_of,
)
from tests.unit.sources.platforms.platform_samples import samples

EVERY_PLATFORM = pytest.mark.parametrize("platform", PLATFORMS.values(), ids=lambda p: p.name)


def connect(number: int) -> str:
    return f"cccccccc-0000-4000-8000-{number:012d}"


genesys = connect


@EVERY_PLATFORM
def test_the_stream_publishes_of_a_platform_what_the_oracle_says(platform: Platform) -> None:
    records = [r for s in samples(platform) for r in records_of(platform.name, s.path.stem)]
    log = log_of(records)
    verdict = judge(log, BOOK, lateness_ms=LATENESS_MS)
    pipeline = InMemoryPipeline(
        BOOK, lateness_ms=LATENESS_MS, partitions=2, batch=7, chance=Random(1)
    )
    published = pipeline.run(log)
    assert published.dead_letters == verdict.dead_letters == {}
    assert published.events == len(records)
    assert sorted(map(encode_fact, published.facts)) == sorted(map(encode_fact, verdict.facts))
    assert sorted(map(encode_window, published.windows.values())) == sorted(
        map(encode_window, verdict.windows)
    )


@EVERY_PLATFORM
def test_payloads_that_come_again_change_nothing(platform: Platform) -> None:
    records = [r for s in samples(platform) for r in records_of(platform.name, s.path.stem)]
    once = judge(log_of(records), BOOK, lateness_ms=LATENESS_MS)
    twice = judge(log_of([*records, *records]), BOOK, lateness_ms=LATENESS_MS)
    assert [encode_fact(f) for f in once.facts] == [encode_fact(f) for f in twice.facts]


def escalations(platform: str, case: str, conversation: str) -> list[tuple[str, int]]:
    """How each escalation of a conversation ended, and after how many ms."""
    found = told(verdict_of(platform, case).facts, "escalation_ended", conversation)
    return [(each["outcome"], each["latency_ms"]) for each in found]


def ends(platform: str, case: str, conversation: str) -> list[Any]:
    """What closed each episode of a conversation."""
    return [
        each["cause"]
        for each in told(verdict_of(platform, case).facts, "episode_ended", conversation)
    ]


def test_amazon_connect_a_call_that_an_agent_hands_on_is_one_escalation_and_ends_once() -> None:
    call = ("amazon-connect", "call_with_transfer", connect(1))
    assert escalations(*call) == [("taken_over", 70_380)]
    assert ends(*call) == ["customer"]


def test_amazon_connect_a_change_of_queue_neither_abandons_nor_restarts_the_wait() -> None:
    call = ("amazon-connect", "contact_records", connect(13))
    assert escalations(*call) == [("taken_over", 180_000)]
    assert ends(*call) == ["human"]


def test_amazon_connect_a_callback_is_waited_for_from_when_it_was_asked_for() -> None:
    call = ("amazon-connect", "contact_records", connect(15))
    assert escalations(*call) == [("taken_over", 88 * 60_000 + 30_000)]
    assert ends(*call) == ["customer"]


def test_amazon_connect_who_left_the_queue_abandoned_and_whom_a_flow_dropped_was_trapped() -> None:
    assert escalations("amazon-connect", "contact_records", connect(11)) == [("abandoned", 240_000)]
    assert escalations("amazon-connect", "contact_records", connect(12)) == [("trapped", 240_000)]


def test_amazon_connect_events_tell_an_abandonment_only_where_they_say_who_left() -> None:
    customer, nobody = (("amazon-connect", "events_unanswered", connect(n)) for n in (40, 41))
    assert escalations(*customer) == [("abandoned", 120_000)]
    # Another leg may follow: it is the contact record that knows, and without one the wait goes on.
    assert [outcome for outcome, _ in escalations(*nobody)] == ["expired"]


def test_amazon_connect_an_agent_who_calls_out_keeps_nobody_waiting() -> None:
    assert escalations("amazon-connect", "contact_records", connect(19)) == []


def test_amazon_connect_an_ai_agent_that_serves_alone_contains() -> None:
    facts = verdict_of("amazon-connect", "contact_records").facts
    outcomes = {n: told(facts, "episode_ended", connect(n))[0]["outcome"] for n in (17, 18)}
    assert outcomes == {17: "contained", 18: "escalated"}


def test_amazon_connect_a_chat_is_taken_over_by_the_first_public_message() -> None:
    # Connected after 30 s, a note among agents after 50, the first word to the customer after 70.
    chat = ("amazon-connect", "chat_whatsapp", connect(30))
    assert escalations(*chat) == [("taken_over", 70_000)]


def test_genesys_an_alert_that_nobody_answers_is_no_takeover() -> None:
    call = ("genesys-cloud", "conversation_details", genesys(1))
    assert escalations(*call) == [("taken_over", 12_425)]


def test_genesys_a_callback_is_waited_for_until_the_agent_speaks() -> None:
    call = ("genesys-cloud", "conversation_details", genesys(3))
    assert escalations(*call) == [("taken_over", 59 * 60_000 + 10_000)]
    assert ends(*call) == ["human"]


def test_genesys_the_wait_begins_where_the_customer_asked_the_bot() -> None:
    assert escalations("genesys-cloud", "events_call", genesys(7)) == [("taken_over", 13_000)]


def test_genesys_a_bot_that_nobody_wrote_to_contains_nothing() -> None:
    facts = verdict_of("genesys-cloud", "conversation_details").facts
    assert not told(facts, "episode_ended", genesys(4))[0]["eligible"]


def test_genesys_a_chat_is_taken_over_by_the_agent_s_message_not_by_the_answered_queue() -> None:
    chat = ("genesys-cloud", "messaging", genesys(10))
    assert escalations(*chat) == [("taken_over", 40_000)]
    given = told(verdict_of(*chat[:2]).facts, "response_given", genesys(10))
    # The customer wrote at 1 s; what the flow and the queue sent by themselves is no answer.
    assert [(each["by"], each["latency_ms"]) for each in given] == [
        ("ai", 2_000),
        ("human", 69_000),
    ]


def test_twilio_a_task_accepted_on_whatsapp_is_taken_over_by_the_agent_s_message() -> None:
    chat = ("twilio", "conversation_whatsapp", "CH" + "e" * 32)
    assert escalations(*chat) == [("taken_over", 30_000)]


def test_twilio_a_call_is_taken_over_by_the_accepted_reservation_not_the_one_that_ran_out() -> None:
    call = ("twilio", "taskrouter_voice", "CA" + "a" * 32)
    assert escalations(*call) == [("taken_over", 31_000)]


def test_twilio_a_call_that_an_agent_dials_keeps_nobody_waiting() -> None:
    assert escalations("twilio", "taskrouter_unanswered", "CA" + "c" * 32) == []


def test_salesforce_the_wait_runs_from_the_bot_s_escalation_to_the_agent_s_message() -> None:
    session = ("salesforce", "query_results", "0MwgL0000000001")
    assert escalations(*session) == [("taken_over", 82_000)]


def test_salesforce_a_session_of_the_bot_alone_is_contained() -> None:
    facts = verdict_of("salesforce", "query_results").facts
    assert told(facts, "episode_ended", "0MwgL0000000002")[0]["outcome"] == "contained"
