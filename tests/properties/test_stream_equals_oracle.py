"""The stream publishes what the batch judge says it must, however it is cut, spread and restarted.

Two implementations of DEFINITIONS.md: a counterexample is a defect in one of them or in the page.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from streams.domain.breach_record import encode_breach
from streams.domain.facts import encode_fact
from streams.domain.window_value import encode_window
from streams.oracle.judge import judge
from tests.in_memory_pipeline import InMemoryPipeline, Published
from tests.properties.strategies import Case, cases

# A long run by hand: BATON_EXAMPLES=50000 python -m pytest tests/properties
EXAMPLES = int(os.environ.get("BATON_EXAMPLES", "300"))


thorough = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=False,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@thorough
@given(cases())
def test_the_stream_publishes_exactly_what_the_oracle_says(case: Case) -> None:
    assert_published_as_judged(case)


@thorough
@given(cases(weeks=True))
def test_so_it_does_where_conversations_are_forgotten_and_return(case: Case) -> None:
    assert_published_as_judged(case)


@thorough
@given(cases(links=True))
def test_so_it_does_where_customers_come_back_by_other_conversations(case: Case) -> None:
    assert_published_as_judged(case)


@thorough
@given(
    st.one_of(cases(), cases(weeks=True), cases(links=True), cases(erasures=True)),
    st.sampled_from((("SG",), ("MY",), ("SG", "MY"), ("SG", "MY", "PH"))),
)
def test_so_it_does_of_a_worker_of_certain_markets(case: Case, markets: tuple[str, ...]) -> None:
    assert_published_as_judged(case, markets)


@thorough
@given(cases(weeks=True))
def test_no_id_is_ever_given_to_a_second_fact(case: Case) -> None:
    for item in case.log:
        note(repr(item))
    facts = run(case).facts
    assert len({fact.id for fact in facts}) == len(facts)


def run(case: Case, markets: tuple[str, ...] = ()) -> Published:
    """What the stream publishes of the case."""
    return InMemoryPipeline(
        case.book,
        lateness_ms=case.lateness_ms,
        partitions=case.partitions,
        batch=case.batch,
        restart_every=case.restart_every,
        chance=case.chance,
        markets=markets,
    ).run(case.log)


def assert_published_as_judged(case: Case, markets: tuple[str, ...] = ()) -> None:
    """Facts, breaches, windows and what was refused are the oracle's."""
    for item in case.log:
        note(repr(item))
    verdict = judge(case.log, case.book, lateness_ms=case.lateness_ms, markets=markets)
    published = run(case, markets)
    assert sorted(map(encode_fact, published.facts)) == sorted(map(encode_fact, verdict.facts))
    assert sorted(map(encode_breach, published.breaches)) == sorted(
        map(encode_breach, verdict.breaches)
    )
    assert {place: encode_window(value) for place, value in published.windows.items()} == {
        ((value.contract, value.key), value.window): encode_window(value)
        for value in verdict.windows
    }
    assert published.dead_letters == verdict.dead_letters
    assert published.events == verdict.events
