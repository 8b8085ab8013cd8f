"""docker-compose.yml's own commands, variables and broker settings, on a real Kafka."""

from __future__ import annotations

import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from streams.kafka.processes import stop_process
from tests.compose_file import REPO, environment, on_the_host, service
from tests.kafka.apache import ApacheKafka
from tests.worker_process import WorkerProcess
from tests.worker_process import environment as clean

# Where the broker listens and keeps its data is another's here; all else is the file's.
_PLACES = ("LISTENER", "QUORUM", "NODE_ID", "PROCESS_ROLES", "LOG_DIRS", "HEAP_OPTS")


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compose")
    for name in ("secrets.sh", "alertmanager.yml"):
        shutil.copy(REPO / "deploy/compose" / name, folder)
    subprocess.run(["sh", folder / "secrets.sh"], check=True, capture_output=True)
    return folder / "secrets"


def _broker_properties() -> dict[str, str]:
    said = {
        name.removeprefix("KAFKA_"): value
        for name, value in environment("kafka").items()
        if name.startswith("KAFKA_") and not any(place in name for place in _PLACES)
    }
    return {name.replace("_", ".").lower(): value for name, value in said.items()}


def _variables(name: str, broker: str, secrets: Path, folder: Path) -> dict[str, str]:
    said = {
        variable: on_the_host(name, value, secrets) for variable, value in environment(name).items()
    }
    assert said["BATON_BROKER"] == "kafka:9092"
    said["BATON_BROKER"] = broker
    if name == "worker":
        said |= {"BATON_HOST": "127.0.0.1", "BATON_PORT": "0", "BATON_STATE_DIR": str(folder)}
    return said


def test_its_topics_and_its_worker_come_up_and_end_as_they_should(
    kafka_lib: Path, secrets: Path, tmp_path: Path
) -> None:
    properties = _broker_properties()
    assert properties["auto.create.topics.enable"] == "false"
    with ApacheKafka(workdir=tmp_path / "kafka", lib=kafka_lib, properties=properties) as kafka:
        topics = subprocess.run(
            [sys.executable, "-m", "streams", *service("topics")["command"]],
            env=clean() | _variables("topics", kafka.bootstrap, secrets, tmp_path),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert topics.returncode == 0, topics.stderr
        assert "interaction-events partitions=4" in topics.stdout
        assert service("worker")["command"][0] == "worker"
        worker = WorkerProcess(
            service("worker")["command"][1:],
            tmp_path / "worker.log",
            env=_variables("worker", kafka.bootstrap, secrets, tmp_path / "state"),
        )
        try:
            worker.await_ready()
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(worker.url("metrics"), timeout=10)
            token = (secrets / "pages-token").read_text()
            request = urllib.request.Request(
                worker.url("metrics"), headers={"Authorization": f"Bearer {token}"}
            )
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert b"baton_build_info" in answer.read()
            assert (tmp_path / "state" / "baton").is_dir()
            assert worker.stop() == 0
        finally:
            stop_process(worker.process, 20)
