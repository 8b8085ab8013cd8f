"""How a clause stands, from unknown to breach; unknown and too few are states of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.contract import Clause, ContractBook
from streams.export.live.standing import Standing
from tests.log_builder import T, failure, human_message, requested
from tests.unit.export.live.looked_at import snapshot_after
from tests.unit.oracle.verdicts import BOOK, book_with

WITHIN = Clause(
    id="chat-within",
    indicator="escalation_within",
    grouping=("channel",),
    where=(("channel", "chat"),),
    window_ms=3_600_000,
    target_ppm=800_000,
    minimum_volume=5,
)
WAIT = Clause(
    id="chat-wait",
    indicator="escalation_wait",
    grouping=("channel",),
    where=(("channel", "chat"),),
)
CONTAINED = Clause(
    id="contained",
    indicator="containment_raw",
    grouping=(),
    window_ms=3_600_000,
    target_ppm=500_000,
    minimum_volume=1,
)
ERRORS = Clause(
    id="errors",
    indicator="failure_share",
    grouping=(),
    window_ms=3_600_000,
    target_ppm=500_000,
    minimum_volume=2,
    reason="tool_error",
)
THRESHOLD_S = 120


def escalations(within: int, missed: int) -> list[bytes]:
    """Chats handed over within the threshold and after it."""
    log = []
    for number in range(within + missed):
        takes = 20 if number < within else THRESHOLD_S + 60
        name = f"c{number}"
        log += [
            failure(name, T(0), "human_requested"),
            requested(name, T(1)),
            human_message(name, T(takes)),
        ]
    return log


def stands(*log: bytes, until: float, clause: Clause = WITHIN, **terms: Any) -> Standing:
    book = book_with(clause, **terms)
    snapshot = snapshot_after(*log, until=T(until), book=book)
    ((found, _),) = snapshot.clauses
    return found


@pytest.mark.parametrize(
    ("within", "missed", "state", "left"),
    [(10, 0, "kept", 2), (9, 1, "kept", 1), (17, 3, "kept", 1), (16, 4, "watch", 0)],
)
def test_a_kept_clause_says_how_many_misses_are_left(
    within: int, missed: int, state: str, left: int
) -> None:
    found = stands(*escalations(within, missed), until=300)
    assert (found.state, found.misses_left) == (state, left)
    assert found.samples == within + missed
    assert found.value_ppm == within * 1_000_000 // (within + missed)


def test_four_fifths_of_the_misses_used_is_to_be_watched() -> None:
    # Of 25, 5 may be missed: 4 are four fifths of them.
    assert stands(*escalations(21, 4), until=300).state == "watch"
    assert stands(*escalations(22, 3), until=300).state == "kept"


def test_beyond_the_target_it_is_in_breach_with_misses_overspent() -> None:
    found = stands(*escalations(7, 3), until=300)
    assert (found.state, found.misses_left) == ("breach", -1)


def test_below_the_minimum_volume_it_is_too_few_whatever_the_value() -> None:
    assert stands(*escalations(0, 4), until=300).state == "few"


def test_where_nothing_was_counted_it_is_unknown_and_has_no_value() -> None:
    for channel, key in (("chat", (("channel", "chat"),)), ("email", None)):
        found = stands(failure("c", T(0), channel=channel), until=60, clause=WITHIN)
        assert (found.state, found.key, found.value_ppm) == ("unknown", key, None)


def test_containment_without_any_escalation_is_unknown_and_not_perfect() -> None:
    found = stands(failure("c", T(0), "no_match"), until=120, clause=CONTAINED)
    assert (found.state, found.value_ppm, found.key) == ("unknown", None, ())


@pytest.mark.parametrize(
    ("errors", "others", "state", "left"),
    [(2, 6, "kept", 2), (4, 5, "watch", 0), (3, 1, "breach", -1), (1, 0, "few", -1)],
)
def test_where_more_is_worse_the_misses_are_what_is_counted(
    errors: int, others: int, state: str, left: int
) -> None:
    signals = ["tool_error"] * errors + ["no_match"] * others
    log = [failure(f"c{i}", T(i), signal) for i, signal in enumerate(signals)]
    found = stands(*log, until=120, clause=ERRORS)
    assert (found.state, found.misses_left, found.at_most) == (state, left, True)


def waits(until: float, **terms: Any) -> Standing:
    log = [failure("c", T(0), "human_requested"), requested("c", T(1))]
    return stands(*log, until=until, clause=WAIT, **terms)


@pytest.mark.parametrize(
    ("until", "state", "overdue"),
    [(95, "kept", 0), (96, "watch", 0), (120, "watch", 0), (121, "breach", 1)],
)
def test_a_wait_is_watched_from_four_fifths_of_its_threshold_on(
    until: float, state: str, overdue: int
) -> None:
    found = waits(until)
    assert (found.state, found.overdue) == (state, overdue)
    assert (found.samples, found.oldest_t0) == (1, T(0))
    assert found.threshold_ms == THRESHOLD_S * 1000


def test_in_service_time_nothing_is_foretold_from_the_clock_on_the_wall() -> None:
    assert waits(119, service_clock=True).state == "kept"


def test_nobody_waiting_is_known_where_the_key_has_been_seen() -> None:
    log = escalations(1, 0)
    found = stands(*log, until=60, clause=WAIT)
    assert (found.state, found.oldest_t0) == ("kept", None)


def test_every_clause_of_every_contract_in_force_is_there() -> None:
    snapshot = snapshot_after(until=T(0), book=BOOK)
    wanted = [c.id for name in BOOK.names for c in BOOK.versions(name)[-1].clauses]
    assert [one.clause for one, _ in snapshot.clauses] == wanted
    assert {one.state for one, _ in snapshot.clauses} == {"unknown"}


def test_of_two_versions_the_one_in_force_at_the_event_clock_counts() -> None:
    terms = BOOK.versions("telco-2026")[0]
    change = T(3600)
    book = ContractBook(
        [
            replace(terms, clauses=(WITHIN,), effective_from_ms=T(0), effective_to_ms=change),
            replace(
                terms, version=2, clauses=(WAIT,), effective_from_ms=change, effective_to_ms=None
            ),
        ]
    )
    for until, clause in ((T(3000), "chat-within"), (T(4000), "chat-wait")):
        snapshot = snapshot_after(*escalations(1, 0), until=until, book=book)
        assert [one.clause for one, _ in snapshot.clauses] == [clause]
