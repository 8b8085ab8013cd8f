"""Reading a log: what is refused, ignored and counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streams.domain.contract import ContractBook
from streams.oracle.judge import judge
from tests.log_builder import CONTRACT, T, event, failure, requested, started, tick
from tests.unit.oracle.verdicts import BOOK, TERMS, at, judged, timeline


def test_what_is_no_usable_event_is_counted_by_its_code() -> None:
    verdict = judged(
        b"",
        b"{",
        b"\xff",
        event("contact.renamed", "c1", T(0)),
        event("ai.failure_signalled", "c1", T(0)),
        started("c1", T(0), contract="nobody-2026"),
        started("c1", T(0)),
        until=T(10),
    )
    assert verdict.dead_letters == {
        "empty_record": 1,
        "invalid_encoding": 1,
        "malformed_json": 1,
        "schema_violation": 1,
        "unknown_contract": 1,
        "unknown_type": 1,
    }
    assert verdict.events == 1


def test_an_event_more_than_five_minutes_ahead_of_the_clock_is_refused() -> None:
    log: list[bytes | int] = [T(0), failure("c1", T(300)), failure("c2", T(300.001)), T(400)]
    verdict = judge(log, BOOK, lateness_ms=30_000)
    assert verdict.dead_letters == {"future_time": 1}
    assert timeline(verdict) == [(300.0, "ai_failure")]


def test_before_the_first_tick_no_event_is_too_far_ahead() -> None:
    assert judged(failure("c1", T(86_400)), until=T(86_400)).dead_letters == {}


def test_test_events_and_those_about_no_contact_are_counted_and_nothing_else() -> None:
    change: dict[str, Any] = {"channel": None, "object": "prompt", "to_version": "2"}
    verdict = judged(
        failure("c1", T(0), test=True),
        event("config.changed", "", T(0), conversation_id=None, **change),
        until=T(10),
    )
    assert (verdict.events, verdict.facts, verdict.dead_letters) == (2, (), {})


def test_duplicates_are_counted_as_events_and_change_nothing_else() -> None:
    once = [started("c1", T(0)), failure("c1", T(5)), requested("c1", T(9))]
    verdict, twice = judged(*once, until=T(600)), judged(*once, *once, until=T(600))
    assert (verdict.events, twice.events) == (3, 6)
    assert (verdict.facts, verdict.windows) == (twice.facts, twice.windows)
    assert verdict.breaches == twice.breaches


def test_a_tick_record_moves_time_as_an_int_does() -> None:
    request = requested("c1", T(0))
    by_record = judge([request, tick(T(180))], BOOK, lateness_ms=0)
    assert by_record == judged(request, until=T(180))


def test_two_contracts_conversations_of_one_name_are_two() -> None:
    book = ContractBook([TERMS, replace(TERMS, contract="other-2026")])
    verdict = judged(
        requested("c1", T(0)), requested("c1", T(5), contract="other-2026"), until=T(60), book=book
    )
    assert [(f.contract, at(f.time)) for f in verdict.facts] == [
        (CONTRACT, 0.0),
        ("other-2026", 5.0),
    ]
    assert {w.contract for w in verdict.windows} == {CONTRACT, "other-2026"}
