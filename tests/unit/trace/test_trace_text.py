"""What a person reads, what a program reads, and what it costs."""

from __future__ import annotations

import json

import pytest

from streams.domain.commercial import CommercialTerms, Price
from streams.trace.document import json_bytes
from streams.trace.text import trace_text
from streams.trace.words import span
from tests.log_builder import (
    T,
    ai_message,
    ai_turn,
    claimed,
    customer_message,
    disputed,
    ended,
    evidence,
    failure,
    human_message,
    reopened,
    requested,
)
from tests.trace_log import traced
from tests.unit.oracle.verdicts import BOOK, book_with

RESOLVED = [
    customer_message("c1", T(0), customer_key="k"),
    ai_turn("c1", T(1)),
    ai_message("c1", T(2)),
    claimed("c1", T(50)),
    ended("c1", T(60)),
]
PRICED = book_with(
    currency="SGD",
    commercial=CommercialTerms(
        "SGD",
        prices=(Price(1_400_000), Price(2_500_000, journey="billing"), Price(9, journey="other")),
    ),
)
MATURED = T(60) + 21_600_000


def test_times_are_told_in_the_contract_s_zone_and_in_utc_to_the_millisecond() -> None:
    text = trace_text(traced([customer_message("c1", T(1.234)), T(60)], BOOK))
    assert "2026-03-02 08:00:01.234 +08:00 (2026-03-02T00:00:01.234Z) * chat message.sent" in text


def test_what_a_producer_said_cannot_move_the_cursor() -> None:
    text = trace_text(traced([customer_message("c1", T(1), journey="a\x1b[2Jb\nc"), T(60)], BOOK))
    assert "a?[2Jb?c" in text
    assert "\x1b" not in text


def test_times_are_written_and_durations_are_numbers_in_json() -> None:
    log = [failure("c1", T(1)), requested("c1", T(5)), human_message("c1", T(9)), T(60)]
    document = json.loads(json_bytes(traced(log, BOOK)))
    (wait,) = document["lives"][0]["runs"][0]["waits"]
    assert wait["t0"] == "2026-03-02T00:00:01.000Z"
    assert wait["legs"][0] == {
        "name": "requested",
        "at": "2026-03-02T00:00:05.000Z",
        "after_ms": 4_000,
    }
    assert document["watermark"] == "2026-03-02T00:01:00.000Z"


def test_a_verified_resolution_is_billed_at_the_price_of_its_version() -> None:
    trace = traced([*RESOLVED, evidence("c1", T(90)), MATURED], PRICED)
    (bill,) = trace.lives[0].bills
    assert (bill.billed, bill.amount_micros, bill.currency) == (True, 2_500_000, "SGD")
    assert bill.price == {"journey": "billing"}
    assert "verified under version 1; billed once" in trace_text(trace)
    assert "SGD 2.50 (price for journey billing)" in trace_text(trace)


@pytest.mark.parametrize(("log", "outcome"), [((), "assumed"), ((reopened("c1", T(100)),), "void")])
def test_what_is_not_verified_is_not_billed_and_says_why(
    log: tuple[bytes, ...], outcome: str
) -> None:
    trace = traced([*RESOLVED, *log, MATURED], PRICED)
    bill = trace.lives[0].bills[0]
    assert (bill.outcome, bill.billed, bill.amount_micros) == (outcome, False, None)
    assert f"not billed: {outcome}" in trace_text(trace)


def test_a_dispute_takes_the_bill_back_and_says_so() -> None:
    trace = traced([*RESOLVED, evidence("c1", T(90)), disputed("c1", T(95)), MATURED], PRICED)
    (bill,) = trace.lives[0].bills
    assert (bill.outcome, bill.billed, bill.amount_micros) == ("verified", False, None)
    assert "not billed: the customer says that it is not resolved" in trace_text(trace)


def test_a_reopened_conversation_has_two_episodes_and_the_first_says_so() -> None:
    log = [*RESOLVED, reopened("c1", T(100)), ended("c1", T(160)), MATURED]
    first, second = traced(log, BOOK).lives[0].runs
    assert (second.opened_by, second.ordinal) == ("resolution.reopened", 2)
    assert first.maturity is not None
    assert first.maturity.final == "void"
    said = [reason.said for reason in first.maturity.why]
    assert "resolution.reopened: the resolution does not stand" in said
    assert "episode 2 opened after it" in said


def test_what_has_not_matured_says_when_it_will() -> None:
    run = traced([*RESOLVED, T(120)], BOOK).lives[0].runs[0]
    assert run.maturity is not None
    assert (run.maturity.at, run.maturity.final) == (MATURED, None)
    text = trace_text(traced([*RESOLVED, T(120)], BOOK))
    assert "not final yet" in text
    assert "nothing has matured, so nothing is due" in text


def test_a_return_by_another_conversation_is_told_of_both() -> None:
    back = [
        customer_message("c2", T(600), customer_key="k"),
        ai_turn("c2", T(601)),
        ended("c2", T(700)),
    ]
    log = [*RESOLVED, *back, T(600) + 8 * 86_400_000]
    for name in ("c1", "c2"):
        (link,) = traced(log, BOOK, name).links
        assert (link.closed_conversation, link.visited_conversation) == ("c1", "c2")
        assert (link.after_ms, link.same_issue) == (540_000, True)
    assert "10 m 00.000 s" not in trace_text(traced(log, BOOK))
    assert "9 m 00.000 s (540,000 ms) after the resolved close of c1" in trace_text(
        traced(log, BOOK)
    )


def test_alone_says_what_it_did_not_look_for() -> None:
    text = trace_text(traced([*RESOLVED, T(120)], BOOK, alone=True))
    assert text.count("not looked for") == 2
    assert "NOTE only this conversation was read" in text


def test_a_fact_says_on_which_clause_it_counts_and_how() -> None:
    log = [failure("c1", T(1), "tool_error"), requested("c1", T(5)), T(300)]
    trace = traced([customer_message("c1", T(0)), *log], BOOK)
    told = {
        fact.kind: [(c.clause, c.numerator, c.denominator, c.bad) for c in fact.counts]
        for fact in trace.lives[0].facts
    }
    assert told["ai_failure"] == [("ai-tool-errors", 1, 1, 1)]
    assert told["escalation_overdue"] == [("chat-wait", 1, 0, 1), ("chat-within", 0, 1, 1)]
    assert [b.clause for b in trace.breaches] == ["chat-wait"]


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0.000 s (0 ms)"),
        (59_999, "59.999 s (59,999 ms)"),
        (60_000, "1 m 00.000 s (60,000 ms)"),
        (90_061_007, "1 d 1 h 1 m 01.007 s (90,061,007 ms)"),
    ],
)
def test_a_duration_is_exact(ms: int, text: str) -> None:
    assert span(ms) == text
