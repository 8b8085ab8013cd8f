"""`baton doctor` asks a real Prometheus, Alertmanager and worker; faults are planted one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from streams.doctor.checkup import Around
from streams.doctor.finding import Finding
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.processes import stop_process
from tests.e2e.monitoring import Monitoring, missing, monitoring
from tests.e2e.receiver import receiving
from tests.examined import CONTRACT as ANOTHER
from tests.examined import NOWHERE, examined, faults, of
from tests.worker_process import EMBEDDED, WorkerProcess, await_that

CONTRACT = Path(__file__).parent / "contract.yaml"
PARTITIONS = 2

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())


@dataclass(frozen=True)
class Watched:
    """A worker that both servers watch, and what it was told."""

    servers: Monitoring
    worker: WorkerProcess
    said: dict[str, Any]

    def found(self, around: Around | None = None, **said: Any) -> list[Finding]:
        return examined(around or self.around, **(self.said | said))

    @property
    def around(self) -> Around:
        address = self.worker.url("").rstrip("/")
        return Around(self.servers.prometheus, self.servers.alertmanager, address)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("doctor")
    with EmbeddedBroker() as broker, receiving() as receiver:
        argv = ["--broker", broker.bootstrap, "--contract", str(CONTRACT), "--port", "0"]
        argv += ["--partitions", str(PARTITIONS), "--ticks", *EMBEDDED]
        worker = WorkerProcess(argv, folder / "worker.log")
        said = {
            "broker": broker.bootstrap,
            "contract": [CONTRACT],
            "partitions": PARTITIONS,
            "guarantee": "at-least-once",
            "idempotence": False,
        }
        try:
            address = worker.url("").removeprefix("http://").rstrip("/")
            with monitoring(CONTRACT, address, receiver.url, folder) as servers:
                worker.await_ready()
                await_that(lambda: servers.query('up{job="baton"} == 1'), "a scrape")
                await_that(lambda: servers.alerts(alertname="BatonWatchdog"), "the watchdog")
                yield Watched(servers, worker, said)
        finally:
            stop_process(worker.process, 20)


MONITORING = {
    "worker",
    "worker.metrics",
    "prometheus",
    "prometheus.scraping",
    "prometheus.rules",
    "prometheus.alerting",
    "prometheus.clock",
    "alertmanager",
    "alertmanager.receivers",
    "alertmanager.watchdog",
}


def test_what_works_is_found_to_work(watched: Watched) -> None:
    found = watched.found()
    assert {f.check for f in found} >= MONITORING
    assert {f.verdict for f in found if f.check in MONITORING} == {"ok"}, found


def test_rules_of_a_contract_that_are_not_loaded(watched: Watched) -> None:
    told = of(watched.found(contract=[ANOTHER]), "prometheus.rules")
    assert told.verdict == "wrong"
    assert "real-data" in told.what
    assert told.fix.startswith("baton contract render")


def test_a_contract_that_no_receiver_is_told_of(watched: Watched) -> None:
    told = of(watched.found(contract=[ANOTHER]), "alertmanager.receivers")
    assert told.verdict == "wrong"
    assert "real-data-page" in told.what


def test_a_prometheus_that_is_not_there(watched: Watched) -> None:
    told = faults(watched.found(Around(prometheus=f"http://{NOWHERE}")))
    assert "connection refused" in told["prometheus"].what


def test_an_alertmanager_that_is_another_program(watched: Watched) -> None:
    told = faults(watched.found(Around(alertmanager=watched.servers.prometheus)))
    assert watched.servers.prometheus in told["alertmanager"].what


def test_a_worker_that_has_ended(watched: Watched) -> None:
    around = watched.around
    assert watched.worker.stop() == 0
    await_that(lambda: watched.servers.query('up{job="baton"} == 0'), "a scrape that failed")
    told = faults(watched.found(around))
    assert told["worker"].fix
    assert "connection refused" in told["prometheus.scraping"].what
