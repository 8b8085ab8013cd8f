"""From an unanswered handoff on the stream to a page: the real Prometheus and Alertmanager, a real
worker with live ticks, and the rules that `baton contract render` writes.

Run with `make test-alerts`; it prints how long a page takes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.outbox import partition_of
from streams.kafka.processes import stop_process
from tests.e2e.monitoring import ROUTING_KEY, TOKEN, Monitoring, missing, monitoring
from tests.e2e.receiver import Received, Receiver, receiving
from tests.log_builder import event, failure, human_message
from tests.worker_process import EMBEDDED, WorkerProcess, await_that

CONTRACT = Path(__file__).parent / "contract.yaml"
PARTITIONS = 2
PAGE = "/page/paged/SG"
CHAT_MS, EMAIL_MS = 5_000, 25_000

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


@dataclass(frozen=True)
class Setting:
    broker: EmbeddedBroker
    worker: WorkerProcess
    receiver: Receiver
    monitoring: Monitoring

    def write(self, raw: bytes, conversation: str) -> None:
        """One event onto the stream, keyed by its conversation."""
        asyncio.run(_write(self.broker.bootstrap, raw, conversation))

    def first(self, path: str, alert: str, status: str, **labels: str) -> Received | None:
        """The first notification at a path that tells of the alert so."""
        found = (r for r in self.receiver.at(path) if r.alerts(alert, status, **labels))
        return next(found, None)

    def told(self, path: str, alert: str, status: str, **labels: str) -> Received:
        """It, waited for."""
        await_that(
            lambda: self.first(path, alert, status, **labels),
            f"{alert} {status} at {path}",
        )
        found = self.first(path, alert, status, **labels)
        assert found is not None
        return found


async def _write(broker: str, raw: bytes, conversation: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker, acks="all")
    await producer.start()
    try:
        key = conversation.encode()
        partition = partition_of(key, PARTITIONS)
        await producer.send_and_wait("interaction-events", raw, key=key, partition=partition)
    finally:
        await producer.stop()


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    folder = tmp_path_factory.mktemp("paging")
    with EmbeddedBroker() as broker, receiving() as receiver:
        argv = ["--broker", broker.bootstrap, "--contract", str(CONTRACT), "--port", "0"]
        argv += ["--partitions", str(PARTITIONS), "--lateness", "2s", "--ticks", *EMBEDDED]
        worker = WorkerProcess(argv, folder / "worker.log")
        try:
            address = worker.url("").removeprefix("http://").rstrip("/")
            with monitoring(CONTRACT, address, receiver.url, folder) as servers:
                worker.await_ready()
                fresh = "min(baton_heartbeat_timestamp_seconds) > time() - 5"
                await_that(lambda: servers.query(fresh), "a heartbeat that Prometheus has seen")
                yield Setting(broker, worker, receiver, servers)
        finally:
            stop_process(worker.process, 20)


def now_ms() -> int:
    return round(time.time() * 1000)


def test_the_dead_man_s_switch_arrives(setting: Setting) -> None:
    came = setting.told("/watchdog", "BatonWatchdog", "firing")
    assert came.authorization == f"Bearer {TOKEN}"


def test_an_unanswered_handoff_pages_and_a_human_ends_it(
    setting: Setting, capsys: pytest.CaptureFixture[str]
) -> None:
    t0 = now_ms()
    asked = failure("c1", t0, "human_requested", contract="paged", supplier=None, journey=None)
    setting.write(asked, "c1")
    crossed = (t0 + CHAT_MS + 1) / 1000
    place = {"contract": "paged", "clause": "chat-wait", "market": "SG", "severity": "page"}
    early = setting.told(PAGE, "BatonHandoffOverdue", "firing", **place)
    exact = setting.told(PAGE, "BatonClauseBreached", "firing", **place)
    (alert,) = exact.alerts("BatonClauseBreached", "firing", **place)
    annotations = alert["annotations"]
    page = Path(annotations["runbook_url"]).name
    assert (Path(__file__).parents[2] / "deploy/runbooks" / page).is_file()
    assert "chat" in annotations["summary"]
    assert annotations["dashboard_url"]
    pagers = [r.body for r in setting.receiver.at("/pagerduty") if r.at >= crossed]
    trigger = next(body for body in pagers if body["event_action"] == "trigger")
    assert trigger["routing_key"] == ROUTING_KEY
    assert trigger["payload"]["severity"] == "critical"
    assert "chat-wait" in trigger["payload"]["summary"]

    t1 = now_ms()
    setting.write(human_message("c1", t1, "ann", contract="paged"), "c1")
    over = setting.told(PAGE, "BatonClauseBreached", "resolved", **place)

    def resolved() -> list[Received]:
        return [
            r
            for r in setting.receiver.at("/pagerduty")
            if r.body["event_action"] == "resolve" and r.body["dedup_key"] == trigger["dedup_key"]
        ]

    await_that(resolved, "PagerDuty told that it is over")
    with capsys.disabled():
        print(
            f"\nfrom the threshold crossing (event time) to the page: {early.at - crossed:.1f} s by"
            f" the open handoff's age, {exact.at - crossed:.1f} s by the breach (lateness 2 s);"
            f" from the takeover to its end: {over.at - t1 / 1000:.1f} s"
        )
    assert early.at - crossed < 30
    assert exact.at - crossed < 30


def test_a_stale_pipeline_pages_and_silences_clauses(setting: Setting) -> None:
    t0 = now_ms()
    waiting = event(
        "ai.failure_signalled",
        "c2",
        t0,
        channel="email",
        contract="paged",
        signal="human_requested",
    )
    setting.write(waiting, "c2")
    oldest = 'baton_oldest_open_handoff_timestamp_seconds{grouping="channel",channel="email"}'
    await_that(lambda: setting.monitoring.query(oldest), "the open handoff")
    place = {"contract": "paged", "clause": "email-wait", "alertname": "BatonHandoffOverdue"}
    with stopped(setting.broker.pid):
        setting.told("/page/baton", "BatonHeartbeatStale", "firing")
        await_that(lambda: setting.monitoring.alerts(**place), "the alert of the clause")
        (alert,) = setting.monitoring.alerts(**place)
        assert alert["status"]["state"] == "suppressed"
        assert alert["status"]["inhibitedBy"]
    assert (
        setting.first("/page/paged", "BatonHandoffOverdue", "firing", clause="email-wait") is None
    )
    # The breach itself comes when the pipeline moves again.
    setting.told("/page/baton", "BatonHeartbeatStale", "resolved")
    setting.told("/page/paged", "BatonClauseBreached", "firing", clause="email-wait")


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process that does not answer, until the block ends."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
