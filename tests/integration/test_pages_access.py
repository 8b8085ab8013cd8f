"""Prometheus as an operator sets it up scrapes a worker whose pages need credentials."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.processes import free_loopback_ports, log_tail, spawn_tied, stop_process
from tests.stream_run import CONTRACT
from tests.worker_process import EMBEDDED, WorkerProcess, await_that

TOKEN, USER, PASSWORD = "planted-token", "prometheus", "planted-password"
CONFIG = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: bearer
    authorization: {{type: Bearer, credentials_file: {folder}/token}}
    static_configs: [{{targets: ["{target}"]}}]
  - job_name: basic
    basic_auth: {{username: {user}, password_file: {folder}/password}}
    static_configs: [{{targets: ["{target}"]}}]
  - job_name: nobody
    static_configs: [{{targets: ["{target}"]}}]
  - job_name: wrong
    authorization: {{type: Bearer, credentials: wrong}}
    static_configs: [{{targets: ["{target}"]}}]
"""


@pytest.fixture(scope="module")
def worker(
    embedded: EmbeddedBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerProcess]:
    """One whose pages take a token, from a file, and a login."""
    tmp_path = tmp_path_factory.mktemp("worker")
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    flags = ("--broker", embedded.bootstrap, "--prefix", "pages.", "--app-id", "pages")
    more = ("--contract", str(CONTRACT), "--port", "0", *EMBEDDED)
    access = ("--pages-token-file", str(tmp_path / "token"), "--pages-user", USER)
    env = {"BATON_PAGES_PASSWORD": PASSWORD}
    found = WorkerProcess([*flags, *more, *access], tmp_path / "worker.log", env=env)
    yield found
    stop_process(found.process, 15)


def test_prometheus_scrapes_with_either_credential_and_not_without(
    worker: WorkerProcess, tmp_path: Path
) -> None:
    prometheus, promtool = shutil.which("prometheus"), shutil.which("promtool")
    if prometheus is None or promtool is None:
        pytest.skip("Prometheus is not installed (Debian: apt-get install prometheus)")
    target = urlsplit(worker.url("metrics")).netloc
    config = tmp_path / "prometheus.yml"
    config.write_text(CONFIG.format(folder=worker.log.parent, user=USER, target=target))
    checked = subprocess.run(
        [promtool, "check", "config", str(config)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    address, log = f"127.0.0.1:{free_loopback_ports(1)[0]}", tmp_path / "prometheus.log"
    server = spawn_tied(
        [
            prometheus,
            f"--config.file={config}",
            f"--storage.tsdb.path={tmp_path / 'tsdb'}",
            f"--web.listen-address={address}",
        ],
        log=log,
    )
    wanted = {"bearer": "up", "basic": "up", "nobody": "down", "wrong": "down"}
    errors: dict[str, str] = {}

    def scraped() -> bool:
        assert server.poll() is None, log_tail(log)
        worker.must_run()
        try:
            with urllib.request.urlopen(f"http://{address}/api/v1/targets", timeout=5) as answer:
                targets = json.load(answer)["data"]["activeTargets"]
        except OSError:  # not yet listening
            return False
        errors.update({each["scrapePool"]: each["lastError"] for each in targets})
        return {each["scrapePool"]: each["health"] for each in targets} == wanted

    try:
        await_that(scraped, f"targets that are {wanted}")
    finally:
        stop_process(server, 10)
    assert "401" in errors["nobody"]
    assert "401" in errors["wrong"]


def test_probes_need_no_credentials(worker: WorkerProcess) -> None:
    worker.await_ready()
    assert worker.page("readyz") == (200, '{"ok":true}')
    assert worker.page("healthz") == (200, '{"ok":true}')
    assert worker.page("metrics")[0] == 401
