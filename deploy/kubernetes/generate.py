"""Writes what in deploy/kubernetes follows from elsewhere: contracts, rules, topics, users ...

Usage: python deploy/kubernetes/generate.py [CONTRACTS ...]; a test compares what is committed.
Rules and dashboards are read as `baton contract render` wrote them into deploy/.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from streams.agents.stages import STAGES
from streams.contract_files import contract_files
from streams.kafka import acls
from streams.kafka.topics import TopicSpec, changelog_topics, declared_topics

HERE = Path(__file__).resolve().parent
DEPLOY = HERE.parent
APP_ID = "baton"
CLUSTER = "baton-kafka"  # the name of Strimzi's Kafka
PARTITIONS = 12
REPLICAS = 3
_TITLE = "# Made by deploy/kubernetes/generate.py; a test compares.\n"
# Strimzi's words for Kafka's (KafkaUser, io.strimzi.api.kafka.model.user.acl).
_RESOURCES = {"topic": "topic", "group": "group", "transactional_id": "transactionalId"}
_PATTERNS = {"literal": "literal", "prefixed": "prefix"}


def files(contracts: Sequence[Path] = ()) -> dict[str, str]:
    """The text of each file, by its path below deploy/kubernetes."""
    monitoring = dict([*_rules(), *_dashboards()])
    return {
        **_contracts(contract_files(contracts or [DEPLOY / "contracts"])),
        "strimzi/topics.yaml": _text(_topics()),
        "strimzi/users.yaml": _text(_users()),
        **{f"monitoring/{name}": _text([document]) for name, document in monitoring.items()},
        "monitoring/kustomization.yaml": _text([_kustomization(sorted(monitoring))]),
    }


def _text(documents: Iterable[dict[str, Any]]) -> str:
    return _TITLE + yaml.safe_dump_all(documents, sort_keys=False, width=10_000, allow_unicode=True)


def _object(kind: str, version: str, name: str, **rest: Any) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": "baton"} | rest.pop("labels", {})
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "labels": labels},
        **rest,
    }


def _contracts(paths: Iterable[Path]) -> dict[str, str]:
    """Copies: Kustomize reads nothing outside, and makes a ConfigMap whose name has their hash."""
    copies = {path.name: path.read_text(encoding="utf-8") for path in paths}
    made = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "configMapGenerator": [{"name": "baton-contracts", "files": sorted(copies)}],
    }
    return {
        "contracts/kustomization.yaml": _text([made]),
        **{f"contracts/{name}": text for name, text in copies.items()},
    }


def _rules() -> Iterator[tuple[str, dict[str, Any]]]:
    """The names of files and their PrometheusRules."""
    for file in sorted((DEPLOY / "prometheus/rules").glob("*.yaml")):
        spec = yaml.safe_load(file.read_text(encoding="utf-8"))
        stem = file.stem.replace("_", "-")  # an object's name is a domain name
        name = f"baton-{stem}" if stem != "baton" else "baton"
        yield (
            f"rules-{file.stem}.yaml",
            _object("PrometheusRule", "monitoring.coreos.com/v1", name, spec=spec),
        )


def _dashboards() -> Iterator[tuple[str, dict[str, Any]]]:
    """ConfigMaps as the sidecar of Grafana's chart looks for them, by label."""
    for file in sorted((DEPLOY / "grafana/dashboards").glob("*.json")):
        compact = json.dumps(json.loads(file.read_text(encoding="utf-8")), separators=(",", ":"))
        yield (
            f"dashboard-{file.stem}.yaml",
            _object(
                "ConfigMap",
                "v1",
                f"dashboard-{file.stem}",
                labels={"grafana_dashboard": "1"},
                data={file.name: compact},
            ),
        )


def _kustomization(resources: list[str]) -> dict[str, Any]:
    return {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "resources": ["servicemonitor.yaml", *resources],
    }


def _topics() -> Iterator[dict[str, Any]]:
    changelogs = changelog_topics(
        [f"{APP_ID}-{stage.table}-changelog" for stage in STAGES], PARTITIONS
    )
    for spec in (*declared_topics("", PARTITIONS), *changelogs):
        yield _topic(spec)


def _topic(spec: TopicSpec) -> dict[str, Any]:
    config = {name: _number(said) for name, said in spec.config.items()}
    return _object(
        "KafkaTopic",
        "kafka.strimzi.io/v1",
        spec.name,
        labels={"strimzi.io/cluster": CLUSTER},
        spec={
            "partitions": spec.partitions,
            "replicas": REPLICAS,
            "config": {**config, "min.insync.replicas": REPLICAS - 1},
        },
    )


def _number(said: str) -> int | str:
    return int(said) if said.lstrip("-").isdigit() else said


def _users() -> Iterator[dict[str, Any]]:
    """A KafkaUser for each principal; roles that are another's by default are folded into it."""
    held: defaultdict[str, list[str]] = defaultdict(list)
    for role in acls.roles():
        held[acls.principal_of(role, {}, "baton-").removeprefix("User:")].append(role)
    for name, some in held.items():
        yield _object(
            "KafkaUser",
            "kafka.strimzi.io/v1",
            name,
            labels={"strimzi.io/cluster": CLUSTER},
            spec={
                "authentication": {"type": "scram-sha-512"},
                "authorization": {"type": "simple", "acls": list(_rules_of(some))},
            },
        )


def _rules_of(roles: Iterable[str]) -> Iterator[dict[str, Any]]:
    allowed: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for role in roles:
        for each in acls.permissions(role, prefix="", app_id=APP_ID):
            operations = allowed[(each.resource, each.name, each.pattern)]
            if each.operation not in operations:
                operations.append(each.operation)
    for (resource, name, pattern), operations in allowed.items():
        yield {
            "resource": {
                "type": _RESOURCES[resource],
                "name": name,
                "patternType": _PATTERNS[pattern],
            },
            "operations": operations,
        }


if __name__ == "__main__":
    for name, text in files([Path(each) for each in sys.argv[1:]]).items():
        (HERE / name).write_text(text, encoding="utf-8")
        print(HERE / name)
