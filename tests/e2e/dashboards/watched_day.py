"""A synthetic day through a worker on the embedded broker, while a Prometheus looks on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streams.contract_files import load_contracts
from streams.domain.contract import ContractBook
from streams.kafka import topics
from streams.kafka.admin import ensure_topics
from streams.kafka.embedded import EmbeddedBroker
from streams.replay import Replayer, ticked, timed
from streams.sources.synthetic import SyntheticDay, generate
from tests.e2e.dashboards.prometheus_server import PrometheusServer
from tests.stream_run import CONTRACT
from tests.worker_process import EMBEDDED, WorkerProcess, await_that

PARTITIONS = 4
HOUR_MS = 3_600_000
# Coarser than live: a replay at a thousand times the speed writes them that much faster.
TICKS_MS = 30_000


@dataclass(frozen=True)
class WatchedDay:
    """What is left of it: a Prometheus that remembers, and when it looked."""

    book: ContractBook
    prometheus: PrometheusServer
    start_s: float
    end_s: float


def busy_day(interactions: int) -> SyntheticDay:
    """From 8 to 18 o'clock, with the AI's bad hour in the middle."""
    midnight = SyntheticDay().start_ms
    return SyntheticDay(interactions=interactions, start_ms=midnight + 8 * HOUR_MS, hours=10)


SHORT_DAY = busy_day(2_000)


@contextmanager
def watched(day: SyntheticDay, workdir: Path, lasting_s: float) -> Iterator[WatchedDay]:
    """Replay a day in so many seconds, and keep Prometheus up to be asked about it."""
    log = list(_while_contacts_come(day))
    ticks = [item for item in log if isinstance(item, int)]
    speed = (ticks[-1] - ticks[0]) / 1000 / lasting_s
    with EmbeddedBroker(log_path=workdir / "broker.log") as broker:
        asyncio.run(ensure_topics(broker.bootstrap, topics.declared_topics("", PARTITIONS), 1))
        worker = WorkerProcess(
            [
                *("--broker", broker.bootstrap, "--contract", str(CONTRACT), "--port", "0"),
                *("--partitions", str(PARTITIONS), "--session-timeout", "6", *EMBEDDED),
            ],
            workdir / "worker.log",
        )
        try:
            worker.await_ready()
            address = worker.url("metrics").split("/")[2]
            with PrometheusServer([address], workdir) as prometheus:
                replayer = Replayer(
                    broker.bootstrap, topics.EVENTS, PARTITIONS, speed=speed, idempotence=False
                )
                start = time.time()
                _in_a_thread(replayer, log)
                last = ticks[-1] / 1000 - 60
                await_that(
                    lambda: _watermark(prometheus) >= last, "the day's end in Prometheus", 120
                )
                yield WatchedDay(load_contracts([CONTRACT]), prometheus, start, time.time())
        finally:
            worker.stop()


def _while_contacts_come(day: SyntheticDay) -> Iterator[bytes | int]:
    """The log without its tail, the hours in which nothing new begins."""
    for item in ticked(timed(generate(day)), interval_ms=TICKS_MS):
        yield item
        if isinstance(item, int) and item >= day.end_ms:
            return


def _watermark(prometheus: PrometheusServer) -> float:
    found = prometheus.now("min(baton_watermark_timestamp_seconds)")
    return found[0].points[0][1] if found else 0.0


def _in_a_thread(replayer: Replayer, log: list[bytes | int]) -> None:
    """Raises what the replay failed with."""
    failures: list[BaseException] = []

    def write() -> None:
        try:
            asyncio.run(replayer.run(log))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=write, name="replay")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
