"""What a log says is the same in memory and on disk, and so is the verdict."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.oracle import entries
from streams.oracle.conversation import Statement
from streams.oracle.entries import Entries
from streams.oracle.judge import judge
from streams.oracle.publication import Entry
from tests.properties.strategies import Case, cases

EXAMPLES = int(os.environ.get("BATON_EXAMPLES", "60"))


def entry(place: int) -> Entry:
    nothing = (None,) * 7
    said = Statement(place, "chat", *nothing, True, False, True, "customer", None, None)
    return Entry(None, said, place)


@given(
    st.lists(st.sampled_from([("k", "c1"), ("k", "c2"), ("l", "c1"), ("k", "ä\n")]), max_size=40),
    st.integers(0, 40),
)
def test_each_conversation_has_its_entries_in_their_order(
    names: list[tuple[str, str]], most_held: int
) -> None:
    kept = Entries(most_held)
    for place, name in enumerate(names):
        kept.add(name, entry(place))
    found = list(kept.by_conversation())
    assert len({name for name, _ in found}) == len(found)
    wanted = {name: [at for at, one in enumerate(names) if one == name] for name in names}
    assert {name: [one.place for one in told] for name, told in found} == wanted
    assert all(one == entry(one.place) for _, told in found for one in told)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(cases(), cases(weeks=True, erasures=True), cases(links=True)), st.integers(0, 4))
def test_the_verdict_on_a_log_that_is_spilled_is_that_on_one_that_is_held(
    case: Case, most_held: int
) -> None:
    held = judge(case.log, case.book, lateness_ms=case.lateness_ms)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entries, "MOST_HELD", most_held)
        spilled = judge(case.log, case.book, lateness_ms=case.lateness_ms)
    assert spilled == held
