"""Deployment files beside the public schemas and parsers of those who will read them.

Run with `make test-manifests`: what it needs is fetched (Go modules, kubernetes-validate).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.manifests.strimzi import SPECS
from tests.manifests.tools import COMPOSE, KUSTOMIZE, REPO, definitions, installed

KUBERNETES = REPO / "deploy/kubernetes"
OVERLAYS = ("base", "production")


def built(overlay: str) -> list[dict[str, Any]]:
    """What Kustomize makes of an overlay."""
    kubectl = shutil.which("kubectl")
    command = (
        [kubectl, "kustomize"] if kubectl else [str(installed(KUSTOMIZE, "kustomize")), "build"]
    )
    done = subprocess.run(
        [*command, str(KUBERNETES / overlay)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return list(yaml.load_all(done.stdout, yaml.CSafeLoader))


@pytest.fixture(scope="module")
def everything() -> list[dict[str, Any]]:
    return built("production")


def _key(document: dict[str, Any]) -> tuple[str, str]:
    return document["apiVersion"], document["kind"]


def _is_kubernetes_own(document: dict[str, Any]) -> bool:
    group = document["apiVersion"].rpartition("/")[0]
    return "." not in group or group.endswith(".k8s.io")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubernetes_own_objects_fit_its_schemas_strictly(overlay: str) -> None:
    validate = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not here: make test-manifests"
    )
    own = [each for each in built(overlay) if _is_kubernetes_own(each)]
    assert {"StatefulSet", "Service", "ConfigMap"} <= {each["kind"] for each in own}
    for document in own:
        validate.validate(document, "1.30", strict=True)


def test_the_operators_objects_fit_their_definitions(everything: list[dict[str, Any]]) -> None:
    theirs = [each for each in everything if not _is_kubernetes_own(each)]
    kinds = Counter(each["kind"] for each in theirs)
    assert kinds.keys() == {
        *("KafkaTopic", "KafkaUser", "PrometheusRule", "ScaledObject"),
        *("ServiceMonitor", "TriggerAuthentication"),
    }
    for document in theirs:
        key = _key(document)
        found = SPECS.get(key)
        judged = document["spec"] if found else document
        schema = found or definitions()[key]
        errors = list(Draft202012Validator(schema).iter_errors(judged))
        assert not errors, f"{key} {document['metadata']['name']}: {errors[0].message}"


def test_every_name_is_one_that_kubernetes_takes_and_is_there_once(
    everything: list[dict[str, Any]],
) -> None:
    named = [(each["kind"], each["metadata"]["name"]) for each in everything]
    assert len(set(named)) == len(named)
    for kind, name in named:
        assert len(name) <= 253, f"{kind} {name}"
        assert re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", name), f"{kind} {name}"


def test_a_misspelt_field_would_be_found(everything: list[dict[str, Any]]) -> None:
    (monitor,) = [each for each in everything if each["kind"] == "ServiceMonitor"]
    endpoint = monitor["spec"]["endpoints"][0] | {"intervall": "15s"}
    broken = monitor | {"spec": monitor["spec"] | {"endpoints": [endpoint]}}
    assert list(Draft202012Validator(definitions()[_key(monitor)]).iter_errors(broken))


def test_promtool_takes_every_rule_as_it_is_embedded(
    everything: list[dict[str, Any]], tmp_path: Path
) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not here (Debian: prometheus)")
    for document in everything:
        if document["kind"] == "PrometheusRule":
            file = tmp_path / f"{document['metadata']['name']}.yaml"
            file.write_text(yaml.safe_dump(document["spec"]))
            subprocess.run(["promtool", "check", "rules", file], check=True, capture_output=True)


def test_compose_s_own_parser_takes_the_file() -> None:
    done = subprocess.run(
        [installed(COMPOSE, "cmd"), "docker-compose.yml"],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = yaml.safe_load(done.stdout)
    assert document["services"].keys() >= {"kafka", "topics", "worker", "prometheus", "grafana"}
    (port,) = document["services"]["grafana"]["ports"]
    assert (port["host_ip"], port["published"]) == ("127.0.0.1", "3000")


def test_compose_s_own_parser_would_find_a_misspelt_key(tmp_path: Path) -> None:
    document = yaml.safe_load((REPO / "docker-compose.yml").read_text())
    document["services"]["worker"]["enviroment"] = {}
    (tmp_path / "compose.yml").write_text(yaml.safe_dump(document))
    done = subprocess.run(
        [installed(COMPOSE, "cmd"), tmp_path / "compose.yml"], capture_output=True, text=True
    )
    assert done.returncode != 0 or "enviroment" not in done.stdout
    assert "enviroment" in done.stderr + done.stdout
