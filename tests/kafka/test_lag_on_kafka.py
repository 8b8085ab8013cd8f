"""The lag that a worker shows while it is given more than it takes."""

from __future__ import annotations

from pathlib import Path

from streams.kafka import topics
from tests.kafka.apache import ApacheKafka
from tests.stream_run import Pipeline, synthetic_log
from tests.worker_process import await_that

BATCH_RECORDS = 100
# In Faust's buffer and in hand, for each of four partitions.
IN_HAND = 4 * 6 * BATCH_RECORDS


def test_what_is_written_while_a_worker_is_busy_is_in_its_lag(
    kafka: ApacheKafka, tmp_path: Path
) -> None:
    log = synthetic_log(600, hours=4)
    half = len(log.items) // 2
    brake = tmp_path / "brake"
    brake.write_text("0.02")
    with Pipeline(
        kafka.bootstrap, tmp_path, log, flags=("--batch-records", str(BATCH_RECORDS))
    ) as run:
        worker = run.start_worker(program=("-m", "tests.overload.slowed", str(brake)))
        worker.await_ready()

        def lag() -> int:
            name = run.topic(topics.EVENTS)
            return int(worker.metrics().total("baton_consumer_lag_records", topic=name))

        def behind() -> int:
            ends, committed = run.end_offsets(topics.EVENTS), run.committed(topics.EVENTS)
            return sum(ends.values()) - sum(committed.values())

        run.replay(log.items[:half])
        await_that(lag, "a worker that is behind")
        # All of the first half was fetched at once, and is worked off for minutes.
        run.replay(log.items[half:])
        assert behind() > half
        await_that(lambda: lag() >= behind() - IN_HAND, "a lag that counts the second half", 20)
        brake.write_text("0")
        run.await_processed()
        await_that(lambda: lag() == 0, "no lag once all is read", 20)
