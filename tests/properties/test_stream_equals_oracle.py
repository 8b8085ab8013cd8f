"""The stream publishes what the batch judge says it must, however it is cut, spread and restarted.

Two implementations of DEFINITIONS.md: a counterexample is a defect in one of them or in the page.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, note, settings

from streams.domain.breach_record import encode_breach
from streams.domain.facts import encode_fact
from streams.domain.window_value import encode_window
from streams.oracle.judge import judge
from tests.in_memory_pipeline import InMemoryPipeline
from tests.properties.strategies import Case, cases

# A long run by hand: BATON_EXAMPLES=50000 python -m pytest tests/properties
EXAMPLES = int(os.environ.get("BATON_EXAMPLES", "300"))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=False,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(cases())
def test_the_stream_publishes_exactly_what_the_oracle_says(case: Case) -> None:
    for item in case.log:
        note(repr(item))
    verdict = judge(case.log, case.book, lateness_ms=case.lateness_ms)
    published = InMemoryPipeline(
        case.book,
        lateness_ms=case.lateness_ms,
        partitions=case.partitions,
        batch=case.batch,
        restart_every=case.restart_every,
        chance=case.chance,
    ).run(case.log)
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
