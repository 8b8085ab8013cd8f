"""A replayed day on real Apache Kafka: what one worker publishes is the oracle's, once."""

from __future__ import annotations

from pathlib import Path

from streams.kafka import topics
from streams.replay import Disturbance
from tests.kafka.apache import ApacheKafka
from tests.stream_run import Pipeline, synthetic_log
from tests.stream_verdict import assert_published_as_judged
from tests.worker_process import await_that


def test_one_worker_publishes_what_the_oracle_says_and_nothing_twice(
    kafka: ApacheKafka, tmp_path: Path
) -> None:
    log = synthetic_log(2500)
    with Pipeline(kafka.bootstrap, tmp_path, log) as run:
        run.start_worker()
        run.replay()
        run.await_processed()
        assert_published_as_judged(log.verdict, run.records, repeated=False)


def test_disorder_and_duplicates_are_published_as_judged(
    kafka: ApacheKafka, tmp_path: Path
) -> None:
    log = synthetic_log(1000, Disturbance(shuffle_ms=90_000, duplicate_ppm=50_000))
    assert log.verdict.late_facts > 100
    with Pipeline(kafka.bootstrap, tmp_path, log, partitions=3) as run:
        run.start_worker("--batch-records", "300")
        run.replay()
        run.await_processed()
        assert_published_as_judged(log.verdict, run.records, repeated=False)


def test_sigterm_commits_what_was_processed(kafka: ApacheKafka, tmp_path: Path) -> None:
    log = synthetic_log(400)
    with Pipeline(kafka.bootstrap, tmp_path, log) as run:
        worker = run.start_worker("--commit-interval", "3600")
        run.replay()
        total = log.written(run.partitions)
        await_that(
            lambda: worker.metrics().total("baton_records_total", stage="lifecycle") == total,
            "all records processed",
        )
        assert worker.stop() == 0
        # Nothing else could have committed: the interval is an hour.
        ends = run.end_offsets(topics.EVENTS)
        assert sum(ends.values()) == total
        assert run.committed(topics.EVENTS) == ends
