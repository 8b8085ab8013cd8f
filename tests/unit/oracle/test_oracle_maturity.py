"""DEFINITIONS.md section 7: what is known of an eligible episode once it has matured."""

from __future__ import annotations

from typing import Any

import pytest

from streams.oracle.indicators import ratio_of
from tests.log_builder import (
    T,
    ai_turn,
    claimed,
    customer_message,
    ended,
    evaluated,
    evidence,
    failure,
    human_message,
    recontacted,
    reopened,
    requested,
    returned,
    started,
)
from tests.unit.oracle.verdicts import facts, judged, window

HOUR = 3_600
CONTAINED = (
    started("c1", T(0)),
    customer_message("c1", T(1)),
    ai_turn("c1", T(2)),
    ended("c1", T(60)),
)
HANDED_OVER = (
    failure("c1", T(0), "human_requested"),
    requested("c1", T(1)),
    human_message("c1", T(5)),
    ended("c1", T(60), "human"),
)
MATURE = 60 + 6 * HOUR


def known(*log: bytes) -> dict[str, Any]:
    """What the first episode's maturity carries."""
    return facts(judged(*log, until=T(MATURE)), "episode_matured")[0].detail


def flags(*log: bytes) -> set[str]:
    """The names of what is true at maturity."""
    return {name for name, value in known(*log).items() if value is True}


def test_a_contained_episode_is_resolved_at_first_contact() -> None:
    assert known(*CONTAINED) == {
        "outcome": "assumed",
        "human": False,
        "claimed": False,
        "resolved": True,
        "returned": False,
        "first_contact": True,
        "qa_ai": False,
        "qa_human": False,
        "claimed_at": None,
        "query_type": None,
        "proven": False,
    }


def test_an_escalated_episode_is_resolved_only_where_somebody_claimed_it_by_its_close() -> None:
    assert flags(*HANDED_OVER) == {"human"}
    assert flags(*HANDED_OVER, claimed("c1", T(60), "human")) == {
        "human",
        "resolved",
        "first_contact",
    }
    assert flags(*HANDED_OVER, claimed("c1", T(60.001), "human")) == {"human"}


@pytest.mark.parametrize(
    ("time", "is_claimed"),
    [(-0.001, False), (0, True), (MATURE, True), (MATURE + 0.001, False)],
    ids=["before the opening", "at it", "at maturity", "after it"],
)
def test_a_claim_by_ai_counts_until_maturity(time: float, is_claimed: bool) -> None:
    assert ("claimed" in flags(*CONTAINED, claimed("c1", T(time)))) == is_claimed


@pytest.mark.parametrize(
    ("time", "claimed_at"),
    [(-0.001, None), (0, T(0)), (MATURE, T(MATURE)), (MATURE + 0.001, None)],
    ids=["before the opening", "at it", "at maturity", "after it"],
)
def test_a_claim_by_anyone_until_maturity_says_when(time: float, claimed_at: int | None) -> None:
    log = claimed("c1", T(time), "automation")
    assert known(*CONTAINED, log)["claimed_at"] == claimed_at


def test_the_first_claim_says_when_and_the_first_that_states_one_the_query_type() -> None:
    told = known(
        *CONTAINED,
        claimed("c1", T(30), "human", query_type="refund"),
        claimed("c1", T(20)),
        claimed("c1", T(40), query_type="address"),
    )
    assert (told["claimed_at"], told["query_type"]) == (T(20), "refund")


def test_of_claims_at_once_the_first_by_channel_then_claimant_then_type_states_it() -> None:
    at_once = [
        claimed("c1", T(20), "human", query_type="a"),
        claimed("c1", T(20), "ai", query_type="refund"),
        claimed("c1", T(20), "ai", query_type="address"),
        claimed("c1", T(20), "ai"),
    ]
    assert known(*CONTAINED, *at_once)["query_type"] == "address"
    elsewhere = claimed("c1", T(20), "human", query_type="b", channel="chat")
    by_voice = [claimed("c1", T(20), "ai", query_type="z", channel="voice"), elsewhere]
    assert known(*CONTAINED, *by_voice)["query_type"] == "b"


@pytest.mark.parametrize(
    ("found", "proven"),
    [
        (evidence("c1", T(0)), True),
        (evidence("c1", T(MATURE), "customer_confirmed"), True),
        (evidence("c1", T(MATURE + 0.001)), False),
        (evidence("c1", T(-0.001)), False),
        (evidence("c1", T(30), "qa_pass"), True),
        (evidence("c1", T(30), "llm_judge"), False),
        (evidence("c1", T(30), "none"), False),
        (evidence("c1", T(30), result=False), False),
    ],
)
def test_an_escalated_resolution_is_proven_by_what_verifies_one(found: bytes, proven: bool) -> None:
    log = (*HANDED_OVER, claimed("c1", T(50), "human"), found)
    told = known(*log)
    assert (told["proven"], told["outcome"]) == (proven, "escalated_safe")


def test_a_claim_by_a_human_is_none_of_the_ais() -> None:
    assert "claimed" not in flags(*HANDED_OVER, claimed("c1", T(50), "human"))


@pytest.mark.parametrize(
    ("back", "is_returned"),
    [
        (recontacted("c1", T(60)), False),
        (recontacted("c1", T(60.001)), True),
        (recontacted("c1", T(MATURE)), True),
        (recontacted("c1", T(HOUR), trivial=True), False),
        (reopened("c1", T(HOUR)), True),
        (evidence("c1", T(HOUR), "llm_judge", result=False), True),
        (evidence("c1", T(HOUR), result=True), False),
        (customer_message("c1", T(3 * HOUR)), True),
    ],
    ids=[
        "at the close",
        "after it",
        "at maturity",
        "a thank-you",
        "reopened",
        "evidence against",
        "evidence for",
        "another episode",
    ],
)
def test_a_resolved_episode_is_returned_where_the_matter_comes_back(
    back: bytes, is_returned: bool
) -> None:
    for episode in (CONTAINED, (*HANDED_OVER, claimed("c1", T(50), "human"))):
        told = flags(*episode, back)
        assert ("returned" in told) == is_returned
        assert ("first_contact" in told) != is_returned


def test_what_was_not_resolved_cannot_return() -> None:
    assert flags(*HANDED_OVER, recontacted("c1", T(HOUR))) == {"human"}


def test_two_takeovers_or_a_return_to_the_queue_are_no_first_contact() -> None:
    start = [
        failure("c1", T(0), "human_requested"),
        requested("c1", T(1)),
        human_message("c1", T(5)),
    ]
    end = [claimed("c1", T(59), "human"), ended("c1", T(60), "human")]
    twice = [returned("c1", T(10), "ai"), requested("c1", T(20)), human_message("c1", T(30))]
    requeued = [returned("c1", T(10), "queue")]
    ai_again = [returned("c1", T(10), "ai")]
    assert "first_contact" in flags(*start, *end)
    assert "first_contact" in flags(*start, *ai_again, *end)
    assert "first_contact" not in flags(*start, *twice, *end)
    assert "first_contact" not in flags(*start, *requeued, *end)


def test_an_abandoned_or_trapped_episode_is_resolved_where_it_was_claimed() -> None:
    asked = failure("c1", T(0), "human_requested")
    trapped = [asked, ended("c1", T(60), "ai")]
    assert flags(*trapped) == set()
    assert flags(*trapped, claimed("c1", T(50))) == {"claimed", "resolved", "first_contact"}
    assert known(*trapped, claimed("c1", T(50)))["outcome"] == "trapped"


@pytest.mark.parametrize(
    ("evaluations", "covered"),
    [
        ((evaluated("c1", T(-0.001)),), set()),
        ((evaluated("c1", T(0)),), {"qa_ai"}),
        ((evaluated("c1", T(MATURE)),), {"qa_ai"}),
        ((evaluated("c1", T(MATURE + 0.001)),), set()),
        ((evaluated("c1", T(9), status="draft"),), set()),
        ((evaluated("c1", T(9), subject="human"),), {"qa_human"}),
        (
            (evaluated("c1", T(9)), evaluated("c1", T(9), "q2", subject="human")),
            {"qa_ai", "qa_human"},
        ),
        ((evaluated("c1", T(9)), evaluated("c1", T(99), subject="human")), {"qa_ai"}),
        ((evaluated("c1", T(-9)), evaluated("c1", T(9))), set()),
        ((evaluated("c1", T(9)), evaluated("c1", T(MATURE), status="deleted")), set()),
        ((evaluated("c1", T(9)), evaluated("c1", T(MATURE + 0.001), status="deleted")), {"qa_ai"}),
        ((evaluated("c1", T(9)), evaluated("c1", T(99), "q2", status="deleted")), {"qa_ai"}),
        (
            (
                evaluated("c1", T(9)),
                evaluated("c1", T(99), status="deleted"),
                evaluated("c1", T(100), "q2"),
            ),
            {"qa_ai"},
        ),
    ],
    ids=[
        "before the opening",
        "at it",
        "at maturity",
        "after it",
        "a draft",
        "of the human",
        "of both",
        "one evaluation said twice",
        "said first before the opening",
        "deleted by maturity",
        "deleted after it",
        "another deleted",
        "another in its place",
    ],
)
def test_an_episode_is_covered_by_final_evaluations_that_stood_at_maturity(
    evaluations: tuple[bytes, ...], covered: set[str]
) -> None:
    told = flags(*CONTAINED, *evaluations)
    assert told & {"qa_ai", "qa_human"} == covered


def test_maturity_is_counted_and_human_coverage_only_where_a_human_was() -> None:
    verdict = judged(
        *CONTAINED,
        claimed("c1", T(50)),
        evidence("c1", T(55)),
        evaluated("c1", T(70)),
        evaluated("c1", T(71), "q2", subject="human"),
        failure("c2", T(0), "human_requested"),
        requested("c2", T(1)),
        human_message("c2", T(5), customer_repeated_info=True),
        claimed("c2", T(50), "human"),
        ended("c2", T(60), "human"),
        recontacted("c2", T(HOUR)),
        evaluated("c2", T(70), score=100_000, subject="human"),
        until=T(MATURE),
    )
    assert window(verdict, "24h").counts == {
        "claimed": 1,
        "context.complete": 1,
        "context.judged": 1,
        "covered.ai": 1,
        "covered.human": 1,
        "eligible": 2,
        "ended.taken_over": 1,
        "escalations": 1,
        "failure.human_requested": 1,
        "final.escalated_unsafe": 1,
        "final.verified": 1,
        "first_contact": 1,
        "first_failure.human_requested": 1,
        "human": 1,
        "latency_ms": 5_000,
        "matured": 2,
        "outcome.contained": 1,
        "outcome.escalated": 1,
        "qa.ai": 1,
        "qa.human": 2,
        "qa_passed.ai": 1,
        "qa_passed.human": 1,
        "repeated": 1,
        "resolved": 2,
        "resolved_closes": 2,
        "returned": 1,
        "unlinked": 2,
        "within": 1,
    }


def test_repetition_is_counted_where_the_customer_was_with_a_human_to_the_end() -> None:
    log = [
        failure("c1", T(0), "human_requested"),
        human_message("c1", T(5), customer_repeated_info=True),
    ]
    escalated = judged(*log, ended("c1", T(60)), until=T(60))
    left = judged(
        *log,
        returned("c1", T(10), "ai"),
        requested("c1", T(20)),
        ended("c1", T(60)),
        until=T(60),
    )
    assert window(escalated).counts["repeated"] == 1
    assert [f.detail["repeated"] for f in facts(left, "episode_ended")] == [True]
    assert "repeated" not in window(left).counts


@pytest.mark.parametrize(
    ("indicator", "ratio"),
    [
        ("escalation_within", (2, 5)),
        ("answer_within", (7, 18)),
        ("answer_removed_within", (13, 29)),
        ("first_response_within", (17, 36)),
        ("containment_raw", (23, 60)),
        ("containment_safe", (64, 60)),
        ("containment_no_recontact", (96, 53)),
        ("containment_safe_verified", (102, 53)),
        ("verified_resolution", (43, 59)),
        ("first_contact", (61, 67)),
        ("recontact", (71, 67)),
        ("human_takeover", (73, 29)),
        ("abandonment", (79, 162)),
        ("context_complete", (89, 97)),
        ("customer_repeated", (101, 73)),
        ("failure_share", (103, 210)),
        ("qa_coverage_ai", (109, 53)),
        ("qa_coverage_human", (113, 127)),
        ("qa_pass_ai", (131, 137)),
        ("qa_pass_human", (139, 149)),
        ("csat_satisfied", (151, 157)),
        ("csat_response", (157, 163)),
        ("compliance_exceptions", (513, 1)),
        ("cost_per_verified", (-181, 43)),
    ],
)
def test_each_ratio_is_made_of_its_counters(indicator: Any, ratio: tuple[int, int]) -> None:
    counts = {
        "within": 2,
        "missed": 3,
        "answer.within": 7,
        "answer.beyond": 11,
        "answer.removed_within": 13,
        "answer.ended": 29,
        "answer.short_abandon": 1_000,
        "response.within": 17,
        "response.missed": 19,
        "outcome.contained": 23,
        "eligible": 29,
        "waiting": 31,
        "safe": 41,
        "final.verified": 43,
        "final.assumed": 53,
        "matured": 53,
        "final.escalated_safe": 59,
        "claimed": 59,
        "first_contact": 61,
        "resolved": 67,
        "returned": 71,
        "outcome.escalated": 73,
        "ended.abandoned": 79,
        "ended.taken_over": 83,
        "context.complete": 89,
        "context.judged": 97,
        "repeated": 101,
        "failure.tool_error": 103,
        "failure.no_match": 107,
        "first_failure.tool_error": 1_000,
        "covered.ai": 109,
        "covered.human": 113,
        "human": 127,
        "qa_passed.ai": 131,
        "qa.ai": 137,
        "qa_passed.human": 139,
        "qa.human": 149,
        "csat.satisfied": 151,
        "csat.received": 157,
        "csat.requested": 163,
        "compliance.minor": 167,
        "compliance.major": 173,
        "compliance.critical": 173,
        "compliance.closed": 1_000,
        "compliance.overdue": 1_000,
        "cost_micros": -181,
        "cost.other_currency": 1_000,
    }
    assert ratio_of(counts, indicator, "tool_error") == ratio


def test_where_nothing_was_counted_only_exceptions_are_known_to_be_none() -> None:
    assert ratio_of({}, "compliance_exceptions") == (0, 1)
    assert ratio_of({}, "cost_per_verified") == (0, 0)
    with pytest.raises(ValueError, match="escalation_wait is not a ratio"):
        ratio_of({}, "escalation_wait")
