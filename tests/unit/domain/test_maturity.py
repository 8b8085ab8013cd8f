"""What an episode came to when its verification window is over. DEFINITIONS.md section 7."""

from __future__ import annotations

from typing import Any

import pytest

from tests.log_builder import (
    T,
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
from tests.unit.domain.walked import HOUR, of_kind, walked

CONTAINED = [customer_message("c1", T(0)), failure("c1", T(1)), ended("c1", T(60))]
ESCALATED = [
    customer_message("c1", T(0)),
    failure("c1", T(1)),
    requested("c1", T(2)),
    human_message("c1", T(9)),
    ended("c1", T(60)),
]
OVER = 60 + 6 * HOUR  # close and verification window


def matured(*log: bytes) -> dict[str, Any]:
    """The first episode's flags, those that are false left out."""
    facts = of_kind(walked(*log, until=T(20 * HOUR)), "episode_matured")
    return {name: value for name, value in facts[0].detail.items() if value not in (False, None)}


def test_a_contained_episode_is_resolved_at_first_contact() -> None:
    assert matured(*CONTAINED) == {"outcome": "assumed", "resolved": True, "first_contact": True}


@pytest.mark.parametrize(
    ("at", "told"), [(-1, None), (0, T(0)), (30, T(30)), (OVER, T(OVER)), (OVER + 0.001, None)]
)
def test_a_claim_by_anyone_says_when_until_the_window_is_over(at: float, told: int | None) -> None:
    assert matured(*CONTAINED, claimed("c1", T(at), "human")).get("claimed_at") == told


def test_of_several_claims_the_first_says_when_and_the_first_that_states_one_for_which_query() -> (
    None
):
    claims = [
        claimed("c1", T(40), "ai", query_type="invoice"),
        claimed("c1", T(20), "human"),
        claimed("c1", T(30), "customer", query_type="refund"),
    ]
    told = matured(*CONTAINED, *claims)
    assert (told["claimed_at"], told["query_type"]) == (T(20), "refund")


@pytest.mark.parametrize(
    ("kind", "result", "at", "proven"),
    [
        ("system_of_record", True, OVER, True),
        ("customer_confirmed", True, 0, True),
        ("qa_pass", True, OVER + 0.001, False),
        ("qa_pass", False, 30, False),
        ("llm_judge", True, 30, False),
    ],
)
def test_an_episode_is_proven_by_evidence_that_can_verify_without_a_claim(
    kind: str, result: bool, at: float, proven: bool
) -> None:
    log = [*ESCALATED, evidence("c1", T(at), kind, result=result)]
    assert ("proven" in matured(*log)) is proven


@pytest.mark.parametrize(
    ("at", "by", "flags"),
    [
        (0, "ai", {"claimed"}),
        (OVER, "ai", {"claimed"}),
        (OVER + 0.001, "ai", set()),
        (30, "human", set()),
    ],
)
def test_a_claim_by_the_ai_counts_until_the_window_is_over(
    at: float, by: str, flags: set[str]
) -> None:
    assert {"claimed"} & matured(*CONTAINED, claimed("c1", T(at), by)).keys() == flags


@pytest.mark.parametrize(
    ("at", "by", "resolved"),
    [(60, "human", True), (60.001, "human", False), (30, "ai", True), (30, "automation", True)],
)
def test_an_escalated_episode_is_resolved_if_anyone_claimed_so_by_its_close(
    at: float, by: str, resolved: bool
) -> None:
    found = matured(*ESCALATED, claimed("c1", T(at), by))
    assert ("resolved" in found, "first_contact" in found) == (resolved, resolved)
    assert found["human"] is True


@pytest.mark.parametrize(
    "back",
    [
        started("c1", T(OVER)),
        reopened("c1", T(100)),
        recontacted("c1", T(100)),
        evidence("c1", T(100), result=False),
    ],
)
def test_whoever_comes_back_within_the_window_was_not_helped_at_first_contact(back: bytes) -> None:
    for log in (CONTAINED, [*ESCALATED, claimed("c1", T(50), "human")]):
        found = matured(*log, back)
        assert (found["resolved"], found["returned"]) == (True, True)
        assert "first_contact" not in found


@pytest.mark.parametrize(
    "back",
    [
        started("c1", T(OVER + 0.001)),
        recontacted("c1", T(100), trivial=True),
        evidence("c1", T(59), result=False),
    ],
)
def test_what_comes_after_the_window_or_is_a_thank_you_is_no_return(back: bytes) -> None:
    assert "returned" not in matured(*CONTAINED, back)


def test_an_episode_that_was_not_resolved_has_not_been_returned_to() -> None:
    assert "returned" not in matured(*ESCALATED, reopened("c1", T(100)))


def test_two_takeovers_or_a_return_to_the_queue_are_no_first_contact() -> None:
    twice = [
        *ESCALATED[:-1],
        returned("c1", T(20), "ai"),
        requested("c1", T(25)),
        human_message("c1", T(30)),
        claimed("c1", T(50), "human"),
        ended("c1", T(60)),
    ]
    requeued = [*ESCALATED[:-1], returned("c1", T(20), "queue"), claimed("c1", T(50), "human")]
    for log in (twice, [*requeued, ended("c1", T(60))]):
        found = matured(*log)
        assert (found["resolved"], "first_contact" in found) == (True, False)


@pytest.mark.parametrize(
    ("notes", "covered"),
    [
        ([evaluated("c1", T(0))], {"qa_ai"}),
        ([evaluated("c1", T(OVER), subject="human")], {"qa_human"}),
        ([evaluated("c1", T(OVER + 0.001))], set()),
        ([evaluated("c1", T(-1))], set()),
        ([evaluated("c1", T(9), status="draft")], set()),
        ([evaluated("c1", T(9)), evaluated("c1", T(OVER), status="deleted")], set()),
        ([evaluated("c1", T(9)), evaluated("c1", T(OVER + 0.001), status="deleted")], {"qa_ai"}),
        ([evaluated("c1", T(9)), evaluated("c1", T(5), "q2", status="deleted")], {"qa_ai"}),
        # The first of an evaluation stands, whatever it says later.
        ([evaluated("c1", T(9)), evaluated("c1", T(10), subject="human")], {"qa_ai"}),
    ],
)
def test_an_episode_is_covered_by_a_final_evaluation_that_stands(
    notes: list[bytes], covered: set[str]
) -> None:
    assert {"qa_ai", "qa_human"} & matured(*ESCALATED, *notes).keys() == covered
