"""Events and misses of clauses: what one slice adds, and how many more misses a target allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.clause_counts import (
    COUNTED,
    RATIOS,
    clauses_of,
    key_clauses,
    misses_allowed,
    misses_of,
    ratio_of,
    slice_counts,
    window_of,
)
from streams.domain.contract import AMOUNTS, INDICATORS, PPM, Clause
from tests.unit.oracle.verdicts import TERMS, book_with

WITHIN = Clause("within", "escalation_within", ("channel",), window_ms=300_000, target_ppm=800_000)
SHARE = Clause(
    "tools", "failure_share", (), window_ms=300_000, target_ppm=300_000, reason="tool_error"
)
SAFE = Clause("safe", "containment_safe", (), window_ms=3_600_000, target_ppm=850_000)
KEY = (("channel", "chat"),)


def counted(
    *clauses: Clause, key: tuple[tuple[str, str], ...] = (), **counts: int
) -> dict[str, tuple[int, int]]:
    """What a slice with these counters (`__` for `.`) adds to each clause."""
    named = {name.replace("__", "."): n for name, n in counts.items()}
    terms = book_with(*clauses).versions(TERMS.contract)[0]
    return {
        c.id: (events, bad) for c, events, bad in slice_counts(key_clauses(terms, key), named, True)
    }


def test_an_at_least_clause_counts_the_rest_as_bad() -> None:
    assert counted(WITHIN, key=KEY, within=3, missed=2) == {"within": (5, 2)}


def test_an_at_most_clause_counts_the_numerator_as_bad() -> None:
    counts = {"failure__tool_error": 2, "failure__no_match": 5}
    assert counted(SHARE, **counts) == {"tools": (7, 2)}


def test_a_slice_that_says_nothing_of_a_clause_adds_nothing() -> None:
    assert counted(WITHIN, SHARE, key=KEY, qa__ai=3) == {}


def test_a_clause_counts_only_on_the_keys_it_judges() -> None:
    only_voice = Clause("v", "escalation_within", ("channel",), (("channel", "voice"),), 300_000)
    terms = book_with(WITHIN, only_voice, SHARE).versions(TERMS.contract)[0]
    assert [c.id for c in clauses_of(terms, KEY)] == ["within"]
    assert [c.id for c in clauses_of(terms, (("channel", "voice"),))] == ["within", "v"]
    assert [c.id for c in clauses_of(terms, ())] == ["tools"]


def test_containment_is_counted_only_where_its_key_has_escalated() -> None:
    terms = book_with(SAFE).versions(TERMS.contract)[0]
    counts = {"eligible": 4, "outcome.contained": 3}
    assert list(slice_counts(key_clauses(terms, ()), counts, False)) == []
    assert [(e, b) for _, e, b in slice_counts(key_clauses(terms, ()), counts, True)] == [(4, 1)]


@pytest.mark.parametrize("indicator", sorted(set(INDICATORS) - COUNTED))
def test_what_is_no_event_is_not_counted(indicator: str) -> None:
    assert indicator == "escalation_wait" or indicator in AMOUNTS or indicator == "csat_response"


def test_a_wait_is_no_ratio() -> None:
    wait = Clause("wait", "escalation_wait", ("channel",))
    assert window_of(wait) is None
    with pytest.raises(ValueError, match="escalation_wait is no ratio"):
        ratio_of(wait, {}, True)


def test_a_clause_is_judged_over_its_rolling_window_or_its_period() -> None:
    monthly = Clause("m", "escalation_within", (), period="1M")
    assert (window_of(WITHIN), window_of(SAFE), window_of(monthly)) == ("5m", "1h", "1M")


@given(
    st.sampled_from(sorted(RATIOS - AMOUNTS)),
    st.integers(0, PPM),
    st.integers(1, 10_000),
    st.data(),
)
def test_as_many_misses_as_are_allowed_are_no_breach_and_one_more_is(
    indicator: str, target: int, volume: int, data: st.DataObject
) -> None:
    clause = Clause("c", indicator, (), window_ms=300_000, target_ppm=target)  # type: ignore[arg-type]
    allowed = misses_allowed(clause, volume)
    assert allowed is not None
    for misses, breached in ((allowed, False), (allowed + 1, True)):
        if 0 <= misses <= volume:
            numerator = misses if clause.at_most else volume - misses
            assert misses_of(clause, numerator, volume) == misses
            share, limit = numerator * PPM, target * volume
            assert (share > limit if clause.at_most else share < limit) is breached


def test_a_limit_of_exceptions_does_not_grow_with_the_volume() -> None:
    clause = Clause("x", "compliance_exceptions", (), period="1M", target_ppm=3 * PPM)
    assert [misses_allowed(clause, volume) for volume in (0, 1, 1_000)] == [3, 3, 3]


def test_money_has_no_misses() -> None:
    clause = Clause("cost", "cost_per_verified", (), period="1M", target_ppm=3 * PPM)
    assert misses_allowed(clause, 100) is None
