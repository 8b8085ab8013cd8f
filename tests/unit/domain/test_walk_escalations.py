"""DEFINITIONS.md section 5 in the stream: what starts a wait for a human and what ends it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streams.domain.facts import FactKind
from tests.log_builder import (
    T,
    abandoned,
    accepted,
    connected,
    customer_message,
    declined,
    dequeued,
    ended,
    failure,
    first_human_message,
    human_message,
    message,
    offered,
    queued,
    requested,
    returned,
    started,
)
from tests.unit.domain.walked import only, opened, seconds, timeline, waits, walked
from tests.unit.oracle.verdicts import book_with

EXPIRY = 3 * 86_400
_ENDED: FactKind = "escalation_ended"


def test_a_request_opens_an_escalation() -> None:
    assert opened(walked(requested("c1", T(10)), until=T(10))) == [(10.0, 10.0)]


def test_queueing_opens_an_escalation_that_is_requested_and_queued() -> None:
    detail = only(walked(queued("c1", T(0)), human_message("c1", T(9)), until=T(9)), _ENDED)
    assert (detail["requested_ms"], detail["queued_ms"]) == (0, 0)


def test_t0_is_the_first_failure_since_the_ai_had_the_customer() -> None:
    log = [failure("c1", T(5)), failure("c1", T(9)), requested("c1", T(20))]
    assert opened(walked(*log, until=T(20))) == [(20.0, 5.0)]


def test_asking_for_a_human_opens_an_escalation_from_the_first_failure_on() -> None:
    log = [failure("c1", T(5), "no_match"), failure("c1", T(9), "human_requested")]
    assert opened(walked(*log, until=T(9))) == [(9.0, 5.0)]


def test_a_failure_is_told_with_its_reason_and_whether_it_is_the_first() -> None:
    facts = walked(failure("c1", T(5), "timeout"), failure("c1", T(9), "guardrail"), until=T(9))
    assert [fact.detail for fact in facts] == [
        {"reason": "timeout", "first": True},
        {"reason": "guardrail", "first": False},
    ]


def test_a_failure_while_waiting_is_told_and_moves_nothing() -> None:
    log = [requested("c1", T(0)), failure("c1", T(9), "human_requested")]
    assert timeline(walked(*log, until=T(9))) == [(0.0, "escalation_opened"), (9.0, "ai_failure")]


def test_a_failure_while_a_human_has_the_customer_is_none() -> None:
    log = [requested("c1", T(0)), human_message("c1", T(5)), failure("c1", T(9), "human_requested")]
    assert [kind for _, kind in timeline(walked(*log, until=T(9)))] == ["escalation_opened", _ENDED]


def test_legs_are_the_first_of_their_kind_from_t0() -> None:
    log = [
        failure("c1", T(0)),
        requested("c1", T(2)),
        requested("c1", T(3)),
        queued("c1", T(4)),
        queued("c1", T(5)),
        offered("c1", T(6)),
        offered("c1", T(7)),
        accepted("c1", T(8), qualified=False),
        accepted("c1", T(9), "bob"),
        human_message("c1", T(10), "bob"),
    ]
    detail = only(walked(*log, until=T(10)), _ENDED)
    assert [detail[f"{leg}_ms"] for leg in ("requested", "queued", "offered", "accepted")] == [
        2_000,
        4_000,
        6_000,
        9_000,
    ]


@pytest.mark.parametrize(
    ("channel", "takeover"),
    [("chat", human_message), ("email", first_human_message), ("voice", connected)],
)
def test_a_takeover_is_a_public_message_or_on_voice_a_connection(
    channel: str, takeover: Callable[..., bytes]
) -> None:
    log = [requested("c1", T(0), channel=channel), takeover("c1", T(9), "ann", channel=channel)]
    assert waits(walked(*log, until=T(9))) == [("taken_over", 9.0)]


@pytest.mark.parametrize(
    "nobody",
    [
        connected("c1", T(9)),
        accepted("c1", T(9)),
        offered("c1", T(9)),
        declined("c1", T(9)),
        dequeued("c1", T(9), "answered"),
        human_message("c1", T(9), channel="voice"),
        human_message("c1", T(9), visibility="private"),
        customer_message("c1", T(9)),
        *(message("c1", T(9), author) for author in ("ai", "automation", "campaign", "system")),
    ],
)
def test_nothing_else_is_a_takeover(nobody: bytes) -> None:
    assert waits(walked(requested("c1", T(0)), nobody, until=T(60))) == []


def test_the_threshold_itself_is_within() -> None:
    log = [requested("c1", T(0)), human_message("c1", T(120))]
    assert only(walked(*log, until=T(200)), _ENDED)["within"] is True


def test_a_millisecond_over_the_threshold_is_overdue_and_not_within() -> None:
    log = [requested("c1", T(0)), human_message("c1", T(120.001))]
    assert timeline(walked(*log, until=T(200)))[1:] == [
        (120.001, "escalation_overdue"),
        (120.001, _ENDED),
    ]


def test_an_old_signal_makes_a_wait_overdue_as_it_becomes_known() -> None:
    facts = walked(failure("c1", T(0)), requested("c1", T(500)), until=T(500))
    assert timeline(facts)[1:] == [(500.0, "escalation_opened"), (500.0, "escalation_overdue")]


def test_without_a_threshold_nothing_is_within_or_overdue() -> None:
    log = [requested("c1", T(0)), human_message("c1", T(9_000))]
    detail = only(walked(*log, until=T(9_000), book=book_with(thresholds_ms={})), _ENDED)
    assert (detail["within"], detail["overdue"]) == (None, False)


def test_an_agent_without_the_required_skills_does_not_take_over() -> None:
    log = [
        requested("c1", T(0), skills=["malay", "billing"], channel="voice"),
        connected("c1", T(5), "ann", skills=["billing"], channel="voice"),
        connected("c1", T(9), "bob", skills=["billing", "malay", "sales"], channel="voice"),
    ]
    assert waits(walked(*log, until=T(9))) == [("taken_over", 9.0)]


def test_the_platforms_own_word_on_qualification_comes_before_skills() -> None:
    log = [
        requested("c1", T(0), skills=["billing"], channel="voice"),
        connected("c1", T(5), skills=[], qualified=True, channel="voice"),
    ]
    assert waits(walked(*log, until=T(9))) == [("taken_over", 5.0)]


def test_required_skills_are_those_of_the_first_request_that_names_any() -> None:
    log = [
        requested("c1", T(0), channel="voice"),
        requested("c1", T(1), skills=["billing"], channel="voice"),
        requested("c1", T(2), skills=["sales"], channel="voice"),
        connected("c1", T(5), "ann", skills=["sales"], channel="voice"),
        connected("c1", T(9), "bob", skills=["billing"], channel="voice"),
    ]
    assert waits(walked(*log, until=T(9))) == [("taken_over", 9.0)]


def test_a_message_is_as_qualified_as_its_author_was_when_accepted() -> None:
    log = [
        requested("c1", T(0), skills=["billing"]),
        accepted("c1", T(1), "ann", skills=[]),
        human_message("c1", T(5), "ann"),
        accepted("c1", T(6), "bob", skills=["billing"]),
        human_message("c1", T(7), "ann"),
        human_message("c1", T(9), "bob"),
    ]
    assert waits(walked(*log, until=T(9))) == [("taken_over", 9.0)]


def test_a_message_without_an_author_is_as_qualified_as_the_last_agent_settled() -> None:
    log = [
        requested("c1", T(0)),
        accepted("c1", T(1), qualified=False),
        human_message("c1", T(5)),
        accepted("c1", T(6), "bob", qualified=True),
        human_message("c1", T(9)),
    ]
    assert waits(walked(*log, until=T(9))) == [("taken_over", 9.0)]


def test_a_request_up_to_5_s_after_a_takeover_without_a_wait_is_clamped_to_it() -> None:
    log = [failure("c1", T(0)), human_message("c1", T(20)), requested("c1", T(25))]
    facts = walked(*log, until=T(25))
    assert [seconds(fact.time) for fact in facts] == [0.0, 25.0, 25.0]
    assert (waits(facts), only(facts, _ENDED)["clamped"]) == ([("taken_over", 20.0)], True)


def test_a_clamped_request_without_a_signal_waited_no_time() -> None:
    log = [started("c1", T(0)), human_message("c1", T(20)), requested("c1", T(24))]
    assert waits(walked(*log, until=T(24))) == [("taken_over", 0.0)]


def test_a_request_later_than_5_s_after_a_takeover_is_a_new_wait_from_then() -> None:
    log = [failure("c1", T(0)), human_message("c1", T(20)), requested("c1", T(25.001))]
    assert opened(walked(*log, until=T(30))) == [(25.001, 25.001)]


@pytest.mark.parametrize("echo", [requested("c1", T(25)), queued("c1", T(25))])
def test_a_request_up_to_5_s_after_a_takeover_that_ended_a_wait_is_its_echo(echo: bytes) -> None:
    log = [requested("c1", T(0)), human_message("c1", T(20))]
    assert walked(*log, echo, until=T(60)) == walked(*log, until=T(60))


def test_a_transfer_between_humans_is_no_wait() -> None:
    log = [human_message("c1", T(0)), requested("c1", T(60), "human")]
    assert walked(*log, until=T(60)) == []


def test_a_return_to_the_queue_is_a_wait_from_then() -> None:
    log = [requested("c1", T(0)), human_message("c1", T(9)), returned("c1", T(60), "queue")]
    assert opened(walked(*log, until=T(60))) == [(0.0, 0.0), (60.0, 60.0)]


def test_a_return_to_the_ai_forgets_the_signal() -> None:
    log = [
        failure("c1", T(0)),
        human_message("c1", T(9)),
        returned("c1", T(60), "ai"),
        requested("c1", T(90)),
    ]
    assert opened(walked(*log, until=T(90))) == [(90.0, 90.0)]


@pytest.mark.parametrize("to", ["ai", "queue", "agent"])
def test_a_return_by_nobody_who_has_the_customer_is_nothing(to: str) -> None:
    log = [failure("c1", T(0)), returned("c1", T(5), to), requested("c1", T(9))]
    assert opened(walked(*log, until=T(9))) == [(9.0, 0.0)]


@pytest.mark.parametrize("leaving", [abandoned("c1", T(9)), dequeued("c1", T(9), "abandoned")])
def test_leaving_the_queue_ends_the_wait_and_forgets_the_signal(leaving: bytes) -> None:
    log = [failure("c1", T(0)), requested("c1", T(1)), leaving, requested("c1", T(60))]
    facts = walked(*log, until=T(60))
    assert (waits(facts), opened(facts)[1]) == ([("abandoned", 9.0)], (60.0, 60.0))


@pytest.mark.parametrize(
    ("by", "outcome"),
    [("customer", "abandoned"), ("human", "abandoned"), ("unknown", "abandoned")]
    + [(bot, "trapped") for bot in ("ai", "system", "automation")],
)
def test_a_contact_that_ends_in_a_wait_is_abandoned_or_trapped_by_who_ended_it(
    by: str, outcome: str
) -> None:
    log = [requested("c1", T(0)), ended("c1", T(9), by)]
    assert waits(walked(*log, until=T(9))) == [(outcome, 9.0)]


def test_a_customer_who_asked_and_was_never_requested_for_is_trapped() -> None:
    log = [failure("c1", T(0), "human_requested"), ended("c1", T(9), "customer")]
    assert waits(walked(*log, until=T(9))) == [("trapped", 9.0)]


def test_a_wait_that_nobody_ends_expires() -> None:
    assert waits(walked(requested("c1", T(0)), until=T(EXPIRY))) == [("expired", EXPIRY)]


def test_a_takeover_at_the_moment_of_expiry_is_read_first() -> None:
    log = [requested("c1", T(0)), human_message("c1", T(EXPIRY))]
    assert waits(walked(*log, until=T(EXPIRY))) == [("taken_over", EXPIRY)]


def test_a_wait_known_only_after_its_expiry_lasts_a_millisecond() -> None:
    book = book_with(escalation_expiry_ms=1_000)
    facts = walked(failure("c1", T(0)), requested("c1", T(60)), until=T(90), book=book)
    assert waits(facts) == [("expired", 60.001)]


def test_an_escalations_facts_stand_in_the_market_it_opened_in() -> None:
    log = [
        requested("c1", T(0), market=None),
        customer_message("c1", T(5), market="SG"),
        human_message("c1", T(9)),
    ]
    facts = [fact for fact in walked(*log, until=T(9)) if fact.kind.startswith("escalation_")]
    assert [fact.market for fact in facts] == ["unknown", "unknown"]


def test_an_escalation_keeps_the_channel_that_it_opened_on() -> None:
    log = [requested("c1", T(0)), connected("c1", T(90), channel="voice")]
    facts = walked(*log, until=T(90))
    assert ([fact.channel for fact in facts], only(facts, _ENDED)["within"]) == (
        ["chat", "chat"],
        True,
    )
