"""A real Prometheus and Alertmanager on loopback, with what `baton contract render` wrote."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streams.contract_files import load_contracts
from streams.export.alerting.deployment import rendered
from streams.export.alerting.options import RenderOptions
from streams.kafka.processes import free_loopback_ports, log_tail, spawn_tied, stop_process
from tests.worker_process import NotInTime, await_that

PROMETHEUS = "prometheus"
ALERTMANAGER = "prometheus-alertmanager"
TOKEN = "the-receivers-token"
ROUTING_KEY = "a-routing-key-of-32-characters-0"


def missing() -> str:
    """Why the tests cannot run here; empty where they can."""
    absent = [name for name in (PROMETHEUS, ALERTMANAGER) if shutil.which(name) is None]
    return f"not here: {' '.join(absent)} (apt-get install {' '.join(absent)})" if absent else ""


@dataclass(frozen=True)
class Monitoring:
    """The addresses of both servers."""

    prometheus: str
    alertmanager: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query."""
        asked = urllib.parse.urlencode({"query": expression})
        found = _get(f"{self.prometheus}/api/v1/query?{asked}")
        samples: list[dict[str, Any]] = found["data"]["result"]
        return samples

    def alerts(self, **labels: str) -> list[dict[str, Any]]:
        """The alerts that Alertmanager has with these labels, silenced or not."""
        found: list[dict[str, Any]] = _get(f"{self.alertmanager}/api/v2/alerts")
        return [each for each in found if labels.items() <= each["labels"].items()]


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def _write_secrets(folder: Path, webhook: str) -> None:
    """Every file that the rendered configuration names."""
    for owner in ("baton", "paged"):
        (folder / owner).mkdir(parents=True)
        (folder / owner / "slack").write_text(f"{webhook}/slack")
        for key in ("pagerduty", "pagerduty-SG", "pagerduty-MY"):
            (folder / owner / key).write_text(ROUTING_KEY)
    (folder / "webhook-token").write_text(TOKEN)
    (folder / "smtp-password").write_text("unused")


@contextmanager
def monitoring(contract: Path, worker: str, webhook: str, folder: Path) -> Iterator[Monitoring]:
    """Both servers until the block ends: they watch the worker at host:port and tell `webhook`."""
    ports = free_loopback_ports(2)
    prometheus, alertmanager = (f"127.0.0.1:{port}" for port in ports)
    options = RenderOptions(
        scrape_interval="1s",
        stale_after="10s",
        group_wait="1s",
        group_interval="3s",
        workers=(worker,),
        prometheus=prometheus,
        alertmanager=alertmanager,
        secrets_dir=str(folder / "secrets"),
        pagerduty_url=f"{webhook}/pagerduty",
        webhook_url=webhook,
    )
    for name, text in rendered(load_contracts([contract]), options).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    _write_secrets(folder / "secrets", webhook)
    argv = {
        ALERTMANAGER: (
            f"--config.file={folder}/alertmanager/alertmanager.yml",
            f"--storage.path={folder}/alertmanager-data",
            f"--web.listen-address={alertmanager}",
            "--cluster.listen-address=",
        ),
        PROMETHEUS: (
            f"--config.file={folder}/prometheus/prometheus.yml",
            f"--storage.tsdb.path={folder}/prometheus-data",
            f"--web.listen-address={prometheus}",
            # What is sent before Alertmanager is discovered is lost; the stock delay is 1 m.
            "--rules.alert.resend-delay=5s",
        ),
    }
    processes = []
    try:
        for name, flags in argv.items():
            binary = shutil.which(name)
            assert binary is not None, name
            processes.append(spawn_tied([binary, *flags], log=folder / f"{name}.log"))
        for name, address in ((ALERTMANAGER, alertmanager), (PROMETHEUS, prometheus)):
            try:
                await_that(lambda at=address: _ready(at), f"{name} that is ready", 30)
            except NotInTime as error:
                raise NotInTime(f"{error}\n{log_tail(folder / f'{name}.log', 20)}") from None
        yield Monitoring(f"http://{prometheus}", f"http://{alertmanager}")
    finally:
        for process in processes:
            stop_process(process, 10)


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
