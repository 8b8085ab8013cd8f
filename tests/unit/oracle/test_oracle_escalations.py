"""DEFINITIONS.md section 5: what starts the wait for a human, what ends it, and what does not."""

from __future__ import annotations

import pytest

from tests.log_builder import (
    T,
    abandoned,
    accepted,
    ai_turn,
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
from tests.unit.oracle.verdicts import at, book_with, facts, judged, timeline, waits


def test_open_handoff_is_overdue_at_its_deadline_though_no_event_ever_comes() -> None:
    log = [started("c1", T(0)), requested("c1", T(10))]
    assert timeline(judged(*log, until=T(130))) == [(10.0, "escalation_opened")]
    assert timeline(judged(*log, until=T(130.001))) == [
        (10.0, "escalation_opened"),
        (130.001, "escalation_overdue"),
    ]


def test_takeover_after_the_deadline_counts_the_whole_wait() -> None:
    verdict = judged(
        started("c1", T(0)), requested("c1", T(10)), human_message("c1", T(300)), until=T(300)
    )
    assert waits(verdict) == [(300.0, "taken_over", 290_000, False)]
    assert facts(verdict, "escalation_ended")[0].detail["overdue"] is True


def test_takeover_at_the_threshold_is_within_and_a_millisecond_later_is_not() -> None:
    def wait(seconds: float) -> list[tuple[float, str, int, bool | None]]:
        return waits(judged(requested("c1", T(0)), human_message("c1", T(seconds)), until=T(200)))

    assert wait(120) == [(120.0, "taken_over", 120_000, True)]
    assert wait(120.001) == [(120.001, "taken_over", 120_001, False)]


def test_the_wait_starts_at_the_first_failure_signal_since_the_ai_had_the_customer() -> None:
    verdict = judged(
        started("c1", T(0)),
        failure("c1", T(5), "tool_error"),
        failure("c1", T(9), "no_match"),
        requested("c1", T(20)),
        queued("c1", T(21)),
        offered("c1", T(25)),
        accepted("c1", T(27)),
        human_message("c1", T(30)),
        until=T(30),
    )
    (end,) = facts(verdict, "escalation_ended")
    assert at(end.detail["t0"]) == 5.0
    assert end.detail["latency_ms"] == 25_000
    legs = ("requested_ms", "queued_ms", "offered_ms", "accepted_ms")
    assert [end.detail[leg] for leg in legs] == [15_000, 16_000, 20_000, 22_000]


def test_asking_for_a_human_starts_the_wait_without_any_request() -> None:
    verdict = judged(failure("c1", T(5), "human_requested"), until=T(5))
    assert timeline(verdict) == [(5.0, "ai_failure"), (5.0, "escalation_opened")]


def test_a_signal_long_before_the_request_makes_the_wait_overdue_as_it_opens() -> None:
    verdict = judged(failure("c1", T(0)), requested("c1", T(500)), until=T(500))
    assert timeline(verdict)[1:] == [(500.0, "escalation_opened"), (500.0, "escalation_overdue")]


def test_two_handoffs_in_one_interaction_are_two_waits() -> None:
    verdict = judged(
        requested("c1", T(0)),
        human_message("c1", T(20)),
        returned("c1", T(60), "ai"),
        requested("c1", T(100), handoff="h2"),
        human_message("c1", T(130)),
        until=T(200),
    )
    assert waits(verdict) == [
        (20.0, "taken_over", 20_000, True),
        (130.0, "taken_over", 30_000, True),
    ]
    assert [f.ordinal for f in facts(verdict, "escalation_ended")] == [1, 2]


def test_a_decline_does_not_stop_the_clock_and_another_agent_does() -> None:
    verdict = judged(
        requested("c1", T(0)),
        offered("c1", T(10), "ann"),
        declined("c1", T(20), "ann"),
        offered("c1", T(30), "bob"),
        human_message("c1", T(50), "bob"),
        until=T(50),
    )
    assert waits(verdict) == [(50.0, "taken_over", 50_000, True)]
    assert facts(verdict, "escalation_ended")[0].detail["offered_ms"] == 10_000


def test_acceptance_is_not_a_takeover_and_only_a_qualified_one_is_a_leg() -> None:
    verdict = judged(
        requested("c1", T(0), channel="voice"),
        accepted("c1", T(5), "ann", qualified=False, channel="voice"),
        accepted("c1", T(9), "bob", channel="voice"),
        connected("c1", T(15), "bob", channel="voice"),
        until=T(15),
    )
    assert waits(verdict) == [(15.0, "taken_over", 15_000, True)]
    assert facts(verdict, "escalation_ended")[0].detail["accepted_ms"] == 9_000


def test_connecting_an_agent_without_the_required_skills_does_not_stop_the_clock() -> None:
    verdict = judged(
        requested("c1", T(0), skills=["billing", "malay"], channel="voice"),
        connected("c1", T(10), "ann", skills=["billing"], channel="voice"),
        connected("c1", T(40), "bob", skills=["malay", "billing", "sales"], channel="voice"),
        until=T(40),
    )
    assert waits(verdict) == [(40.0, "taken_over", 40_000, True)]


def test_an_agent_with_no_skills_at_all_is_unqualified_where_skills_are_required() -> None:
    verdict = judged(
        requested("c1", T(0), skills=["billing"], channel="voice"),
        connected("c1", T(10), "ann", skills=[], channel="voice"),
        until=T(20),
    )
    assert waits(verdict) == []


def test_a_message_is_as_qualified_as_its_agent_was_when_accepted() -> None:
    verdict = judged(
        requested("c1", T(0), skills=["billing"]),
        accepted("c1", T(5), "ann", skills=[]),
        human_message("c1", T(10), "ann"),
        human_message("c1", T(11)),
        accepted("c1", T(20), "bob", skills=["billing"]),
        human_message("c1", T(25), "ann"),
        first_human_message("c1", T(30), "bob"),
        until=T(30),
    )
    assert waits(verdict) == [(30.0, "taken_over", 30_000, True)]


def test_a_voice_call_is_taken_over_by_connecting_and_a_chat_by_a_message() -> None:
    voice = judged(
        requested("c1", T(0), channel="voice"),
        human_message("c1", T(5), channel="voice"),
        connected("c1", T(10), channel="voice"),
        until=T(60),
    )
    chat = judged(
        requested("c1", T(0)), connected("c1", T(5)), human_message("c1", T(10)), until=T(60)
    )
    expected = [(10.0, "taken_over", 10_000, True)]
    assert (waits(voice), waits(chat)) == (expected, expected)


@pytest.mark.parametrize(
    "no_takeover",
    [
        message("c1", T(10), "automation"),
        message("c1", T(10), "campaign"),
        message("c1", T(10), "system"),
        message("c1", T(10), "ai"),
        message("c1", T(10), "human", visibility="private"),
        customer_message("c1", T(10)),
    ],
    ids=["automation", "campaign", "system", "ai", "private", "customer"],
)
def test_a_message_that_is_no_public_human_one_is_no_takeover(no_takeover: bytes) -> None:
    verdict = judged(requested("c1", T(0)), no_takeover, until=T(60))
    assert timeline(verdict) == [(0.0, "escalation_opened")]


def test_a_request_up_to_5_s_after_the_takeover_is_one_whose_clock_was_swapped() -> None:
    verdict = judged(
        failure("c1", T(0), "tool_error"),
        human_message("c1", T(20)),
        requested("c1", T(25)),
        until=T(100),
    )
    assert waits(verdict) == [(25.0, "taken_over", 20_000, True)]
    assert facts(verdict, "escalation_ended")[0].detail["clamped"] is True


def test_a_swapped_request_without_a_signal_waited_no_time() -> None:
    verdict = judged(
        started("c1", T(0)), human_message("c1", T(20)), requested("c1", T(24)), until=T(100)
    )
    assert waits(verdict) == [(24.0, "taken_over", 0, True)]


def test_a_request_more_than_5_s_after_the_takeover_is_a_new_wait() -> None:
    verdict = judged(
        failure("c1", T(0), "tool_error"),
        human_message("c1", T(20)),
        requested("c1", T(25.001)),
        human_message("c1", T(30)),
        until=T(100),
    )
    assert waits(verdict) == [(30.0, "taken_over", 4_999, True)]
    assert facts(verdict, "escalation_ended")[0].detail["clamped"] is False


@pytest.mark.parametrize("echo", [queued("c1", T(25)), requested("c1", T(25), fields=["issue"])])
def test_a_request_up_to_5_s_after_a_takeover_that_ended_a_wait_is_its_echo(echo: bytes) -> None:
    log = [requested("c1", T(0)), human_message("c1", T(20))]
    assert judged(*log, echo, until=T(50)).facts == judged(*log, until=T(50)).facts


def test_a_request_more_than_5_s_after_a_takeover_that_ended_a_wait_is_a_new_wait() -> None:
    verdict = judged(
        failure("c1", T(0)),
        requested("c1", T(0)),
        human_message("c1", T(20)),
        queued("c1", T(25.001)),
        until=T(50),
    )
    assert [at(f.detail["t0"]) for f in facts(verdict, "escalation_opened")] == [0.0, 25.001]


def test_the_echo_of_a_clamped_request_opens_nothing_either() -> None:
    verdict = judged(
        human_message("c1", T(20)), requested("c1", T(22)), queued("c1", T(24)), until=T(50)
    )
    assert waits(verdict) == [(22.0, "taken_over", 0, True)]


def test_a_transfer_between_humans_is_no_wait() -> None:
    verdict = judged(human_message("c1", T(0)), requested("c1", T(2), "human"), until=T(50))
    assert timeline(verdict) == []


def test_moving_from_chat_to_voice_stays_one_wait_at_the_first_channels_threshold() -> None:
    verdict = judged(
        started("c1", T(0)),
        requested("c1", T(10)),
        started("c1", T(40), "voice"),
        connected("c1", T(100), channel="voice"),
        until=T(100),
    )
    assert waits(verdict) == [(100.0, "taken_over", 90_000, True)]
    assert facts(verdict, "escalation_ended")[0].channel == "chat"


def test_contact_that_ends_in_the_queue_is_abandoned() -> None:
    verdict = judged(requested("c1", T(0)), ended("c1", T(50), "customer"), until=T(50))
    assert waits(verdict) == [(50.0, "abandoned", 50_000, False)]


@pytest.mark.parametrize("leaving", [abandoned("c1", T(30)), dequeued("c1", T(30), "abandoned")])
def test_leaving_the_queue_ends_the_wait_and_brings_the_ai_back(leaving: bytes) -> None:
    verdict = judged(requested("c1", T(0)), leaving, requested("c1", T(90)), until=T(90))
    assert waits(verdict) == [(30.0, "abandoned", 30_000, False)]
    assert [at(f.detail["t0"]) for f in facts(verdict, "escalation_opened")] == [0.0, 90.0]


def test_dequeuing_to_be_answered_ends_nothing() -> None:
    verdict = judged(requested("c1", T(0)), dequeued("c1", T(30), "answered"), until=T(60))
    assert waits(verdict) == []


def test_a_contact_the_bot_ends_after_the_customer_asked_for_a_human_is_trapped() -> None:
    asked = failure("c1", T(5), "human_requested")
    by_customer = judged(asked, ended("c1", T(50), "customer"), until=T(50))
    by_bot = judged(asked, requested("c1", T(6)), ended("c1", T(50), "ai"), until=T(50))
    assert waits(by_customer) == [(50.0, "trapped", 45_000, False)]
    assert waits(by_bot) == [(50.0, "trapped", 45_000, False)]


def test_a_failure_signal_while_a_human_has_the_customer_is_ignored() -> None:
    verdict = judged(
        requested("c1", T(0)),
        human_message("c1", T(20)),
        failure("c1", T(30), "human_requested"),
        until=T(60),
    )
    assert facts(verdict, "ai_failure") == []
    assert len(facts(verdict, "escalation_opened")) == 1


def test_a_customer_returned_to_the_queue_waits_from_then() -> None:
    verdict = judged(
        failure("c1", T(0)),
        requested("c1", T(5)),
        human_message("c1", T(20)),
        returned("c1", T(100), "queue"),
        human_message("c1", T(130)),
        until=T(130),
    )
    assert waits(verdict)[1] == (130.0, "taken_over", 30_000, True)
    second = facts(verdict, "escalation_ended")[1].detail
    assert (second["requested_ms"], second["queued_ms"]) == (0, 0)


def test_a_customer_returned_to_the_ai_starts_with_no_signal() -> None:
    verdict = judged(
        failure("c1", T(0)),
        human_message("c1", T(20)),
        returned("c1", T(100), "ai"),
        requested("c1", T(130)),
        until=T(130),
    )
    assert at(facts(verdict, "escalation_opened")[0].detail["t0"]) == 130.0


def test_a_wait_nobody_ends_expires_and_closes_the_episode() -> None:
    verdict = judged(requested("c1", T(0)), ai_turn("c1", T(9)), until=T(4 * 86_400))
    assert timeline(verdict) == [
        (0.0, "escalation_opened"),
        (120.001, "escalation_overdue"),
        (259_200.0, "episode_ended"),
        (259_200.0, "escalation_ended"),
    ]
    assert waits(verdict) == [(259_200.0, "expired", 259_200_000, False)]


def test_a_takeover_at_the_millisecond_of_expiry_is_read_before_the_timer() -> None:
    verdict = judged(requested("c1", T(0)), human_message("c1", T(259_200)), until=T(4 * 86_400))
    assert waits(verdict) == [(259_200.0, "taken_over", 259_200_000, False)]


def test_a_channel_without_a_threshold_is_neither_within_nor_overdue() -> None:
    verdict = judged(
        requested("c1", T(0)),
        human_message("c1", T(9_000)),
        until=T(9_000),
        book=book_with(thresholds_ms={}),
    )
    assert waits(verdict) == [(9_000.0, "taken_over", 9_000_000, None)]
    assert facts(verdict, "escalation_overdue") == []


def test_at_one_millisecond_the_request_is_read_before_the_takeover() -> None:
    verdict = judged(human_message("c1", T(10)), requested("c1", T(10)), until=T(20))
    assert waits(verdict) == [(10.0, "taken_over", 0, True)]
    assert facts(verdict, "escalation_ended")[0].detail["clamped"] is False
