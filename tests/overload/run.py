"""A worker is offered several times what it takes, for minutes (`make overload`).

Its processor is slowed down so that this is feasible on two cores; what it then takes is measured.
Judged: memory bounded, group not rebalanced, healthy, lag metric true, all caught up with, and the
outputs the oracle's. Exit code 0 only if all hold, 1 otherwise, 2 where Kafka cannot be run.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from streams.agents.stages import STAGES
from streams.kafka import topics
from streams.kafka.outbox import Outbox
from streams.replay import Replayer
from streams.sources.synthetic import SyntheticDay
from tests.chaos.progress import Progress
from tests.kafka.apache import ApacheKafka, KafkaSetupError
from tests.overload.watch import MIB, Sight, look, rebalances, watch
from tests.stream_run import Log, Pipeline, log_of
from tests.stream_verdict import assert_published_as_judged
from tests.worker_process import NotInTime, WorkerProcess

PARTITIONS = 4
BATCH_RECORDS = 500
# At about 250 records a second, five times that is nothing to the broker and the replay.
SLOW_S = 0.004
WARM_UP_S = 20.0
TICK_INTERVAL_MS = 30_000
# Of an interaction's events and the ticks between; only for how long a log must be.
_RECORDS_OF_ONE = 19
# Memory may grow by this while overloaded, and by what each interaction remembered may take.
SLACK_BYTES = 48 * MIB
INTERACTION_BYTES = 6 * 1024
# Delivered but not committed: Faust's buffer and the batch in hand, for each partition.
IN_HAND = PARTITIONS * 6 * BATCH_RECORDS
CATCH_UP_S = 1800.0
# Between the look at the worker and that at the brokers, commits every half second included.
ASKED_WITHIN_S = 2.0


class Offered(Replayer):
    """Writes a log at so many records a second, whatever the times in it."""

    def __init__(self, *given: Any, rate: float, **named: Any) -> None:
        super().__init__(*given, speed=1.0, **named)
        self._rate = rate
        self._put = 0
        self._began: float | None = None

    def _put_event(self, outbox: Outbox, raw: bytes, index: int) -> None:
        self._put += 1
        super()._put_event(outbox, raw, index)

    def _put_tick(self, outbox: Outbox, time_ms: int) -> None:
        self._put += PARTITIONS
        super()._put_tick(outbox, time_ms)

    async def _pace(self, tick_ms: int) -> None:
        now = time.monotonic()
        self._began = self._began or now
        await asyncio.sleep(max(0.0, self._began + self._put / self._rate - now))


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="how long more is offered")
    parser.add_argument("--times", type=float, default=5, help="how many times what it takes")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(argv)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    workdir = Path(tempfile.mkdtemp(prefix="baton-overload-"))
    try:
        with ApacheKafka(workdir=workdir / "kafka") as kafka:
            problems = overload(kafka, workdir, given.seconds, given.times, given.seed)
    except KafkaSetupError as error:
        print(f"overload: {error}", file=sys.stderr)
        return 2
    for problem in problems:
        print(f"FAILED: {problem}")
    print(f"logs: {workdir}" if problems else "all of it holds")
    return 1 if problems else 0


def overload(
    kafka: ApacheKafka, workdir: Path, seconds: float, times: float, seed: int
) -> list[str]:
    """Warm up, overload, let catch up, compare; returns what did not hold."""
    most = (WARM_UP_S * 2 + seconds * times) / SLOW_S
    day = SyntheticDay(seed=seed, interactions=int(most / _RECORDS_OF_ONE), late_ppm=2_000)
    whole = log_of(day, tick_interval_ms=TICK_INTERVAL_MS)
    brake = workdir / "brake"
    brake.write_text(str(SLOW_S))
    flags = ("--batch-records", str(BATCH_RECORDS))
    with Pipeline(kafka.bootstrap, workdir, whole, partitions=PARTITIONS, flags=flags) as run:
        names = tuple(run.topic(kind.topic) for kind in STAGES)
        progress = Progress(kafka.bootstrap, run.group, names, PARTITIONS)
        progress.start()
        try:
            worker = run.start_worker(program=("-m", "tests.overload.slowed", str(brake)))
            worker.await_ready()
            taken, at = _warm_up(run, progress)
            print(f"takes {taken:.0f} records/s; offered {times:g} times that for {seconds:g} s")
            before = rebalances(kafka.log_path(0), run.group)
            offered = _cut(whole, at, int(taken * times * seconds))
            run.log = Log(whole.items[: at + len(offered)], whole.book)
            sights, caught_up = _offer(run, worker, progress, offered, taken * times, brake)
            more = rebalances(kafka.log_path(0), run.group) - before
            if before == 0:
                return ["the broker's log does not tell of any rebalance; this test is blind"]
            bytes_behind = sights[-1].behind * sum(map(_size, offered)) // max(1, len(offered))
            problems = _judged(sights, caught_up, more, bytes_behind, taken * times)
            return problems + _compared(run)
        finally:
            progress.end()


def _warm_up(run: Pipeline, progress: Progress) -> tuple[float, int]:
    """Records/s that the worker takes, and how much of the log was used to find out."""
    items = run.log.items
    at = len(_cut(run.log, 0, int(WARM_UP_S / SLOW_S)))
    run.replay(items[:at])
    total = _records(items[:at])
    began, began_at = 0.0, 0
    while True:
        sample = progress.last
        done = sum(sample.committed[run.topic(topics.EVENTS)].values())
        if not began and done > total * 0.1:
            began, began_at = sample.answered, done
        if done >= total:
            return (done - began_at) / (sample.answered - began), at
        for each in run.workers:
            each.must_run()
        time.sleep(0.05)


def _records(items: Sequence[bytes | int]) -> int:
    return sum(PARTITIONS if isinstance(item, int) else 1 for item in items)


def _size(item: bytes | int) -> int:
    return 130 * PARTITIONS if isinstance(item, int) else len(item)


def _cut(log: Log, at: int, records: int) -> tuple[bytes | int, ...]:
    """So many records of the log from there on, to a tick."""
    left = records
    for end in range(at, len(log.items)):
        left -= _records(log.items[end : end + 1])
        if left <= 0 and isinstance(log.items[end], int):
            return log.items[at : end + 1]
    raise ValueError("the worker takes more than was thought: make SLOW_S greater")


def _offer(
    run: Pipeline,
    worker: WorkerProcess,
    progress: Progress,
    offered: tuple[bytes | int, ...],
    rate: float,
    brake: Path,
) -> tuple[list[Sight], list[Sight]]:
    """What was seen while more was offered than is taken, and until all was caught up with."""
    replayer = Offered(run.broker, run.topic(topics.EVENTS), PARTITIONS, rate=rate)
    replay = threading.Thread(target=lambda: asyncio.run(replayer.run(offered)), name="offer")

    def see() -> Sight:
        worker.must_run()
        sight = look(run, worker, progress)
        print(
            f"  behind {sight.behind:7}  metric {sight.lag:7}  rss {sight.rss / MIB:6.0f} MiB"
            f"  healthz {sight.health}  interactions {sight.interactions:6}",
            flush=True,
        )
        return sight

    replay.start()
    overloaded = watch(see, lambda _: not replay.is_alive(), len(offered), every_s=5.0)
    print("no more is offered, and the processor is as fast as it is")
    brake.write_text("0")
    return overloaded, watch(see, lambda sight: not sight.behind, CATCH_UP_S)


def _judged(
    sights: list[Sight],
    caught_up: list[Sight],
    rebalanced: int,
    bytes_behind: int,
    rate: float,
) -> list[str]:
    problems = []
    first, last = sights[0], sights[-1]
    both = [*sights, *caught_up]
    grown = max(sight.rss for sight in sights) - first.rss
    remembered = last.interactions - first.interactions
    allowed = SLACK_BYTES + INTERACTION_BYTES * remembered
    print(
        f"memory: grew by {grown / MIB:.0f} MiB while overloaded, allowed are {allowed / MIB:.0f}"
        f" (for {remembered} more interactions); {bytes_behind / MIB:.0f} MiB were waiting"
    )
    if grown > allowed:
        problems.append("memory grows with what waits")
    if bytes_behind < 2 * allowed:
        problems.append("too little waited to tell whether memory is bounded: offer it for longer")
    # Committed follows delivered by what is in hand, and each was asked for at another moment.
    print(f"lag: at most {last.behind} records")
    for when, seen, moved in (
        ("overloaded", sights, rate),
        ("catching up", [last, *caught_up], _fastest([last, *caught_up])),
    ):
        off = max(abs(sight.lag - sight.behind) for sight in seen)
        bound = IN_HAND + int(ASKED_WITHIN_S * moved)
        print(f"lag while {when}: metric and truth differ by at most {off}; allowed are {bound}")
        if off > bound:
            problems.append(f"the lag metric is {off} records from the truth while {when}")
    if caught_up[-1].lag:
        problems.append(f"the lag metric says {caught_up[-1].lag} when all is committed")
    recovered = last.recoveries - first.recoveries + caught_up[-1].recoveries - last.recoveries
    print(f"group: {rebalanced} rebalances, {recovered} recoveries")
    if rebalanced or recovered:
        problems.append("the group was rebalanced")
    if any(sight.health != 200 for sight in both):
        problems.append("/healthz failed")
    print(f"caught up in {caught_up[-1].at - last.at:.0f} s")
    return problems


def _fastest(sights: list[Sight]) -> float:
    """The most records/s by which the lag changed from one look to the next."""
    return max(abs(b.behind - a.behind) / (b.at - a.at) for a, b in pairwise(sights))


def _compared(run: Pipeline) -> list[str]:
    try:
        run.await_processed()
        assert_published_as_judged(run.log.verdict, run.records, repeated=not run.exactly_once)
    except (AssertionError, NotInTime) as error:
        return [f"not what the oracle says: {error}"]
    verdict = run.log.verdict
    print(f"outputs: {len(verdict.facts)} facts, {len(verdict.breaches)} breach records as judged")
    return []


if __name__ == "__main__":
    sys.exit(main())
