"""DEFINITIONS.md section 9 in the stream: a breach opens once, is updated, and closes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from streams.domain.breach_record import BreachRecord, Waiting
from streams.domain.breaches import KeyBreaches
from streams.domain.contract import Clause, ContractBook
from streams.domain.delta import Key
from tests.in_memory_pipeline import InMemoryPipeline
from tests.log_builder import CONTRACT, LIFE, T, accepted, failure, human_message, requested
from tests.unit.oracle.verdicts import TERMS, book_with, told

KEY: Key = (CONTRACT, ())
WAIT = Clause(id="wait", indicator="escalation_wait", grouping=())
WITHIN = Clause(
    id="within",
    indicator="escalation_within",
    grouping=(),
    window_ms=300_000,
    target_ppm=800_000,
    hysteresis_ppm=50_000,
    minimum_volume=10,
)
ERRORS = replace(
    WITHIN, id="errors", indicator="failure_share", reason="tool_error", target_ppm=300_000
)
SAFE = replace(WITHIN, id="safe", indicator="containment_safe")


def stream(
    *log: bytes | int, until: int, clause: Clause = WAIT
) -> list[tuple[float, str, str, int, int]]:
    published = InMemoryPipeline(book_with(clause), lateness_ms=0).run([*log, until])
    return told(tuple(published.breaches))


def judged(
    clause: Clause, *windows: dict[str, int], escalated: bool = True
) -> list[tuple[int, str, int, int]]:
    """Records as (boundary, status, numerator, denominator), a window's counts a boundary."""
    breaches, records = KeyBreaches(), list[BreachRecord]()
    for number, counts in enumerate(windows, 1):
        sums = everywhere(counts)
        records += breaches.at_boundary(book_with(clause), KEY, T(60 * number), sums, escalated)
    return [((r.time - T(0)) // 60_000, r.status, r.numerator, r.denominator) for r in records]


def everywhere(counts: Mapping[str, int]) -> Callable[[str], Mapping[str, int]]:
    """The same counters in every window."""
    return lambda window: counts


def within(good: int, of: int) -> dict[str, int]:
    return {"within": good, "missed": of - good}


def failures(bad: int, of: int) -> dict[str, int]:
    return {"failure.tool_error": bad, "failure.no_match": of - bad}


def test_an_open_handoff_breaches_at_its_threshold_by_the_tick_though_no_event_comes() -> None:
    log = requested("c1", T(0))
    assert stream(log, until=T(120)) == []
    assert stream(log, until=T(120.001)) == [(120.001, "wait", "opened", 1, 0)]


def test_a_wait_closes_on_the_takeover_and_not_on_acceptance() -> None:
    log = [requested("c1", T(0)), accepted("c1", T(200)), human_message("c1", T(300))]
    assert stream(*log, until=T(400))[-1] == (300.0, "wait", "closed", 0, 0)


def test_a_wait_that_ended_in_a_breach_keeps_its_full_latency() -> None:
    log = [requested("c1", T(0)), human_message("c1", T(300)), T(400)]
    facts = InMemoryPipeline(book_with(WAIT), lateness_ms=0).run(log).facts
    assert [f.detail["latency_ms"] for f in facts if f.kind == "escalation_ended"] == [300_000]


def test_waiting_opens_once_and_is_updated_at_the_next_boundary() -> None:
    log = [requested("c1", T(0)), requested("c2", T(5)), human_message("c1", T(200))]
    assert stream(*log, until=T(240)) == [
        (120.001, "wait", "opened", 1, 0),
        (180.0, "wait", "updated", 2, 0),
        (240.0, "wait", "updated", 1, 0),
    ]


def test_a_boundary_at_which_the_number_is_the_same_writes_nothing() -> None:
    assert stream(requested("c1", T(0)), until=T(600)) == [(120.001, "wait", "opened", 1, 0)]


def test_the_boundary_at_which_a_wait_opens_updates_nothing() -> None:
    log = [requested("c1", T(59.999)), requested("c2", T(59.999))]
    assert stream(*log, until=T(180)) == [(180.0, "wait", "opened", 2, 0)]


def test_a_takeover_as_the_wait_becomes_known_opens_and_closes() -> None:
    log = [failure("c1", T(0)), requested("c1", T(500)), human_message("c1", T(500))]
    assert stream(*log, until=T(600)) == [
        (500.0, "wait", "opened", 1, 0),
        (500.0, "wait", "closed", 0, 0),
    ]


def test_evidence_are_the_ten_oldest_of_those_who_wait() -> None:
    breaches = KeyBreaches()
    overdue = [((f"c{n:02}", LIFE, 1, 1), T(60 - n)) for n in range(12)]
    (record,) = breaches.at_moment(book_with(WAIT), KEY, T(300), [], overdue, [])
    assert record.numerator == 12
    assert record.waiting == tuple(
        Waiting(T(60 - n), f"c{n:02}", LIFE, 1, 1) for n in range(11, 1, -1)
    )


def test_a_ratio_below_target_opens_once() -> None:
    assert judged(WITHIN, within(7, 10), within(7, 10)) == [(1, "opened", 7, 10)]


def test_a_ratio_at_its_target_does_not_open() -> None:
    assert judged(WITHIN, within(8, 10)) == []


def test_too_little_volume_does_not_open() -> None:
    assert judged(WITHIN, within(0, 9)) == []


def test_an_open_breach_is_updated_where_its_figures_moved() -> None:
    assert judged(WITHIN, within(7, 10), within(7, 11), within(7, 11))[1:] == [
        (2, "updated", 7, 11)
    ]


def test_recovery_to_the_target_alone_does_not_close() -> None:
    assert judged(WITHIN, within(70, 100), within(80, 100), within(84, 100))[1:] == [
        (2, "updated", 80, 100),
        (3, "updated", 84, 100),
    ]


def test_recovery_past_the_hysteresis_closes() -> None:
    assert judged(WITHIN, within(7, 10), within(85, 100))[1:] == [(2, "closed", 85, 100)]


def test_too_little_volume_does_not_close() -> None:
    assert judged(WITHIN, within(7, 10), within(9, 9))[1:] == [(2, "updated", 9, 9)]


def test_nothing_left_to_judge_closes() -> None:
    assert judged(WITHIN, within(7, 10), {})[1:] == [(2, "closed", 0, 0)]


@pytest.mark.parametrize(("target", "good"), [(1_000_000, 10), (970_000, 10)])
def test_hysteresis_never_asks_for_more_than_all(target: int, good: int) -> None:
    clause = replace(WITHIN, target_ppm=target)
    assert judged(clause, within(9, 10), within(good, 10))[1:] == [(2, "closed", good, 10)]


def test_a_share_of_failures_breaches_above_its_limit_and_closes_below_it() -> None:
    shares = [failures(3, 10), failures(4, 10), failures(26, 100), failures(25, 100)]
    assert judged(ERRORS, *shares) == [
        (2, "opened", 4, 10),
        (3, "updated", 26, 100),
        (4, "closed", 25, 100),
    ]


def test_a_limit_lower_than_its_hysteresis_closes_at_none() -> None:
    clause = replace(ERRORS, target_ppm=20_000)
    shares = [failures(1, 10), failures(1, 100), failures(0, 100)]
    assert [status for _, status, *_ in judged(clause, *shares)] == ["opened", "updated", "closed"]


def test_containment_is_judged_only_where_the_key_has_opened_an_escalation() -> None:
    counts = {"eligible": 10, "outcome.contained": 1}
    assert judged(SAFE, counts, escalated=False) == []
    assert judged(SAFE, counts, escalated=True) == [(1, "opened", 1, 10)]


def test_a_breach_opened_again_is_another_breach() -> None:
    breaches, book, ids = KeyBreaches(), book_with(WITHIN), []
    for number, counts in enumerate((within(0, 10), within(10, 10), within(0, 10)), 1):
        sums = everywhere(counts)
        ids += [r.id for r in breaches.at_boundary(book, KEY, T(60 * number), sums, True)]
    assert (ids[0] == ids[1], ids[1] == ids[2]) == (True, False)


def _new_terms_at(second: float, before: Sequence[Clause], after: Sequence[Clause]) -> ContractBook:
    first = replace(TERMS, effective_to_ms=T(second), clauses=tuple(before))
    later = replace(TERMS, version=2, effective_from_ms=T(second), clauses=tuple(after))
    return ContractBook([first, later])


def test_a_boundary_is_judged_and_told_by_the_version_in_force() -> None:
    strict = replace(WITHIN, target_ppm=900_000, severity="ticket")
    book, breaches = _new_terms_at(120, [WITHIN], [strict]), KeyBreaches()
    sums = everywhere(within(8, 10))
    assert breaches.at_boundary(book, KEY, T(60), sums, True) == []
    (record,) = breaches.at_boundary(book, KEY, T(120), sums, True)
    assert (record.version, record.target_ppm, record.severity) == (2, 900_000, "ticket")


def test_a_ratio_that_new_terms_no_longer_promise_closes_as_they_come_into_force() -> None:
    book, breaches = _new_terms_at(120, [WITHIN], []), KeyBreaches()
    sums = everywhere(within(0, 10))
    breaches.at_boundary(book, KEY, T(60), sums, True)
    (record,) = breaches.at_boundary(book, KEY, T(120), sums, True)
    assert (record.status, record.version, record.numerator, record.denominator) == (
        "closed",
        2,
        0,
        0,
    )


def test_a_wait_outlives_terms_that_no_longer_promise_it_and_closes_as_it_opened() -> None:
    book, breaches = _new_terms_at(120, [WAIT], []), KeyBreaches()
    breaches.at_moment(book, KEY, T(60), [], [(("c1", LIFE, 1, 1), T(0))], [])
    (record,) = breaches.at_moment(book, KEY, T(200), [], [], [("c1", LIFE, 1, 1)])
    assert (record.status, record.clause, record.version) == ("closed", "wait", 2)


def test_a_filter_admits_only_its_own_keys() -> None:
    clause = replace(WAIT, grouping=("channel",), where=(("channel", "voice"),))
    chat: Key = (CONTRACT, (("channel", "chat"),))
    assert (
        KeyBreaches().at_moment(book_with(clause), chat, T(60), [], [(("c1", LIFE, 1, 1), 0)], [])
        == []
    )
