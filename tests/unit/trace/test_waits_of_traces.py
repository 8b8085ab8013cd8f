"""Why T0 is T0, who was qualified, what was passed, and what the wait came to."""

from __future__ import annotations

import pytest

from streams.domain.contract import ContractBook, Exclusion
from streams.trace.model import Run, Wait
from tests.log_builder import (
    T,
    abandoned,
    accepted,
    connected,
    customer_message,
    ended,
    failure,
    human_message,
    offered,
    queued,
    requested,
    returned,
)
from tests.trace_log import traced
from tests.unit.oracle.verdicts import BOOK, book_with

SPOKE = customer_message("c1", T(0))


def run_of(*log: bytes, until: int = T(9_000), book: ContractBook = BOOK) -> Run:
    (run,) = traced([SPOKE, *log, until], book).lives[0].runs
    return run


def wait_of(*log: bytes, until: int = T(9_000), book: ContractBook = BOOK) -> Wait:
    (wait,) = run_of(*log, until=until, book=book).waits
    return wait


def test_t0_is_the_first_failure_and_says_how_long_before_the_request() -> None:
    wait = wait_of(failure("c1", T(1), "tool_error"), failure("c1", T(2)), requested("c1", T(5)))
    assert (wait.t0, wait.known_at) == (T(1), T(5))
    assert "earliest failure signal (tool_error)" in wait.t0_why
    assert "4,000 ms later" in wait.t0_why


def test_t0_without_a_failure_is_the_request_and_says_so() -> None:
    wait = wait_of(requested("c1", T(5)))
    assert wait.t0 == T(5)
    assert "no failure of the AI had been signalled" in wait.t0_why


def test_t0_of_who_asks_for_a_human_is_the_asking() -> None:
    wait = wait_of(failure("c1", T(3), "human_requested"))
    assert wait.t0 == T(3)
    assert wait.t0_why == "the customer asked for a human"


def test_a_signal_that_a_human_has_answered_is_no_t0() -> None:
    log = (
        failure("c1", T(1)),
        requested("c1", T(2)),
        human_message("c1", T(3)),
        returned("c1", T(50), to="queue"),
    )
    first, second = run_of(*log).waits
    assert (first.t0, second.t0) == (T(1), T(50))
    assert second.t0_why == "the human returned the contact to the queue"


def test_legs_are_told_as_they_were_reached() -> None:
    wait = wait_of(
        failure("c1", T(1)),
        requested("c1", T(2)),
        queued("c1", T(3)),
        offered("c1", T(10)),
        accepted("c1", T(11)),
        human_message("c1", T(12)),
    )
    assert [(leg.name, leg.after_ms) for leg in wait.legs] == [
        ("requested", 1_000),
        ("queued", 2_000),
        ("offered", 9_000),
        ("accepted", 10_000),
        ("T1", 11_000),
    ]
    assert (wait.outcome, wait.within, wait.threshold_ms) == ("taken_over", True, 120_000)


def test_a_human_who_lacks_a_skill_does_not_end_the_wait_and_says_which() -> None:
    run = run_of(
        requested("c1", T(2), skills=("billing", "german")),
        accepted("c1", T(5), "ann", skills=("billing",)),
        human_message("c1", T(6), "ann"),
        accepted("c1", T(20), "bob", skills=("billing", "german")),
        human_message("c1", T(21), "bob"),
    )
    assert [(h.agent, h.qualified, h.why, h.took_over) for h in run.humans] == [
        ("agent 1", False, "lacks german", False),
        ("agent 1", False, "as settled for this agent", False),
        ("agent 2", True, "has the skills asked for: billing, german", False),
        ("agent 2", True, "as settled for this agent", True),
    ]
    assert run.waits[0].latency_ms == 19_000


def test_what_was_not_passed_is_named_and_keeps_the_episode_from_being_safe() -> None:
    log = (
        failure("c1", T(1)),
        requested("c1", T(2), fields=("issue",)),
        human_message("c1", T(3)),
        ended("c1", T(60)),
    )
    run = run_of(*log)
    (wait,) = run.waits
    assert wait.context_required == ["attempts", "issue"]
    assert (wait.context_passed, wait.context_missing) == (["issue"], ["attempts"])
    assert (wait.context_complete, run.safe) == (False, False)
    assert run.safe_why == ["escalation 1 came without attempts"]


def test_an_open_wait_is_told_as_of_the_watermark_and_nothing_after_it() -> None:
    log = (failure("c1", T(1)), requested("c1", T(5)), human_message("c1", T(50)))
    wait = wait_of(*log, until=T(20))
    assert (wait.outcome, wait.age_ms, wait.ended_at) == ("waiting", 19_000, None)
    assert [leg.name for leg in wait.legs] == ["requested"]
    assert wait.context_passed == ["attempts", "issue"]
    unheard = wait_of(failure("c1", T(1), "human_requested"), requested("c1", T(50)), until=T(20))
    assert (unheard.context_passed, unheard.legs) == ([], [])


@pytest.mark.parametrize(
    ("log", "outcome", "why"),
    [
        ((abandoned("c1", T(30)),), "abandoned", "the customer left while waiting"),
        ((ended("c1", T(30), by="ai"),), "trapped", "the contact was ended by ai"),
        ((), "expired", "nobody came before the contract's escalationExpiry"),
    ],
)
def test_how_a_wait_ended_says_why(log: tuple[bytes, ...], outcome: str, why: str) -> None:
    wait = wait_of(requested("c1", T(5)), *log, until=T(600_000))
    assert wait.outcome == outcome
    assert wait.outcome_why.startswith(why)


def test_who_is_dropped_without_a_request_is_trapped() -> None:
    wait = wait_of(failure("c1", T(3), "human_requested"), ended("c1", T(30)))
    assert wait.outcome_why == "the contact ended before any handoff was requested"


def test_an_exclusion_is_told_with_its_reason() -> None:
    excluded = Exclusion(T(0), T(10), "planned maintenance")
    wait = wait_of(requested("c1", T(5)), book=book_with(exclusions=(excluded,)))
    assert (wait.excluded, wait.threshold_ms) == ("planned maintenance", None)


def test_the_clauses_that_promise_the_wait_are_named() -> None:
    assert wait_of(requested("c1", T(5))).promised_by == ["chat-wait", "chat-within"]
    call = wait_of(requested("c1", T(5), channel="voice"), connected("c1", T(6), channel="voice"))
    assert call.promised_by == ["voice-wait", "voice-within"]
