"""DEFINITIONS.md section 8: slices, keys, counters, quantiles and what is unknown."""

from __future__ import annotations

from streams.oracle.indicators import ratio_of
from tests.log_builder import (
    T,
    ai_turn,
    customer_message,
    ended,
    failure,
    human_message,
    requested,
    started,
)
from tests.unit.oracle.verdicts import book_with, judged, window


def test_a_fact_counts_from_its_slices_end_until_the_length_has_passed() -> None:
    log = failure("c1", T(60), "tool_error")
    counted = {"failure.tool_error": 1, "first_failure.tool_error": 1}
    assert window(judged(log, until=T(60)), "5m").counts == counted
    assert window(judged(log, until=T(359)), "5m").counts == counted
    assert window(judged(log, until=T(360)), "5m").counts == {}
    assert window(judged(log, until=T(360)), "1h").counts == counted


def test_a_fact_just_after_a_boundary_belongs_to_the_next_one() -> None:
    log = failure("c1", T(60.001), "tool_error")
    assert judged(log, until=T(119.999)).windows == ()
    assert window(judged(log, until=T(120)), "5m").counts["failure.tool_error"] == 1


def test_windows_stand_at_the_last_whole_minute_the_watermark_has_reached() -> None:
    verdict = judged(failure("c1", T(10)), until=T(185), lateness_ms=30_000)
    assert verdict.watermark == T(185)
    assert {w.end for w in verdict.windows} == {T(180)}


def test_every_grouping_of_the_contract_has_its_keys_and_every_key_three_lengths() -> None:
    verdict = judged(failure("c1", T(10)), failure("c2", T(10), market="MY"), until=T(60))
    assert [(w.key, w.window) for w in verdict.windows if w.window == "5m"] == [
        ((), "5m"),
        ((("channel", "chat"),), "5m"),
        ((("journey", "billing"),), "5m"),
        ((("market", "MY"),), "5m"),
        ((("market", "SG"),), "5m"),
    ]
    assert [w.window for w in verdict.windows if not w.key] == ["5m", "1h", "24h"]


def test_a_value_outside_the_contracts_scope_is_other_and_one_never_stated_unknown() -> None:
    verdict = judged(
        failure("c1", T(10), market="FR"), failure("c2", T(10), market=None), until=T(60)
    )
    assert window(verdict, market="other").counts["failure.no_match"] == 1
    assert window(verdict, market="unknown").counts["failure.no_match"] == 1


def test_a_wait_is_counted_where_it_stands() -> None:
    verdict = judged(
        requested("in-time", T(0)),
        human_message("in-time", T(20)),
        requested("overdue-then-taken", T(0)),
        human_message("overdue-then-taken", T(150)),
        requested("left", T(0)),
        ended("left", T(30)),
        requested("overdue-and-open", T(0)),
        requested("open", T(100)),
        until=T(180),
    )
    value = window(verdict)
    assert value.counts == {
        "context.complete": 2,
        "context.judged": 2,
        "ended.abandoned": 1,
        "ended.taken_over": 2,
        "escalations": 5,
        "ineligible": 1,
        "latency_ms": 200_000,
        "missed": 3,
        "overdue": 2,
        "within": 1,
    }
    assert (value.open, value.oldest_t0, value.samples) == (2, T(0), 5)
    assert ratio_of(value.counts, "escalation_within") == (1, 4)


def test_quantiles_are_over_ended_waits_and_open_ones_at_their_age() -> None:
    verdict = judged(
        requested("c1", T(0)),
        human_message("c1", T(1)),
        requested("c2", T(0)),
        human_message("c2", T(10)),
        requested("c3", T(20)),
        until=T(120),
    )
    # Ranks 2, 3 and 3 of 1,000 ms, 10,000 ms and the open one's 100,000 ms, each in its bucket:
    # ceil(64 log2 10,000) = 851 and ceil(64 log2 100,000) = 1,064.
    assert window(verdict).latency_ms == {
        "p50": round(2 ** (850.5 / 64)),
        "p95": round(2 ** (1063.5 / 64)),
        "p99": round(2 ** (1063.5 / 64)),
    }


def test_a_quantile_of_no_waits_is_none() -> None:
    value = window(judged(failure("c1", T(10)), until=T(60)))
    assert (value.samples, value.latency_ms) == (0, {"p50": None, "p95": None, "p99": None})


def test_a_clamped_wait_is_counted_as_such() -> None:
    verdict = judged(human_message("c1", T(10)), requested("c1", T(12)), until=T(60))
    assert window(verdict).counts == {
        "clamped": 1,
        "context.complete": 1,
        "context.judged": 1,
        "ended.taken_over": 1,
        "escalations": 1,
        "within": 1,
    }


def test_a_key_remembers_for_ever_whether_it_has_escalated() -> None:
    verdict = judged(
        requested("c1", T(0)),
        human_message("c1", T(10)),
        failure("c2", T(10), market="MY"),
        until=T(30 * 86_400),
    )
    assert window(verdict, "5m", market="SG").escalated_before is True
    assert window(verdict, "5m", market="SG").counts == {}
    assert window(verdict, "5m", market="MY").escalated_before is False


def test_outcomes_and_finals_of_episodes_are_counted() -> None:
    verdict = judged(
        started("c1", T(0)),
        customer_message("c1", T(1)),
        ai_turn("c1", T(2)),
        ended("c1", T(60)),
        failure("c2", T(0), "human_requested"),
        requested("c2", T(1)),
        human_message("c2", T(5)),
        ended("c2", T(60), "human"),
        until=T(6 * 3_600 + 60),
    )
    counts = window(verdict, "24h").counts
    assert {name: n for name, n in counts.items() if "escalat" in name or "contain" in name} == {
        "escalations": 1,
        "final.escalated_safe": 1,
        "outcome.contained": 1,
        "outcome.escalated": 1,
    }
    assert ratio_of(counts, "containment_raw") == (1, 2)
    assert ratio_of(counts, "containment_safe") == (2, 2)
    assert ratio_of(counts, "containment_no_recontact") == (1, 2)
    assert ratio_of(counts, "containment_safe_verified") == (1, 2)


def test_a_wait_stands_and_ends_under_the_key_it_opened_in() -> None:
    log = [
        requested("c1", T(0), market=None),
        started("c1", T(10)),
        human_message("c1", T(70)),
    ]
    assert window(judged(*log, until=T(60)), market="unknown").open == 1
    after = window(judged(*log, until=T(120)), market="unknown")
    assert (after.open, after.counts["escalations"], after.counts["within"]) == (0, 1, 1)


def test_without_a_threshold_a_wait_is_neither_within_nor_missed() -> None:
    verdict = judged(
        requested("c1", T(0)), ended("c1", T(30)), until=T(60), book=book_with(thresholds_ms={})
    )
    assert window(verdict).counts == {
        "ended.abandoned": 1,
        "escalations": 1,
        "ineligible": 1,
        "latency_ms": 30_000,
    }
