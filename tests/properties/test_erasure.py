"""Erasure as DEFINITIONS.md section 12 has it: stream = judge, nothing comes back, nothing is lost.

A long run by hand: BATON_EXAMPLES=20000 python -m pytest tests/properties/test_erasure.py
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings

from tests.properties.strategies import Case, cases
from tests.properties.test_stream_equals_oracle import assert_published_as_judged

EXAMPLES = int(os.environ.get("BATON_EXAMPLES", "120"))
thorough = settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@thorough
@given(cases(erasures=True))
def test_the_stream_erases_exactly_as_the_oracle_says(case: Case) -> None:
    assert_published_as_judged(case)


@thorough
@given(cases(weeks=True, erasures=True))
def test_so_it_does_where_conversations_are_forgotten_and_return(case: Case) -> None:
    assert_published_as_judged(case)


@thorough
@given(cases(links=True, erasures=True))
def test_so_it_does_where_customers_come_back_by_other_conversations(case: Case) -> None:
    assert_published_as_judged(case)
