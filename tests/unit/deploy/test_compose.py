"""docker-compose.yml: what can be known of it without a container engine.

tests/kafka/test_compose_on_kafka.py runs its worker; tests/manifests asks Compose's own parser.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp.test_utils import unused_port

from deploy.compose.generate import files
from deploy.compose.pages import lines
from streams.export.access import pages_access
from streams.settings import Settings
from tests.compose_file import REPO, compose, environment, mounts, service

SERVICES = sorted(compose()["services"])
LASTING = [name for name in SERVICES if service(name).get("restart") == "unless-stopped"]
COMPOSE = REPO / "deploy/compose"
_ADDRESS = re.compile(r"(?:^|[/,@=\s])([a-z][a-z0-9-]*):(\d{2,5})(?=$|[/,\s])")


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What secrets.sh makes, in a folder of its own."""
    folder = tmp_path_factory.mktemp("compose")
    for name in ("secrets.sh", "alertmanager.yml"):
        shutil.copy(COMPOSE / name, folder)
    subprocess.run(["sh", folder / "secrets.sh"], check=True, capture_output=True)
    return folder / "secrets"


def _ports(name: str) -> set[int]:
    """What a service listens on inside the network, as its own settings say."""
    said = " ".join([*map(str, service(name).get("command", ())), *environment(name).values()])
    published = {int(port.rsplit(":", 1)[1]) for port in service(name).get("ports", ())}
    return published | {int(port) for port in re.findall(r"(?<=:)\d{4,5}\b|\b\d{4,5}\b", said)}


def _meets(one: str, other: str) -> bool:
    return bool(set(service(one)["networks"]) & set(service(other)["networks"]))


def test_each_file_it_mounts_exists_or_is_made_by_secrets_sh(secrets: Path) -> None:
    for name in SERVICES:
        for mount in mounts(name):
            source = mount.source
            if source.is_relative_to(COMPOSE / "secrets"):
                source = secrets / source.relative_to(COMPOSE / "secrets")
            assert source.exists(), f"{name}: {mount.source}"
            assert mount.read_only, f"{name}: {mount.source}"


def test_every_secret_that_alertmanager_names_is_made_and_kept(secrets: Path) -> None:
    wanted = re.findall(
        r"/etc/alertmanager/secrets/(\S+)", (COMPOSE / "alertmanager.yml").read_text()
    )
    assert wanted
    for name in wanted:
        assert (secrets / "alertmanager" / name).read_text().strip(), name
    assert secrets.stat().st_mode & 0o777 == 0o700
    before = {file: file.read_text() for file in secrets.rglob("*") if file.is_file()}
    subprocess.run(["sh", secrets.parent / "secrets.sh"], check=True, capture_output=True)
    assert before == {file: file.read_text() for file in secrets.rglob("*") if file.is_file()}


def _addresses() -> list[tuple[str, str, int]]:
    """Who names whom at which port: in commands, variables and the mounted configuration."""
    found = []
    for name in SERVICES:
        texts = [*map(str, service(name).get("command", ())), *environment(name).values()]
        for mount in mounts(name):
            if mount.source.suffix in (".yml", ".yaml") or "provisioning" in str(mount.source):
                listed = mount.source.rglob("*.yaml") if mount.source.is_dir() else [mount.source]
                texts += [
                    re.sub(r"#.*", "", file.read_text())
                    for file in listed
                    if file.is_file() and "contracts" not in str(file)
                ]
        for text in texts:
            found += [(name, host, int(port)) for host, port in _ADDRESS.findall(text)]
    return sorted(set(found))


def test_every_service_that_is_named_exists_listens_there_and_can_be_reached() -> None:
    named = [each for each in _addresses() if each[1] != "localhost"]
    assert {
        ("topics", "kafka", 9092),
        ("worker", "kafka", 9092),
        ("replay", "kafka", 9092),
        ("prometheus", "worker", 9464),
        ("prometheus", "alertmanager", 9093),
        ("alertmanager", "pages", 9095),
        ("grafana", "prometheus", 9090),
    } <= set(named)
    for user, host, port in named:
        assert host in SERVICES, f"{user} names {host}:{port}"
        assert port in _ports(host), f"{user} asks {host} at {port}"
        assert user == host or _meets(user, host), f"{user} cannot reach {host}"


def test_who_waits_for_another_waits_for_something_that_it_has() -> None:
    for name in SERVICES:
        for other, how in service(name).get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                own = service(other).get("healthcheck")
                assert own is None or "disable" not in own, f"{name} waits for {other}"
                built = service(other).get("build", {}).get("dockerfile", "")
                assert own or "HEALTHCHECK" in (REPO / built).read_text()
            else:
                assert service(other)["restart"] in ("no", "on-failure:5"), f"{name}: {other}"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_no_more_than_it_needs(name: str) -> None:
    said = service(name)
    assert said["read_only"]
    assert said["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in said["security_opt"]
    assert {"cpus", "memory", "pids"} <= said["deploy"]["resources"]["limits"].keys()
    assert "build" in said or re.fullmatch(r"\S+:\S+@sha256:[0-9a-f]{64}", said["image"])
    for port in said.get("ports", ()):
        assert port.startswith("127.0.0.1:"), port


@pytest.mark.parametrize("name", LASTING)
def test_what_lasts_is_watched(name: str) -> None:
    own = service(name).get("healthcheck")
    assert own is None or own["test"][0] == "CMD"
    assert own is not None or "build" in service(name)


def test_no_variable_holds_a_secret() -> None:
    for name in SERVICES:
        for variable, value in environment(name).items():
            secret = re.search("PASSWORD|SECRET|TOKEN", variable)
            assert secret is None or value.startswith("/run/secrets/"), f"{name}: {variable}"


def test_the_worker_s_variables_are_settings() -> None:
    known = {f"BATON_{field.upper()}" for field in Settings.model_fields}
    for name in ("worker", "topics"):
        assert environment(name).keys() <= known


def test_the_worker_s_pages_are_not_open_to_everybody(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BATON_HOST", "BATON_PORT"):
        monkeypatch.setenv(name, environment("worker")[name])
    monkeypatch.setenv("BATON_PAGES_TOKEN_FILE", str(secrets / "pages-token"))
    access = pages_access(Settings())
    assert not access.allows(None)
    assert access.allows(f"Bearer {(secrets / 'pages-token').read_text()}")


def test_what_is_generated_is_what_the_contracts_give() -> None:
    for name, text in files().items():
        told = "run python deploy/compose/generate.py"
        assert (COMPOSE / name).read_text() == text, f"{name}: {told}"


def test_promtool_and_amtool_take_the_files_where_they_are_mounted(
    secrets: Path, tmp_path: Path
) -> None:
    token = str(secrets / "pages-token")
    text = (COMPOSE / "prometheus.yml").read_text().replace("/run/secrets/pages-token", token)
    (tmp_path / "prometheus.yml").write_text(text)
    (tmp_path / "rules").symlink_to(REPO / "deploy/prometheus/rules")
    _tool("promtool", "check", "config", str(tmp_path / "prometheus.yml"))
    text = (COMPOSE / "alertmanager.yml").read_text()
    text = text.replace("/etc/alertmanager/secrets", str(secrets / "alertmanager"))
    (tmp_path / "alertmanager.yml").write_text(text)
    _tool("amtool", "check-config", str(tmp_path / "alertmanager.yml"))


def _tool(name: str, *arguments: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not here (Debian: prometheus, prometheus-alertmanager)")
    done = subprocess.run([name, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_grafana_finds_its_data_source_and_every_dashboard() -> None:
    targets = {mount.target: mount.source for mount in mounts("grafana")}
    provisioning = targets["/etc/grafana/provisioning"]
    provider = yaml.safe_load((provisioning / "dashboards/baton.yaml").read_text())
    assert provider["providers"][0]["options"]["path"] in targets
    source = yaml.safe_load((provisioning / "datasources/baton.yaml").read_text())
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    scraped = yaml.safe_load((COMPOSE / "prometheus.yml").read_text())["global"]["scrape_interval"]
    assert source["datasources"][0]["jsonData"]["timeInterval"] == scraped


def test_every_port_and_variable_is_in_its_readme() -> None:
    told = (COMPOSE / "README.md").read_text()
    for variable in set(re.findall(r"\$\{(\w+)", (REPO / "docker-compose.yml").read_text())):
        assert f"`{variable}`" in told, variable


def test_pages_are_printed_in_a_line_each() -> None:
    alert = {
        "status": "firing",
        "labels": {"alertname": "BatonClauseBreached"},
        "annotations": {"summary": "chat-wait"},
    }
    body: dict[str, Any] = {"alerts": [alert, alert | {"status": "resolved"}]}
    assert lines("/page/x", body) == [
        "/page/x: firing BatonClauseBreached: chat-wait",
        "/page/x: resolved BatonClauseBreached: chat-wait",
    ]
    pager = {"event_action": "trigger", "payload": {"summary": "chat-wait"}}
    assert lines("/pagerduty", pager) == ["/pagerduty: trigger chat-wait"]


@pytest.mark.parametrize("sent", [b"no json", b"[]", b'{"alerts": [{}]}'])
def test_pages_survives_what_is_no_notification(sent: bytes) -> None:
    from threading import Thread
    from urllib.request import urlopen

    from deploy.compose.pages import ThreadingHTTPServer, _Pages

    server = ThreadingHTTPServer(("127.0.0.1", unused_port()), _Pages)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with urlopen(f"http://127.0.0.1:{server.server_port}/x", data=sent, timeout=5) as answer:
            assert answer.status == 200
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
