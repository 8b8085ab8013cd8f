"""deploy/kubernetes: made of the code it is for, and whole. tests/manifests asks the schemas."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.kubernetes.generate import APP_ID, CLUSTER, HERE, PARTITIONS, REPLICAS, files
from streams.doctor.access import needed
from streams.doctor.topics import specs
from streams.settings import Settings


def _documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((HERE / name).read_text()))


STATEFUL_SET = _documents("base/statefulset.yaml")[0]
POD = STATEFUL_SET["spec"]["template"]["spec"]
WORKER = POD["containers"][0]
SAID = dict(
    literal.split("=", 1)
    for literal in _documents("base/kustomization.yaml")[0]["configMapGenerator"][0]["literals"]
)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in SAID.items():
        if name != "BATON_CONTRACT":
            monkeypatch.setenv(name, value)
    return Settings()


def test_what_is_generated_is_committed_and_nothing_else_with_it() -> None:
    made = files()
    for name, text in made.items():
        assert (HERE / name).read_text() == text, f"{name}: run make deploy-files"
    for folder, pattern in (("contracts", "*.yaml"), ("monitoring", "*-*.yaml")):
        there = {f"{folder}/{file.name}" for file in (HERE / folder).glob(pattern)}
        assert there <= made.keys(), f"remove {there - made.keys()}"


def test_settings_are_those_of_the_worker_and_agree_with_the_topics(settings: Settings) -> None:
    assert SAID.keys() <= {f"BATON_{field.upper()}" for field in Settings.model_fields}
    assert settings.partitions == PARTITIONS
    assert settings.replication == REPLICAS
    assert settings.app_id == APP_ID
    assert settings.broker == f"{CLUSTER}-kafka-bootstrap:9093"


def test_topics_are_those_a_worker_with_these_settings_looks_for(settings: Settings) -> None:
    declared, changelogs = specs(settings)
    made = {each["metadata"]["name"]: each["spec"] for each in _documents("strimzi/topics.yaml")}
    assert made.keys() == {spec.name for spec in (*declared, *changelogs)}
    for spec in (*declared, *changelogs):
        config = {name: str(said) for name, said in made[spec.name]["config"].items()}
        assert spec.config.items() <= config.items()
        assert made[spec.name]["partitions"] == spec.partitions
        assert config["min.insync.replicas"] == "2"


def test_the_worker_s_user_may_do_what_a_worker_does(settings: Settings) -> None:
    users = {each["metadata"]["name"]: each["spec"] for each in _documents("strimzi/users.yaml")}
    spec = users[settings.sasl_username]
    held = {
        (rule["resource"]["type"], rule["resource"]["name"], operation)
        for rule in spec["authorization"]["acls"]
        for operation in rule["operations"]
    }
    kinds = {"topic": "topic", "group": "group", "transactional_id": "transactionalId"}
    assert {(kinds[p.resource], p.name, p.operation) for p in needed(settings)} <= held
    assert spec["authentication"]["type"] == settings.sasl_mechanism.lower()


def test_every_file_that_a_setting_names_is_mounted_from_a_secret() -> None:
    mounts = {each["mountPath"]: each["name"] for each in WORKER["volumeMounts"]}
    volumes = {each["name"]: each for each in POD["volumes"]}
    named = {name: path for name, path in SAID.items() if path.startswith("/run/secrets/")}
    assert {"BATON_SASL_PASSWORD_FILE", "BATON_SSL_CAFILE", "BATON_PAGES_TOKEN_FILE"} == set(named)
    for path in named.values():
        folder, _, file = path.rpartition("/")
        secret = volumes[mounts[folder]]["secret"]
        assert file in [item["path"] for item in secret["items"]]
        assert secret["defaultMode"] & 0o007 == 0
    assert SAID["BATON_STATE_DIR"] in mounts
    assert SAID["BATON_CONTRACT"] in mounts


def test_no_file_holds_a_secret() -> None:
    for file in sorted(HERE.rglob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            if document.get("kind") == "Secret":
                assert document["stringData"].keys() == {"sasl", "tls", "username"}, file


def test_a_worker_may_do_no_more_than_it_needs() -> None:
    security = WORKER["securityContext"]
    assert security["readOnlyRootFilesystem"]
    assert not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert POD["securityContext"]["runAsNonRoot"]
    assert POD["automountServiceAccountToken"] is False
    # BATON_PORT=tcp://... of a service named baton would be taken for a setting.
    assert POD["enableServiceLinks"] is False
    uid = POD["securityContext"]["runAsUser"]
    assert f"USER {uid}:{uid}" in (HERE.parent / "Dockerfile").read_text()


def test_workers_are_at_most_one_a_partition() -> None:
    scaled = _documents("keda/scaledobject.yaml")[0]["spec"]
    assert scaled["maxReplicaCount"] <= PARTITIONS
    assert scaled["minReplicaCount"] == STATEFUL_SET["spec"]["replicas"]
    trigger = scaled["triggers"][0]["metadata"]
    assert trigger["consumerGroup"] == APP_ID
    assert trigger["bootstrapServers"] == SAID["BATON_BROKER"]
    assert trigger["topic"] == "interaction-events"


def test_everything_finds_the_same_pods() -> None:
    labels = STATEFUL_SET["spec"]["template"]["metadata"]["labels"]
    service = _documents("base/service.yaml")[0]
    budget = _documents("base/poddisruptionbudget.yaml")[0]
    policy = _documents("base/networkpolicy.yaml")[0]
    monitor = _documents("monitoring/servicemonitor.yaml")[0]
    assert STATEFUL_SET["spec"]["selector"]["matchLabels"] == labels
    assert service["spec"]["selector"] == labels
    assert budget["spec"]["selector"]["matchLabels"] == labels
    assert policy["spec"]["podSelector"]["matchLabels"] == labels
    assert (
        monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    )
    assert STATEFUL_SET["spec"]["serviceName"] == service["metadata"]["name"]


def test_rules_and_dashboards_find_the_job_they_name() -> None:
    """Prometheus's operator names a job after the Service."""
    name = _documents("base/service.yaml")[0]["metadata"]["name"]
    rules = (HERE.parent / "prometheus/rules/baton.yaml").read_text()
    assert set(re.findall(r'job="([^"]+)"', rules)) == {name}
    interval = _documents("monitoring/servicemonitor.yaml")[0]["spec"]["endpoints"][0]["interval"]
    config = yaml.safe_load((HERE.parent / "prometheus/prometheus.yml").read_text())
    assert interval == config["global"]["scrape_interval"]


def test_probes_ask_pages_that_a_worker_has() -> None:
    pages = (Path(__file__).parents[3] / "streams/export/pages.py").read_text()
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert f'"{WORKER[probe]["httpGet"]["path"]}"' in pages
