"""DEFINITIONS.md sections 1 and 6: late events, the corrections they cause, and their revisions."""

from __future__ import annotations

import pytest

from streams.oracle.judge import judge
from tests.log_builder import (
    T,
    data_updated,
    ended,
    failure,
    human_message,
    requested,
    started,
    tick,
)
from tests.unit.oracle.verdicts import BOOK, facts, judged, late, timeline, window


def test_an_event_at_the_watermark_is_late_and_one_a_millisecond_after_it_is_not() -> None:
    on_time = judge([T(100), failure("c1", T(70.001)), T(200)], BOOK, lateness_ms=30_000)
    too_late = judge([T(100), failure("c1", T(70)), T(200)], BOOK, lateness_ms=30_000)
    assert [f.late for f in on_time.facts] == [False]
    assert [f.late for f in too_late.facts] == [True]
    assert (on_time.late_facts, too_late.late_facts) == (0, 1)


def test_before_the_first_tick_nothing_is_late_and_nothing_is_published() -> None:
    assert judge([failure("c1", T(70))], BOOK, lateness_ms=0).facts == ()
    assert judged(failure("c1", T(70)), failure("c2", T(0)), until=T(80)).late_facts == 0


@pytest.mark.parametrize("back", [T(50), tick(T(50))], ids=["int", "record"])
def test_a_tick_that_goes_back_changes_nothing(back: bytes | int) -> None:
    log = [T(100), back, failure("c1", T(80)), T(200)]
    assert judge(log, BOOK, lateness_ms=0).late_facts == 1


def test_a_late_takeover_retracts_the_overdue_it_disproves() -> None:
    verdict = judged(requested("c1", T(0)), T(130), human_message("c1", T(60)), until=T(200))
    assert late(verdict) == [
        ("+", 60.0, "escalation_ended", 0),
        ("-", 120.001, "escalation_overdue", 0),
    ]
    assert verdict.late_facts == 2
    assert [f.kind for f in verdict.facts if not f.late] == [
        "escalation_opened",
        "escalation_overdue",
    ]


def test_a_late_earlier_signal_moves_t0_and_so_corrects_every_fact_of_the_wait() -> None:
    verdict = judged(
        requested("c1", T(50)),
        human_message("c1", T(60)),
        T(70),
        failure("c1", T(10), "tool_error"),
        until=T(80),
    )
    assert late(verdict) == [
        ("+", 10.0, "ai_failure", 0),
        ("-", 50.0, "escalation_opened", 0),
        ("+", 50.0, "escalation_opened", 1),
        ("-", 60.0, "escalation_ended", 0),
        ("+", 60.0, "escalation_ended", 1),
    ]
    latencies = [f.detail["latency_ms"] for f in facts(verdict, "escalation_ended")]
    assert sorted(latencies) == [10_000, 10_000, 50_000]


def test_a_retraction_says_what_it_retracts() -> None:
    verdict = judged(requested("c1", T(50)), T(70), failure("c1", T(10)), until=T(80))
    (first, retraction, second) = facts(verdict, "escalation_opened")
    assert (first.revision, first.retracts, first.late) == (0, False, False)
    assert (retraction.revision, retraction.retracts, retraction.late) == (0, True, True)
    assert retraction.detail == first.detail
    assert (second.revision, second.retracts, second.late) == (1, False, True)
    assert retraction.id == f"{first.id}:retract"


def test_each_correction_of_one_fact_takes_the_next_revision() -> None:
    verdict = judged(
        requested("c1", T(50)),
        T(70),
        failure("c1", T(20)),
        failure("c1", T(10)),
        until=T(80),
    )
    assert [(f.retracts, f.revision) for f in facts(verdict, "escalation_opened")] == [
        (False, 0),
        (True, 0),
        (False, 1),
        (True, 1),
        (False, 2),
    ]


def test_a_fact_published_on_time_where_one_was_retracted_takes_an_unused_revision() -> None:
    verdict = judged(
        started("c1", T(0)),
        requested("c1", T(10), "human"),
        T(20),
        # A human already had the customer: what looked like an escalation was a transfer.
        human_message("c1", T(5)),
        requested("c1", T(100), "ai"),
        until=T(100),
    )
    assert [
        (f.time - T(0), f.revision, f.late, f.retracts) for f in facts(verdict, "escalation_opened")
    ] == [(10_000, 0, False, False), (10_000, 0, True, True), (100_000, 1, False, False)]


def test_an_escalation_that_history_numbers_anew_is_open_since_its_latest_opening() -> None:
    verdict = judged(
        requested("c1", T(10), "human"),
        T(20),
        human_message("c1", T(5)),
        requested("c1", T(100), "ai"),
        until=T(120),
    )
    value = window(verdict)
    assert (value.counts["escalations"], value.open, value.oldest_t0) == (2, 1, T(100))


def test_a_late_end_brings_the_close_into_the_past_and_removes_what_followed() -> None:
    verdict = judged(requested("c1", T(0)), T(130), ended("c1", T(100)), until=T(130))
    assert timeline(verdict) == [
        (0.0, "escalation_opened"),
        (100.0, "episode_ended"),
        (100.0, "escalation_ended"),
        (120.001, "escalation_overdue"),
        (120.001, "escalation_overdue"),
    ]
    assert [what for what, *_ in late(verdict)] == ["+", "+", "-"]


def test_a_late_attribute_corrects_the_facts_it_bears_on() -> None:
    verdict = judged(
        failure("c1", T(10), market=None), T(20), data_updated("c1", T(5), market="PH"), until=T(30)
    )
    assert [(f.market, f.late, f.retracts) for f in facts(verdict, "ai_failure")] == [
        ("unknown", False, False),
        ("unknown", True, True),
        ("PH", True, False),
    ]


def test_a_duplicate_that_comes_late_corrects_nothing() -> None:
    once = requested("c1", T(0))
    assert judged(once, T(130), once, until=T(200)).late_facts == 0


def test_late_facts_and_retractions_do_not_enter_windows() -> None:
    verdict = judged(requested("c1", T(0)), T(130), human_message("c1", T(60)), until=T(180))
    assert window(verdict, "1h").counts == {"escalations": 1, "missed": 1, "overdue": 1}


def test_a_late_end_leaves_nobody_waiting() -> None:
    log = [requested("c1", T(0)), T(130), human_message("c1", T(60))]
    assert window(judged(*log, until=T(180))).open == 0
    assert window(judged(*log, until=T(180))).samples == 0


def test_a_late_request_is_waited_for_from_just_after_the_watermark_it_was_read_at() -> None:
    log = [T(120), requested("c1", T(60))]
    value = window(judged(*log, until=T(180)))
    assert (value.open, value.oldest_t0, value.counts) == (1, T(60), {})


def test_a_late_signal_moves_since_when_somebody_waits() -> None:
    log = [requested("c1", T(50)), T(60), failure("c1", T(10))]
    assert window(judged(*log, until=T(60))).oldest_t0 == T(50)
    assert window(judged(*log, until=T(120))).oldest_t0 == T(10)


def test_what_one_late_event_opened_and_the_next_took_back_was_never_waited_for() -> None:
    verdict = judged(
        started("c1", T(0)),
        T(60),
        requested("c1", T(10)),
        human_message("c1", T(20)),
        until=T(120),
    )
    assert verdict.windows == ()
