"""Workers that stop or die in mid-replay: the next one goes on, and nothing is lost or invented."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kafka.apache import ApacheKafka
from tests.stream_run import Pipeline, synthetic_log
from tests.stream_verdict import assert_published_as_judged

both_guarantees = pytest.mark.parametrize(
    "exactly_once", [True, False], ids=["exactly-once", "at-least-once"]
)

# Small, so that what is under way at any moment is a part of the log.
BATCHES = ("--batch-records", "400")

# A coordinator that takes its time: records are fetched while a recovered worker seeks.
WITH_A_SLOW_SEEK = """
import asyncio
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread as Thread
seek = Thread.seek_to_committed

async def seek_slowly(self):
    offsets = await seek(self)
    await asyncio.sleep(1.5)
    return offsets

Thread.seek_to_committed = seek_slowly
from streams.cli.entry import main
main()
"""


def test_a_worker_that_is_stopped_and_started_again_publishes_nothing_twice(
    kafka: ApacheKafka, tmp_path: Path
) -> None:
    log = synthetic_log(2000)
    with Pipeline(kafka.bootstrap, tmp_path, log, flags=BATCHES) as run:
        worker = run.start_worker()
        worker.await_ready()
        run.start_replay(lasting_s=15)
        for share in (0.25, 0.6):
            run.await_share(share)
            assert worker.stop() == 0
            worker = run.start_worker()
        run.await_processed()
        assert_published_as_judged(log.verdict, run.records, repeated=False)


@both_guarantees
def test_a_worker_that_is_killed_loses_nothing_and_invents_nothing(
    kafka: ApacheKafka, tmp_path: Path, exactly_once: bool
) -> None:
    log = synthetic_log(2000)
    with Pipeline(kafka.bootstrap, tmp_path, log, flags=BATCHES, exactly_once=exactly_once) as run:
        worker = run.start_worker()
        worker.await_ready()
        run.start_replay(lasting_s=12)
        for share in (0.2, 0.45, 0.7):
            run.await_share(share)
            worker.kill()
            worker = run.start_worker()
        run.await_processed()
        assert_published_as_judged(log.verdict, run.records, repeated=not exactly_once)


@both_guarantees
def test_killed_while_it_recovers_and_works_off_a_backlog(
    kafka: ApacheKafka, tmp_path: Path, exactly_once: bool
) -> None:
    log = synthetic_log(1500)
    with Pipeline(kafka.bootstrap, tmp_path, log, flags=BATCHES, exactly_once=exactly_once) as run:
        worker = run.start_worker()
        run.replay()
        run.await_share(0.3)
        worker.kill()
        worker = run.start_worker()
        worker.await_ready()  # it has just read its state, and nothing else
        worker.kill()
        worker = run.start_worker()
        run.await_share(0.6)
        worker.kill()
        run.start_worker()
        run.await_processed()
        assert_published_as_judged(log.verdict, run.records, repeated=not exactly_once)


def test_what_is_fetched_while_a_recovered_worker_seeks_is_not_lost(
    kafka: ApacheKafka, tmp_path: Path
) -> None:
    log = synthetic_log(1000)
    third = len(log.items) // 3
    with Pipeline(kafka.bootstrap, tmp_path, log, flags=BATCHES) as run:
        worker = run.start_worker()
        run.replay(log.items[:third])
        run.await_processed()
        assert worker.stop() == 0
        run.replay(log.items[third:])
        run.start_worker(program=("-c", WITH_A_SLOW_SEEK))
        run.await_processed()
        assert_published_as_judged(log.verdict, run.records, repeated=False)
