"""DEFINITIONS.md sections 2, 4 and 7: episodes, what they came to, and what became of that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.domain.contract import ContractBook
from tests.log_builder import (
    T,
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
from tests.unit.oracle.verdicts import TERMS, episodes, facts, judged, matured

HOUR = 3_600
CONTAINED = (
    started("c1", T(0)),
    customer_message("c1", T(1)),
    ai_turn("c1", T(2)),
    ended("c1", T(60)),
)
MATURE = 60 + 6 * HOUR


@pytest.mark.parametrize("author", ["human", "ai", "customer"])
def test_a_private_note_days_after_the_last_word_begins_no_episode(author: str) -> None:
    note = message("c1", T(3 * 86_400), author, visibility="private")
    verdict = judged(*CONTAINED, note, until=T(6 * 86_400))
    assert episodes(verdict) == [(60.0, "customer", "contained", None)]


def test_a_private_note_holds_no_episode_open_and_makes_no_ai_of_its_author() -> None:
    asked = customer_message("c1", T(0))
    notes = [message("c1", T(60 * n), "ai", visibility="private") for n in range(1, 200)]
    assert episodes(judged(asked, *notes, until=T(MATURE))) == episodes(
        judged(asked, until=T(MATURE))
    )
    assert episodes(judged(asked, *notes, until=T(MATURE)))[0][2] is None


def test_ai_alone_with_a_customer_who_spoke_is_contained() -> None:
    assert episodes(judged(*CONTAINED, until=T(60))) == [(60.0, "customer", "contained", None)]


@pytest.mark.parametrize("left_out", [1, 2], ids=["customer silent", "no ai"])
def test_without_ai_or_without_the_customer_speaking_an_episode_is_not_eligible(
    left_out: int,
) -> None:
    log = [record for index, record in enumerate(CONTAINED) if index != left_out]
    verdict = judged(*log, until=T(MATURE))
    assert episodes(verdict) == [(60.0, "customer", None, None)]
    assert matured(verdict) == []


@pytest.mark.parametrize(
    ("direction", "outcome"), [("inbound", "contained"), (None, "contained"), ("outbound", None)]
)
def test_a_caller_has_spoken_by_calling_unless_we_called(
    direction: str | None, outcome: str | None
) -> None:
    verdict = judged(
        started("c1", T(0), "voice", direction=direction),
        ai_turn("c1", T(2), channel="voice"),
        ended("c1", T(60), channel="voice"),
        until=T(60),
    )
    assert episodes(verdict) == [(60.0, "customer", outcome, None)]


def test_asking_for_a_human_in_vain_is_trapped_and_never_contained() -> None:
    verdict = judged(
        started("c1", T(0)),
        failure("c1", T(5), "human_requested"),
        ended("c1", T(50), "ai"),
        until=T(50 + 6 * HOUR),
    )
    assert episodes(verdict) == [(50.0, "ai", "trapped", None)]
    assert matured(verdict) == [(50.0 + 6 * HOUR, "trapped")]


def test_one_episode_has_one_outcome_and_trapped_comes_before_abandoned_and_escalated() -> None:
    log = [
        failure("c1", T(0), "human_requested"),
        human_message("c1", T(10)),
        returned("c1", T(20), "ai"),
        requested("c1", T(30)),
        ended("c1", T(40), "customer"),
    ]
    assert episodes(judged(*log, until=T(40))) == [(40.0, "customer", "abandoned", None)]
    log[-2] = failure("c1", T(30), "human_requested")
    assert episodes(judged(*log, until=T(40))) == [(40.0, "customer", "trapped", None)]


def test_handed_over_in_time_with_the_required_context_is_safe() -> None:
    verdict = judged(
        failure("c1", T(0), "human_requested"),
        requested("c1", T(2)),
        human_message("c1", T(60)),
        ended("c1", T(90), "human"),
        until=T(90 + 6 * HOUR),
    )
    assert episodes(verdict) == [(90.0, "human", "escalated", True)]
    assert matured(verdict) == [(90.0 + 6 * HOUR, "escalated_safe")]


@pytest.mark.parametrize(
    ("request_fields", "takeover", "repeated"),
    [
        (("issue",), 60, False),
        (("issue", "attempts"), 121, False),
        (("issue", "attempts"), 9, True),
    ],
    ids=["context missing", "too late", "customer repeated"],
)
def test_a_handover_without_context_too_late_or_with_repetition_is_unsafe(
    request_fields: tuple[str, ...], takeover: int, repeated: bool
) -> None:
    verdict = judged(
        failure("c1", T(0), "human_requested"),
        requested("c1", T(0), fields=request_fields),
        human_message("c1", T(takeover), customer_repeated_info=repeated),
        ended("c1", T(200), "human"),
        until=T(200),
    )
    assert episodes(verdict) == [(200.0, "human", "escalated", False)]


def test_context_is_the_union_over_the_requests_of_one_escalation() -> None:
    verdict = judged(
        failure("c1", T(0), "human_requested"),
        requested("c1", T(1), fields=["issue"]),
        requested("c1", T(2), fields=["attempts"]),
        human_message("c1", T(9)),
        ended("c1", T(20), "human"),
        until=T(20),
    )
    assert episodes(verdict) == [(20.0, "human", "escalated", True)]


def test_an_escalation_by_return_to_the_queue_needs_no_context() -> None:
    verdict = judged(
        failure("c1", T(0), "human_requested"),
        requested("c1", T(1)),
        human_message("c1", T(9)),
        returned("c1", T(20), "queue"),
        human_message("c1", T(29)),
        ended("c1", T(40), "human"),
        until=T(40),
    )
    assert episodes(verdict) == [(40.0, "human", "escalated", True)]


def test_an_unqualified_human_still_means_a_human_was_involved() -> None:
    verdict = judged(
        started("c1", T(0), "voice"),
        ai_turn("c1", T(1), channel="voice"),
        connected("c1", T(5), qualified=False, channel="voice"),
        ended("c1", T(60), channel="voice"),
        until=T(60),
    )
    assert episodes(verdict) == [(60.0, "customer", "escalated", True)]


def test_silence_ends_an_episode_two_hours_after_the_last_activity() -> None:
    log = [*CONTAINED[:3], message("c1", T(HOUR), "campaign")]
    assert episodes(judged(*log, until=T(2 * HOUR + 1.999))) == []
    assert episodes(judged(*log, until=T(2 * HOUR + 2))) == [
        (2 * HOUR + 2.0, "inactivity", "contained", None)
    ]


def test_activity_exactly_at_the_end_of_the_silence_keeps_the_episode_open() -> None:
    verdict = judged(*CONTAINED[:3], ai_turn("c1", T(2 * HOUR + 2)), until=T(3 * HOUR))
    assert episodes(verdict) == []


def test_silence_does_not_end_an_episode_in_which_the_customer_waits_for_a_human() -> None:
    verdict = judged(requested("c1", T(0)), until=T(24 * HOUR))
    assert episodes(verdict) == []


def test_activity_after_the_silence_opens_a_second_episode() -> None:
    verdict = judged(
        *CONTAINED[:3], customer_message("c1", T(5 * HOUR), channel="email"), until=T(9 * HOUR)
    )
    assert [(f.episode, f.channel) for f in facts(verdict, "episode_ended")] == [
        (1, "chat"),
        (2, "email"),
    ]


def test_a_message_after_the_end_opens_nothing_within_the_same_burst() -> None:
    verdict = judged(*CONTAINED, customer_message("c1", T(90)), until=T(4 * HOUR))
    assert [f.episode for f in facts(verdict, "episode_ended")] == [1]


def test_reopening_after_the_end_opens_a_second_episode_at_once() -> None:
    verdict = judged(*CONTAINED, reopened("c1", T(90)), ended("c1", T(120)), until=T(120))
    assert episodes(verdict) == [
        (60.0, "customer", "contained", None),
        (120.0, "customer", "contained", None),
    ]


def test_silence_verifies_nothing() -> None:
    assert matured(judged(*CONTAINED, claimed("c1", T(50)), until=T(MATURE))) == [
        (float(MATURE), "assumed")
    ]


@pytest.mark.parametrize(
    ("kind", "by", "final"),
    [
        ("customer_confirmed", "ai", "verified"),
        ("system_of_record", "ai", "verified"),
        ("qa_pass", "ai", "verified"),
        ("llm_judge", "ai", "assumed"),
        ("none", "ai", "assumed"),
        ("system_of_record", "human", "assumed"),
    ],
)
def test_a_claim_by_ai_is_verified_by_evidence_that_is_not_a_models_opinion(
    kind: str, by: str, final: str
) -> None:
    log = [*CONTAINED, claimed("c1", T(50), by), evidence("c1", T(MATURE), kind)]
    assert matured(judged(*log, until=T(MATURE))) == [(float(MATURE), final)]


@pytest.mark.parametrize(
    ("spoiler", "final"),
    [
        (recontacted("c1", T(MATURE)), "void"),
        (recontacted("c1", T(MATURE + 0.001)), "verified"),
        (recontacted("c1", T(HOUR), trivial=True), "verified"),
        (reopened("c1", T(HOUR)), "void"),
        (evidence("c1", T(HOUR), "llm_judge", result=False), "void"),
        (evidence("c1", T(60), result=False), "verified"),
        (customer_message("c1", T(3 * HOUR)), "void"),
        (customer_message("c1", T(HOUR)), "verified"),
    ],
    ids=[
        "recontact",
        "recontact too late to matter",
        "trivial recontact",
        "reopened",
        "evidence against",
        "evidence against by the close",
        "another episode",
        "a word in the same burst",
    ],
)
def test_containment_is_void_where_the_matter_comes_back_before_it_matures(
    spoiler: bytes, final: str
) -> None:
    log = [*CONTAINED, claimed("c1", T(50)), evidence("c1", T(55)), spoiler]
    first = matured(judged(*log, until=T(MATURE)))[0]
    assert first == (float(MATURE), final)


def test_an_attribute_is_unknown_until_it_was_first_stated() -> None:
    verdict = judged(
        failure("c1", T(0), market=None, journey=None),
        failure("c1", T(10), market="MY", journey=None),
        failure("c1", T(20), market="PH", journey="outage"),
        until=T(20),
    )
    assert [(f.market, f.journey) for f in facts(verdict, "ai_failure")] == [
        ("unknown", "unknown"),
        ("MY", "unknown"),
        ("MY", "outage"),
    ]


def test_the_first_failure_of_each_episode_is_marked() -> None:
    verdict = judged(
        failure("c1", T(0), "no_match"),
        failure("c1", T(5), "tool_error"),
        ended("c1", T(9)),
        failure("c1", T(20), "timeout"),
        until=T(20),
    )
    told = [(f.episode, f.ordinal, f.detail) for f in facts(verdict, "ai_failure")]
    assert told == [
        (1, 1, {"reason": "no_match", "first": True}),
        (1, 2, {"reason": "tool_error", "first": False}),
        (2, 1, {"reason": "timeout", "first": True}),
    ]


def test_events_that_are_no_activity_open_no_episode() -> None:
    log = [
        message("c1", T(0), "automation"),
        claimed("c1", T(1)),
        evidence("c1", T(2)),
        recontacted("c1", T(3)),
        event("business.outcome", "c1", T(4), kind="refund"),
    ]
    assert judged(*log, until=T(24 * HOUR)).facts == ()


def test_a_thank_you_is_no_activity_and_opens_nothing() -> None:
    thanks = reopened("c1", T(90), trivial=True)
    verdict = judged(*CONTAINED, thanks, until=T(MATURE))
    assert verdict.facts == judged(*CONTAINED, until=T(MATURE)).facts


def test_an_episode_takes_the_least_channel_of_its_first_activity_or_its_opening_milestones() -> (
    None
):
    verdict = judged(
        started("c1", T(0), "voice"),
        ai_turn("c1", T(0), channel="email"),
        ended("c1", T(9)),
        reopened("c1", T(20), channel="messaging"),
        ended("c1", T(29)),
        until=T(29),
    )
    assert [f.channel for f in facts(verdict, "episode_ended")] == ["email", "messaging"]


def test_the_context_required_is_that_of_the_terms_in_force_at_t0() -> None:
    change = T(10)
    book = ContractBook(
        [
            replace(TERMS, effective_to_ms=change),
            replace(
                TERMS,
                version=2,
                effective_from_ms=change,
                required_context=frozenset({"issue", "attempts", "consent"}),
            ),
        ]
    )
    log = [customer_message("c1", T(0)), human_message("c1", T(30)), ended("c1", T(60))]
    before = judged(failure("c1", T(9)), requested("c1", T(11)), *log, until=T(60), book=book)
    after = judged(failure("c1", T(10)), requested("c1", T(11)), *log, until=T(60), book=book)
    assert episodes(before) == [(60.0, "customer", "escalated", True)]
    assert episodes(after) == [(60.0, "customer", "escalated", False)]


def test_an_escalation_that_expires_closes_its_episode() -> None:
    verdict = judged(requested("c1", T(0)), until=T(72 * HOUR))
    assert episodes(verdict) == [(72.0 * HOUR, "expired", None, None)]
