"""Workers that come and go: partitions and what is known of them move, each shown by its owner
alone.
"""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

from streams.kafka import topics
from streams.oracle.judge import judge
from tests.kafka.apache import ApacheKafka
from tests.stream_run import LATENESS_MS, Log, Pipeline, synthetic_log
from tests.stream_verdict import assert_published_as_judged
from tests.worker_process import WorkerProcess, await_that

BY_PARTITION = ("baton_watermark_timestamp_seconds", "baton_interactions")
# What a partition's state shows of itself: whoever owns it must show the same.
OF_STATE = (
    *BY_PARTITION,
    "baton_window_end_timestamp_seconds",
    "baton_open_handoffs",
    "baton_oldest_open_handoff_timestamp_seconds",
    "baton_handoff_latency_window_seconds",
    "baton_handoff_within_ratio",
    "baton_containment_ratio",
    "baton_ai_failures_window",
    "baton_breach_active",
)
Series = Counter[tuple[str, tuple[tuple[str, str], ...], float]]


def shown(*workers: WorkerProcess) -> Series:
    """Every series of state over some workers, with its value; counted, for each must be one."""
    return Counter(
        (name, tuple(sorted(sample.labels.items())), sample.value)
        for metrics in [worker.metrics() for worker in workers]
        for name in OF_STATE
        for sample in metrics.series(name)
    )


def await_shared(run: Pipeline, *workers: WorkerProcess) -> None:
    """Return once each worker shows partitions and each partition is shown by one worker."""

    def shared() -> bool:
        for name in BY_PARTITION:
            owned = [worker.metrics().partitions(name) for worker in workers]
            if not all(owned) or sum(map(len, owned)) != run.partitions:
                return False
            if set().union(*owned) != set(range(run.partitions)):
                return False
        return all(worker.page("readyz")[0] == 200 for worker in workers)

    await_that(shared, f"partitions shared by {len(workers)} workers", 60)


def cut_while_customers_wait(log: Log) -> int:
    """A place in the second half of the log at whose last tick a handoff is open and overdue."""
    for at in range(len(log.items) // 2, len(log.items), 200):
        seen = judge(log.items[:at], log.book, lateness_ms=LATENESS_MS)
        last = {(r.clause, r.key): r.status for r in seen.breaches if "wait" in r.clause}
        if any(value.open for value in seen.windows) and {"opened", "updated"} & {*last.values()}:
            return at
    raise AssertionError("nobody ever waits in this log")


def test_state_moves_with_its_partition_and_is_shown_once(
    kafka: ApacheKafka, tmp_path: Path
) -> None:
    log = synthetic_log(1200)
    at = cut_while_customers_wait(log)
    with Pipeline(kafka.bootstrap, tmp_path, log) as run:
        first = run.start_worker()
        run.replay(log.items[:at])
        run.await_processed()
        before = shown(first)
        assert max(before.values()) == 1
        assert first.metrics().total("baton_open_handoffs", grouping="contract") > 0
        assert first.metrics().series("baton_breach_active")

        second = run.start_worker()
        second.await_ready()
        await_shared(run, first, second)
        assert shown(first, second) == before

        assert first.stop() == 0
        await_shared(run, second)
        assert shown(second) == before

        run.replay(log.items[at:])
        run.await_processed()
        assert_published_as_judged(log.verdict, run.records, repeated=False)


def test_workers_that_join_and_leave_in_mid_replay_change_nothing(
    kafka: ApacheKafka, tmp_path: Path
) -> None:
    log = synthetic_log(2000)
    with Pipeline(kafka.bootstrap, tmp_path, log, flags=("--batch-records", "400")) as run:
        first = run.start_worker()
        first.await_ready()
        run.start_replay(lasting_s=25)
        run.await_share(0.2)
        second = run.start_worker()
        await_shared(run, first, second)
        run.await_share(0.45)
        assert first.stop() == 0
        await_shared(run, second)
        third = run.start_worker()
        await_shared(run, second, third)
        run.await_share(0.8)
        second.kill()
        await_shared(run, third)
        run.await_processed()
        assert run.committed(topics.EVENTS) == run.end_offsets(topics.EVENTS)
        assert_published_as_judged(log.verdict, run.records, repeated=False)


def test_a_worker_that_was_paused_past_its_session_does_no_harm(
    kafka: ApacheKafka, tmp_path: Path
) -> None:
    log = synthetic_log(1500)
    with Pipeline(kafka.bootstrap, tmp_path, log, flags=("--batch-records", "200")) as run:
        paused, other = run.start_worker(), run.start_worker()
        paused.await_ready()
        other.await_ready()
        # All at once, so that a batch is under way whenever it is paused.
        run.replay()
        run.await_share(0.1)
        await_shared(run, paused, other)
        paused.process.send_signal(signal.SIGSTOP)
        await_shared(run, other)
        run.await_share(0.4)
        paused.process.send_signal(signal.SIGCONT)
        await_shared(run, paused, other)
        other.kill()
        run.await_processed()
        assert_published_as_judged(log.verdict, run.records, repeated=False)
        assert paused.stop() == 0
