"""State that grows is state that is never given back: in the end all of it is."""

from __future__ import annotations

from hypothesis import HealthCheck, given, note, settings

from streams.agents import window_table
from streams.domain.windows import WindowPartition
from tests.in_memory_pipeline import InMemoryPipeline
from tests.log_builder import T
from tests.properties.strategies import Case, cases

DAY_S = 86_400
# Later than any event of a case (9 weeks), its slowest timers (9 d, twice), the 8 days of rest and
# the end of the quarter that it is in.
LONG_AFTER = T(250 * DAY_S)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(cases(weeks=True))
def test_in_the_end_nothing_is_held_but_the_names_of_keys(case: Case) -> None:
    for item in case.log:
        note(repr(item))
    pipeline = InMemoryPipeline(
        case.book,
        lateness_ms=case.lateness_ms,
        partitions=case.partitions,
        batch=case.batch,
        restart_every=case.restart_every,
        chance=case.chance,
    )
    pipeline.run([*case.log, LONG_AFTER])
    assert all(states == {} for states in pipeline.states)
    assert all(customers.keys() <= {b"p"} for customers in pipeline.customers)
    for table in pipeline.tables:
        assert not [name for name in table if name.startswith(b"s")]
        windows = WindowPartition(case.book, 2 * case.partitions)
        window_table.restore(windows, table, 2 * case.partitions)
        for key in windows.keys.values():
            assert (key.slices, key.waiting, key.waited, key.since) == ({}, {}, {}, [])
            assert (key.changes, key.breaches.waits, key.breaches.open) == ([], {}, {})
