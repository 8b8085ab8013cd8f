"""DEFINITIONS.md sections 2 to 4 and 7 in the stream: episodes and what they came to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.domain.contract import ContractBook
from tests.log_builder import (
    T,
    accepted,
    ai_turn,
    claimed,
    connected,
    customer_message,
    ended,
    event,
    evidence,
    failure,
    human_message,
    message,
    recontacted,
    reopened,
    requested,
    returned,
    started,
)
from tests.unit.domain.walked import HOUR, episodes, finals, of_kind, timeline, walked
from tests.unit.oracle.verdicts import TERMS

CONTAINED = (
    started("c1", T(0)),
    customer_message("c1", T(1)),
    ai_turn("c1", T(2)),
    ended("c1", T(60)),
)
MATURE = 60 + 6 * HOUR


def test_an_episode_of_the_ai_with_a_customer_who_spoke_is_contained() -> None:
    assert episodes(walked(*CONTAINED, until=T(60))) == [(60.0, "customer", "contained", None)]


@pytest.mark.parametrize("left_out", [1, 2], ids=["customer silent", "no ai"])
def test_an_episode_without_ai_or_without_the_customers_word_is_not_eligible(left_out: int) -> None:
    log = [record for index, record in enumerate(CONTAINED) if index != left_out]
    assert timeline(walked(*log, until=T(MATURE))) == [(60.0, "episode_ended")]
    assert episodes(walked(*log, until=T(60))) == [(60.0, "customer", None, None)]


def test_what_is_said_after_the_close_makes_nothing_eligible() -> None:
    log = [started("c1", T(0)), ai_turn("c1", T(2)), ended("c1", T(60))]
    late_word = customer_message("c1", T(60.001))
    assert episodes(walked(*log, late_word, until=T(61))) == [(60.0, "customer", None, None)]


def test_silence_closes_an_episode_two_hours_after_the_last_activity() -> None:
    log = [*CONTAINED[:3], message("c1", T(HOUR), "campaign")]
    assert episodes(walked(*log, until=T(3 * HOUR))) == [
        (2 * HOUR + 2.0, "inactivity", "contained", None)
    ]


def test_activity_at_the_moment_of_silence_keeps_the_episode_open() -> None:
    log = [*CONTAINED[:3], ai_turn("c1", T(2 * HOUR + 2))]
    assert walked(*log, until=T(3 * HOUR)) == []


def test_silence_does_not_close_on_a_customer_who_waits_for_a_human() -> None:
    assert episodes(walked(requested("c1", T(0)), until=T(24 * HOUR))) == []


def test_an_expired_wait_closes_its_episode_at_that_moment() -> None:
    facts = walked(requested("c1", T(0)), until=T(72 * HOUR))
    assert episodes(facts) == [(72.0 * HOUR, "expired", None, None)]


def test_a_burst_after_silence_opens_the_next_episode_on_its_channel() -> None:
    log = [*CONTAINED[:3], customer_message("c1", T(5 * HOUR), channel="email")]
    facts = of_kind(walked(*log, until=T(9 * HOUR)), "episode_ended")
    assert [(fact.episode, fact.channel) for fact in facts] == [(1, "chat"), (2, "email")]


def test_a_word_after_the_end_in_the_same_burst_opens_nothing() -> None:
    log = [*CONTAINED, customer_message("c1", T(90))]
    assert len(episodes(walked(*log, until=T(5 * HOUR)))) == 1


@pytest.mark.parametrize(
    "opening",
    [started("c1", T(90)), reopened("c1", T(90)), failure("c1", T(90)), requested("c1", T(90))],
)
def test_a_contact_that_comes_back_after_the_end_is_a_new_episode(opening: bytes) -> None:
    log = [*CONTAINED, opening, ended("c1", T(120))]
    assert [at for at, *_ in episodes(walked(*log, until=T(120)))] == [60.0, 120.0]


@pytest.mark.parametrize(
    "no_opening",
    [
        recontacted("c1", T(90)),
        reopened("c1", T(90), trivial=True),
        accepted("c1", T(90)),
        human_message("c1", T(90)),
        returned("c1", T(90), "queue"),
        ended("c1", T(90)),
    ],
)
def test_nothing_else_opens_an_episode_within_a_burst(no_opening: bytes) -> None:
    assert len(episodes(walked(*CONTAINED, no_opening, until=T(5 * HOUR)))) == 1


def test_the_end_at_the_millisecond_of_the_last_word_is_read_after_it() -> None:
    log = [requested("c1", T(0)), ended("c1", T(9), "human"), human_message("c1", T(9))]
    assert [kind for _, kind in timeline(walked(*log, until=T(9)))] == [
        "escalation_opened",
        "escalation_ended",
        "episode_ended",
    ]


def test_a_thank_you_is_neither_milestone_nor_activity() -> None:
    thanks = reopened("c1", T(HOUR), trivial=True)
    assert walked(*CONTAINED, thanks, until=T(MATURE)) == walked(*CONTAINED, until=T(MATURE))


def test_one_outcome_an_episode_and_trapped_comes_first() -> None:
    log = [
        failure("c1", T(0), "human_requested"),
        human_message("c1", T(10)),
        returned("c1", T(20), "ai"),
        failure("c1", T(30), "human_requested"),
        ended("c1", T(40)),
    ]
    assert episodes(walked(*log, until=T(40))) == [(40.0, "customer", "trapped", None)]


def test_an_abandoned_wait_comes_before_a_human_involved() -> None:
    log = [
        failure("c1", T(0), "human_requested"),
        human_message("c1", T(10)),
        returned("c1", T(20), "queue"),
        ended("c1", T(40)),
    ]
    assert episodes(walked(*log, until=T(40))) == [(40.0, "customer", "abandoned", None)]


def _handed_over(
    *fields: str, after: float = 9, repeated: bool | None = None
) -> list[tuple[float, str, str | None, bool | None]]:
    log = [
        failure("c1", T(0), "human_requested"),
        requested("c1", T(1), fields=fields),
        human_message("c1", T(after), customer_repeated_info=repeated),
        ended("c1", T(300)),
    ]
    return episodes(walked(*log, until=T(300)))


def test_a_handover_in_time_and_in_context_is_safe() -> None:
    assert _handed_over("issue", "attempts", "more") == [(300.0, "customer", "escalated", True)]


def test_a_handover_without_the_required_context_is_unsafe() -> None:
    assert _handed_over("issue") == [(300.0, "customer", "escalated", False)]


def test_a_handover_over_the_threshold_is_unsafe() -> None:
    late = _handed_over("issue", "attempts", after=120.001)
    assert late == [(300.0, "customer", "escalated", False)]


def test_a_handover_after_which_the_customer_repeats_everything_is_unsafe() -> None:
    again = _handed_over("issue", "attempts", repeated=True)
    assert again == [(300.0, "customer", "escalated", False)]


def test_the_echo_of_a_request_brings_the_context_it_carries() -> None:
    log = [
        failure("c1", T(0), "human_requested"),
        human_message("c1", T(9)),
        requested("c1", T(11)),
        ended("c1", T(60)),
    ]
    assert episodes(walked(*log, until=T(60))) == [(60.0, "customer", "escalated", True)]


def test_a_return_to_the_queue_needs_no_context() -> None:
    log = [
        failure("c1", T(0), "human_requested"),
        requested("c1", T(1)),
        human_message("c1", T(9)),
        returned("c1", T(20), "queue"),
        human_message("c1", T(29)),
        ended("c1", T(60)),
    ]
    assert episodes(walked(*log, until=T(60))) == [(60.0, "customer", "escalated", True)]


def test_the_context_required_is_that_of_the_terms_in_force_at_t0() -> None:
    lax = replace(TERMS, effective_to_ms=T(10), required_context=frozenset())
    book = ContractBook([lax, replace(TERMS, version=2, effective_from_ms=T(10))])
    log = [
        failure("c1", T(9), "human_requested"),
        requested("c1", T(11), fields=()),
        human_message("c1", T(20)),
        ended("c1", T(60)),
    ]
    facts = walked(*log, until=T(60), book=book)
    assert episodes(facts) == [(60.0, "customer", "escalated", True)]
    assert [fact.version for fact in facts] == [1, 1, 1, 2]


def test_an_unqualified_human_is_a_human_all_the_same() -> None:
    log = [
        started("c1", T(0), "voice"),
        ai_turn("c1", T(1), channel="voice"),
        connected("c1", T(5), qualified=False, channel="voice"),
        ended("c1", T(60), channel="voice"),
    ]
    assert episodes(walked(*log, until=T(60))) == [(60.0, "customer", "escalated", True)]


@pytest.mark.parametrize(
    ("aftermath", "final"),
    [
        ([], "assumed"),
        ([claimed("c1", T(50))], "assumed"),
        ([evidence("c1", T(50))], "assumed"),
        ([claimed("c1", T(50), "human"), evidence("c1", T(50))], "assumed"),
        ([claimed("c1", T(50)), evidence("c1", T(50), "llm_judge")], "assumed"),
        ([claimed("c1", T(50)), evidence("c1", T(MATURE), "customer_confirmed")], "verified"),
        ([claimed("c1", T(50)), evidence("c1", T(MATURE + 0.001))], "assumed"),
        ([recontacted("c1", T(MATURE))], "void"),
        ([recontacted("c1", T(60))], "assumed"),
        ([recontacted("c1", T(90), trivial=True)], "assumed"),
        ([evidence("c1", T(90), "none", result=False)], "void"),
        ([evidence("c1", T(60), result=False)], "assumed"),
        ([started("c1", T(90))], "void"),
        ([customer_message("c1", T(3 * HOUR))], "void"),
        ([customer_message("c1", T(HOUR))], "assumed"),
    ],
)
def test_what_a_contained_episode_matures_to(aftermath: list[bytes], final: str) -> None:
    assert finals(walked(*CONTAINED, *aftermath, until=T(MATURE)))[0] == final


@pytest.mark.parametrize(("after", "final"), [(9, "escalated_safe"), (130, "escalated_unsafe")])
def test_a_handed_over_episode_matures_to_what_it_was(after: float, final: str) -> None:
    log = [
        failure("c1", T(0), "human_requested"),
        requested("c1", T(1)),
        human_message("c1", T(after)),
        ended("c1", T(300)),
    ]
    assert finals(walked(*log, until=T(300 + 6 * HOUR))) == [final]


def test_an_attribute_is_unknown_until_stated_and_then_the_first_statement() -> None:
    log = [
        failure("c1", T(0), market=None),
        failure("c1", T(10), market="MY"),
        failure("c1", T(20), market="PH"),
    ]
    assert [fact.market for fact in walked(*log, until=T(20))] == ["unknown", "MY", "MY"]


def test_of_two_statements_at_one_moment_the_least_holds() -> None:
    log = [failure("c1", T(0), market="SG"), customer_message("c1", T(0), market="MY")]
    assert [fact.market for fact in walked(*log, until=T(0))] == ["MY"]


def test_events_that_are_no_activity_open_no_episode() -> None:
    log = [
        message("c1", T(0), "automation"),
        claimed("c1", T(1)),
        evidence("c1", T(2)),
        recontacted("c1", T(3)),
        event("csat.requested", "c1", T(4), survey_id="s1"),
    ]
    facts = walked(*log, until=T(24 * HOUR))
    assert [(fact.kind, fact.episode) for fact in facts] == [("csat_requested", 0)]
