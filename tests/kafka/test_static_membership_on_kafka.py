"""Workers with --instance-id: one that is back soon has its partitions again; no other stops."""

from __future__ import annotations

from pathlib import Path

from streams.kafka import topics
from tests.kafka.apache import ApacheKafka
from tests.kafka.test_rebalance_on_kafka import BY_PARTITION, await_shared
from tests.stream_run import Pipeline, synthetic_log
from tests.stream_verdict import assert_published_as_judged
from tests.worker_process import WorkerProcess

# aiokafka's word when the group asks a member to join anew.
_REBALANCING = "because it is rebalancing"


def _owned(worker: WorkerProcess) -> set[int]:
    return worker.metrics().partitions(BY_PARTITION[0])


def test_a_worker_that_restarts_has_its_partitions_again_without_a_rebalance(
    kafka: ApacheKafka, tmp_path: Path
) -> None:
    log = synthetic_log(2000)
    with Pipeline(kafka.bootstrap, tmp_path, log, flags=("--batch-records", "400")) as run:
        first = run.start_worker("--instance-id", "baton-0", "--session-timeout", "30")
        first.await_ready()
        named = ("--instance-id", "baton-1", "--session-timeout", "30")
        second = run.start_worker(*named)
        run.start_replay(lasting_s=20)
        await_shared(run, first, second)
        run.await_share(0.3)
        before, asked = (_owned(first), _owned(second)), first.output.count(_REBALANCING)
        assert second.stop() == 0
        second = run.start_worker(*named)
        await_shared(run, first, second)
        assert (_owned(first), _owned(second)) == before
        assert first.output.count(_REBALANCING) == asked
        run.await_share(0.6)
        second.kill()
        second = run.start_worker(*named)
        await_shared(run, first, second)
        assert first.output.count(_REBALANCING) == asked
        run.await_processed()
        assert run.committed(topics.EVENTS) == run.end_offsets(topics.EVENTS)
        assert_published_as_judged(log.verdict, run.records, repeated=False)


def test_a_worker_whose_instance_id_another_takes_ends_and_says_so(
    kafka: ApacheKafka, tmp_path: Path
) -> None:
    log = synthetic_log(2000)
    with Pipeline(kafka.bootstrap, tmp_path, log, flags=("--batch-records", "400")) as run:
        named = ("--instance-id", "baton-0")
        first = run.start_worker(*named)
        first.await_ready()
        run.start_replay(lasting_s=15)
        run.await_share(0.3)
        second = run.start_worker(*named)
        assert first.process.wait(60) == 1, first.output
        said = [line for line in first.output.splitlines() if "--instance-id baton-0" in line]
        assert len(said) == 1, first.output
        assert said[0].startswith("baton worker: another worker")
        assert "Traceback" not in first.output
        assert first.ended_by_itself() == 1
        run.await_processed()
        assert second.process.poll() is None
        assert_published_as_judged(log.verdict, run.records, repeated=False)
