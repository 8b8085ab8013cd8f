"""What `make bench-scale` measures is what workers do: its stages say what the oracle says."""

from __future__ import annotations

from streams.domain.lifecycle import LifecyclePartition
from streams.kafka import topics
from tests.bench.open_interactions import KINDS, clones, customers, middle_of_an_hour
from tests.bench.stages_in_process import STAGES, StagesInProcess
from tests.stream_run import LATENESS_MS, synthetic_log


def test_stages_in_process_publish_as_many_facts_and_breaches_as_the_oracle() -> None:
    log = synthetic_log(300)
    stages = StagesInProcess(log.book, LATENESS_MS)
    stages.read(log.items, 500)
    assert stages.records[topics.FACTS] == len(log.verdict.facts)
    assert stages.records[topics.BREACHES] == len(log.verdict.breaches)
    assert all(stages.tables[stage] for stage in STAGES)


def test_clones_are_interactions_that_a_worker_goes_on_with() -> None:
    found = middle_of_an_hour()
    assert set(found.kinds.values()) == set(KINDS)
    table = dict(clones(3_000))
    assert len(table) == 3_000
    assert LifecyclePartition(found.book, LATENESS_MS, table, found.progress).interactions == 3_000
    assert len(dict(customers(3_000))) > 1_000
