"""Standby copies: who takes a dead worker's partitions over has their tables already."""

from __future__ import annotations

from pathlib import Path

from streams.agents.stages import STAGES
from tests.kafka.apache import ApacheKafka
from tests.stream_run import Pipeline, synthetic_log
from tests.stream_verdict import assert_published_as_judged
from tests.worker_process import WorkerProcess, await_that

PARTITIONS = 4
CHANGELOGS = tuple(f"{kind.table}-changelog" for kind in STAGES)


def copies(worker: WorkerProcess) -> dict[tuple[str, str], float]:
    """How far behind each standby copy of a worker is."""
    samples = worker.metrics().series("baton_standby_lag_records")
    return {(each.labels["topic"], each.labels["partition"]): each.value for each in samples}


def test_a_standby_takes_over_with_the_table_it_has(kafka: ApacheKafka, tmp_path: Path) -> None:
    log = synthetic_log(1500)
    flags = ("--standbys", "1", "--batch-records", "400")
    with Pipeline(kafka.bootstrap, tmp_path, log, partitions=PARTITIONS, flags=flags) as run:
        first, second = run.start_worker(), run.start_worker()
        first.await_ready()
        second.await_ready()

        def each_copies_the_other() -> bool:
            held = [copies(worker) for worker in (first, second)]
            places = {place for each in held for place in each}
            return len(places) == len(CHANGELOGS) * PARTITIONS and all(held)

        await_that(each_copies_the_other, "a standby of every table")
        run.replay(log.items[: len(log.items) * 3 // 4])
        run.await_processed()
        await_that(lambda: not any(copies(second).values()), "standbys that have read all")
        written = sum(len(run.records_of(f"{run.group}-{changelog}")) for changelog in CHANGELOGS)

        first.kill()
        await_that(
            lambda: (
                second.metrics().partitions("baton_watermark_timestamp_seconds")
                == set(range(PARTITIONS))
            ),
            "all partitions with the worker that is left",
        )
        assert second.metrics().total("baton_recovery_records") < written / 20

        run.replay(log.items[len(log.items) * 3 // 4 :])
        run.await_processed()
        assert_published_as_judged(log.verdict, run.records, repeated=False)
