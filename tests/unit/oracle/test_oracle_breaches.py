"""DEFINITIONS.md section 9: when a breach opens, what updates it, when it closes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streams.domain.breach_record import Waiting
from streams.domain.contract import Clause, ContractBook
from tests.log_builder import (
    LIFE,
    T,
    accepted,
    ai_turn,
    customer_message,
    ended,
    failure,
    human_message,
    requested,
    started,
)
from tests.unit.oracle.verdicts import TERMS, at, book_with, judged, told

WAIT = Clause(
    id="chat-wait",
    indicator="escalation_wait",
    grouping=("channel",),
    where=(("channel", "chat"),),
)
WITHIN = Clause(
    id="within",
    indicator="escalation_within",
    grouping=(),
    window_ms=300_000,
    target_ppm=500_000,
    minimum_volume=2,
)
ERRORS = Clause(
    id="errors",
    indicator="failure_share",
    grouping=(),
    window_ms=300_000,
    target_ppm=300_000,
    hysteresis_ppm=100_000,
    minimum_volume=2,
    reason="tool_error",
)
SAFE = Clause(
    id="safe",
    indicator="containment_safe",
    grouping=(),
    window_ms=3_600_000,
    target_ppm=850_000,
)


def test_a_wait_breaches_at_the_moment_it_is_overdue_and_closes_at_the_takeover() -> None:
    verdict = judged(
        requested("c1", T(0)),
        accepted("c1", T(200)),
        human_message("c1", T(300.5)),
        until=T(400),
        book=book_with(WAIT),
    )
    assert told(verdict.breaches) == [
        (120.001, "chat-wait", "opened", 1, 0),
        (300.5, "chat-wait", "closed", 0, 0),
    ]
    opened, closed = verdict.breaches
    assert opened.waiting == (Waiting(T(0), "c1", LIFE, 1, 1),)
    assert closed.waiting == ()
    assert opened.key == (("channel", "chat"),)
    assert opened.id == closed.id


def test_another_channels_wait_is_not_this_clauses() -> None:
    verdict = judged(requested("c1", T(0), channel="email"), until=T(86_400), book=book_with(WAIT))
    assert verdict.breaches == ()


def test_an_update_is_written_at_the_next_boundary_when_the_count_has_changed() -> None:
    verdict = judged(
        requested("c1", T(0)),
        requested("c2", T(5)),
        requested("c3", T(60)),
        human_message("c1", T(190)),
        human_message("c2", T(200)),
        human_message("c3", T(241)),
        until=T(300),
        book=book_with(WAIT),
    )
    assert told(verdict.breaches) == [
        (120.001, "chat-wait", "opened", 1, 0),
        # Overdue at 125.001 and 180.001; the boundary at 180 has seen the first of these.
        (180.0, "chat-wait", "updated", 2, 0),
        (240.0, "chat-wait", "updated", 1, 0),
        (241.0, "chat-wait", "closed", 0, 0),
    ]
    assert verdict.breaches[1].waiting == (
        Waiting(T(0), "c1", LIFE, 1, 1),
        Waiting(T(5), "c2", LIFE, 1, 1),
    )


def test_a_boundary_counts_what_happens_at_it() -> None:
    verdict = judged(
        requested("c1", T(0)),
        requested("c2", T(30)),
        requested("c3", T(59.999)),
        until=T(180),
        book=book_with(WAIT),
    )
    assert told(verdict.breaches)[1:] == [(180.0, "chat-wait", "updated", 3, 0)]


def test_there_is_no_update_at_the_boundary_at_which_a_breach_opens() -> None:
    log = [requested("c1", T(59.999)), requested("c2", T(59.999)), human_message("c1", T(180))]
    assert told(judged(*log, until=T(239), book=book_with(WAIT)).breaches) == [
        (180.0, "chat-wait", "opened", 2, 0)
    ]
    assert told(judged(*log, until=T(240), book=book_with(WAIT)).breaches)[1:] == [
        (240.0, "chat-wait", "updated", 1, 0)
    ]


def test_a_wait_overdue_and_ended_at_one_millisecond_opens_and_closes_a_breach() -> None:
    verdict = judged(
        failure("c1", T(0)),
        requested("c1", T(500)),
        human_message("c1", T(500)),
        until=T(600),
        book=book_with(WAIT),
    )
    assert told(verdict.breaches) == [
        (500.0, "chat-wait", "opened", 1, 0),
        (500.0, "chat-wait", "closed", 0, 0),
    ]


def test_a_breach_stays_open_where_a_second_wait_is_overdue_as_the_first_ends() -> None:
    verdict = judged(
        requested("c1", T(0)),
        requested("c2", T(60)),
        human_message("c1", T(180.001)),
        until=T(200),
        book=book_with(WAIT),
    )
    assert told(verdict.breaches) == [(120.001, "chat-wait", "opened", 1, 0)]


def test_a_key_that_breaches_again_is_a_breach_of_its_own() -> None:
    verdict = judged(
        requested("c1", T(0)),
        human_message("c1", T(130)),
        requested("c2", T(30)),
        human_message("c2", T(170)),
        until=T(200),
        book=book_with(WAIT),
    )
    assert [(at(r.time), r.status, at(r.opened_at)) for r in verdict.breaches] == [
        (120.001, "opened", 120.001),
        (130.0, "closed", 120.001),
        (150.001, "opened", 150.001),
        (170.0, "closed", 150.001),
    ]
    assert len({r.id for r in verdict.breaches}) == 2


def test_evidence_is_the_ten_oldest_waits_and_how_many_there_are() -> None:
    log = [requested(f"c{n:02}", T(12 - n)) for n in range(12)]
    verdict = judged(*log, until=T(180), book=book_with(WAIT))
    last = verdict.breaches[-1]
    assert last.numerator == 12
    assert [w.conversation for w in last.waiting] == [f"c{n:02}" for n in range(11, 1, -1)]


def test_a_share_within_breaches_at_a_boundary_once_there_is_enough_volume() -> None:
    verdict = judged(
        requested("c1", T(0)),
        human_message("c1", T(150)),
        requested("c2", T(70)),
        human_message("c2", T(200)),
        until=T(240),
        book=book_with(WITHIN),
    )
    # c1 is overdue in the slice ending at 180 (0 of 1: too few), c2 in the one ending at 240.
    assert told(verdict.breaches) == [(240.0, "within", "opened", 0, 2)]
    assert (verdict.breaches[0].target_ppm, verdict.breaches[0].waiting) == (500_000, ())


def test_a_share_at_its_target_is_kept() -> None:
    verdict = judged(
        requested("c1", T(0)),
        human_message("c1", T(150)),
        requested("c2", T(160)),
        human_message("c2", T(170)),
        until=T(180),
        book=book_with(WITHIN),
    )
    assert verdict.breaches == ()


def test_a_share_closes_beyond_hysteresis_or_when_nothing_is_left_to_judge() -> None:
    log = [failure("c1", T(10), "tool_error"), failure("c2", T(10), "tool_error")]
    emptied = judged(*log, until=T(600), book=book_with(ERRORS))
    assert told(emptied.breaches) == [
        (60.0, "errors", "opened", 2, 2),
        (360.0, "errors", "closed", 0, 0),
    ]
    log += [failure(f"d{n}", T(70), "no_match") for n in range(5)]
    log += [failure(f"e{n}", T(130), "no_match") for n in range(3)]
    recovered = judged(*log, until=T(180), book=book_with(ERRORS))
    assert told(recovered.breaches) == [
        (60.0, "errors", "opened", 2, 2),
        # 2 of 7 is no longer beyond 30 %, but not yet at the 20 % that closes.
        (120.0, "errors", "updated", 2, 7),
        (180.0, "errors", "closed", 2, 10),
    ]


def test_too_little_volume_neither_opens_nor_closes() -> None:
    log = [
        failure("c1", T(10), "tool_error"),
        failure("c2", T(10), "tool_error"),
        failure("c3", T(70), "no_match"),
    ]
    verdict = judged(*log, until=T(420), book=book_with(ERRORS))
    assert told(verdict.breaches) == [
        (60.0, "errors", "opened", 2, 2),
        (120.0, "errors", "updated", 2, 3),
        (360.0, "errors", "updated", 0, 1),
        (420.0, "errors", "closed", 0, 0),
    ]


def test_containment_is_unknown_until_its_key_has_opened_an_escalation() -> None:
    trapped = [
        started("c1", T(0)),
        customer_message("c1", T(1)),
        ai_turn("c1", T(2)),
        human_message("c1", T(3), customer_repeated_info=True),
        ended("c1", T(50)),
    ]
    assert judged(*trapped, until=T(120), book=book_with(SAFE)).breaches == ()
    verdict = judged(*trapped, requested("c2", T(70)), until=T(120), book=book_with(SAFE))
    assert told(verdict.breaches) == [(120.0, "safe", "opened", 0, 1)]


def test_a_clause_with_a_grouping_has_one_breach_for_each_key() -> None:
    clause = replace(ERRORS, grouping=("market",), minimum_volume=1)
    verdict = judged(
        failure("c1", T(10), "tool_error", market="SG"),
        failure("c2", T(10), "no_match", market="PH"),
        failure("c3", T(10), "tool_error", market="MY"),
        until=T(60),
        book=book_with(clause),
    )
    assert [(r.key, r.status) for r in verdict.breaches] == [
        ((("market", "MY"),), "opened"),
        ((("market", "SG"),), "opened"),
    ]


def test_a_boundary_is_judged_by_the_version_in_force_at_it() -> None:
    strict = replace(ERRORS, target_ppm=100_000, hysteresis_ppm=0)
    lax = replace(ERRORS, target_ppm=900_000, hysteresis_ppm=0)
    change = T(150)
    book = ContractBook(
        [
            replace(TERMS, effective_to_ms=change, clauses=(lax,)),
            replace(TERMS, version=2, effective_from_ms=change, clauses=(strict,)),
        ]
    )
    log = [failure("c1", T(10), "tool_error"), failure("c2", T(10), "no_match")]
    verdict = judged(*log, until=T(300), book=book)
    assert told(verdict.breaches) == [(180.0, "errors", "opened", 1, 2)]
    assert verdict.breaches[0].version == 2


def test_late_facts_are_no_part_of_a_share() -> None:
    log = [T(130), failure("c1", T(0), "tool_error"), failure("c2", T(0), "tool_error")]
    verdict = judged(*log, until=T(400), book=book_with(ERRORS))
    assert [f.late for f in verdict.facts] == [True, True]
    assert verdict.breaches == ()


def test_a_wait_that_a_late_event_reveals_breaches_just_after_the_watermark_it_was_read_at() -> (
    None
):
    verdict = judged(T(130), requested("c1", T(0)), until=T(400), book=book_with(WAIT))
    assert told(verdict.breaches) == [(130.001, "chat-wait", "opened", 1, 0)]


def test_a_breach_stays_open_where_one_wait_is_taken_back_as_another_joins() -> None:
    verdict = judged(
        requested("c1", T(0)),
        requested("c2", T(10)),
        T(130),
        human_message("c1", T(60)),
        until=T(400),
        book=book_with(WAIT),
    )
    assert told(verdict.breaches) == [(120.001, "chat-wait", "opened", 1, 0)]


def test_a_breach_closes_where_its_only_wait_is_taken_back() -> None:
    verdict = judged(
        requested("c1", T(0)),
        T(125),
        human_message("c1", T(60)),
        until=T(400),
        book=book_with(WAIT),
    )
    assert told(verdict.breaches) == [
        (120.001, "chat-wait", "opened", 1, 0),
        (125.001, "chat-wait", "closed", 0, 0),
    ]


def test_a_record_speaks_of_the_clause_in_force_at_its_time() -> None:
    change = T(150)
    later = replace(ERRORS, target_ppm=100_000, hysteresis_ppm=0, severity="ticket")
    book = _two_versions(change, (ERRORS,), (later,))
    log = [failure("c1", T(10), "tool_error"), failure("c2", T(10), "tool_error")]
    verdict = judged(*log, until=T(600), book=book)
    assert [(r.status, r.version, r.target_ppm, r.severity) for r in verdict.breaches] == [
        ("opened", 1, 300_000, "page"),
        ("closed", 2, 100_000, "ticket"),
    ]


def test_a_share_that_new_terms_no_longer_judge_closes_as_they_come_into_force() -> None:
    book = _two_versions(T(150), (ERRORS,), (WITHIN,))
    log = [failure("c1", T(10), "tool_error"), failure("c2", T(10), "tool_error")]
    assert told(judged(*log, until=T(600), book=book).breaches) == [
        (60.0, "errors", "opened", 2, 2),
        (180.0, "errors", "closed", 0, 0),
    ]


def test_a_share_is_of_the_facts_whose_own_terms_publish_its_grouping() -> None:
    by_market = replace(ERRORS, grouping=("market",), minimum_volume=1)
    book = _two_versions(T(60), (), (by_market,), groupings=((),))
    log = [failure("c1", T(10), "tool_error"), failure("c2", T(70), "no_match")]
    assert judged(*log, until=T(120), book=book).breaches == ()


def _two_versions(
    change: int, before: tuple[Clause, ...], after: tuple[Clause, ...], **first: Any
) -> ContractBook:
    return ContractBook(
        [
            replace(TERMS, effective_to_ms=change, clauses=before, **first),
            replace(TERMS, version=2, effective_from_ms=change, clauses=after),
        ]
    )
