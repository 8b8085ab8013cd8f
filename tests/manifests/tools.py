"""The programs and schemas that judge deployment files, fetched by the Go command as modules."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

REPO = Path(__file__).resolve().parents[2]
# Compose's own parser; and where the custom resources' definitions are published.
COMPOSE = "github.com/compose-spec/compose-go/v2/cmd@v2.9.0"
KUSTOMIZE = "sigs.k8s.io/kustomize/kustomize/v5@v5.7.1"
DEFINITIONS = {
    "github.com/kedacore/keda/v2@v2.17.2": "config/crd/bases",
    "github.com/prometheus-operator/prometheus-operator@v0.84.0": (
        "example/prometheus-operator-crd"
    ),
}
_GO_WITHIN_S = 600


class _Plain(yaml.CSafeLoader):
    """YAML 1.1 has a type of its own for `=`, which definitions use as text."""


_Plain.add_constructor("tag:yaml.org,2002:value", _Plain.construct_scalar)


def go(*arguments: str, into: Path | None = None) -> str:
    """What the Go command prints. Skips the test, with the reason, where there is no Go."""
    program = shutil.which("go")
    if program is None:
        pytest.skip(
            "go is not here: Compose's parser and the operators' definitions are Go modules"
        )
    folder = REPO / ".venv" / "go"
    folder.mkdir(parents=True, exist_ok=True)
    env = dict(os.environ) | ({"GOBIN": str(into)} if into else {})
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=_GO_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def installed(module: str, name: str) -> Path:
    """A program of a Go module, built once for this checkout."""
    at = REPO / ".venv" / "go" / module.rpartition("@")[2]
    if not (at / name).exists():
        go("install", module, into=at)
    return at / name


@cache
def definitions() -> Mapping[tuple[str, str], dict[str, Any]]:
    """The strict JSON Schema of each custom resource, by apiVersion and kind."""
    return {
        key: schema
        for module, folder in DEFINITIONS.items()
        for file in sorted((module_folder(module) / folder).glob("*.yaml"))
        for key, schema in _versions(yaml.load(file.read_text(), _Plain))
    }


def module_folder(module: str) -> Path:
    """Where the Go command keeps a module's files."""
    return Path(json.loads(go("mod", "download", "-json", module))["Dir"])


def _versions(definition: dict[str, Any]) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    spec = definition["spec"]
    for version in spec["versions"]:
        schema = strict(version["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        yield (f"{spec['group']}/{version['name']}", spec["names"]["kind"]), schema


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """A structural schema as JSON Schema that refuses what an API server would drop."""
    made: dict[str, Any] = {}
    for name, said in schema.items():
        if name == "properties":
            made[name] = {each: strict(of) for each, of in said.items()}
        elif name in ("items", "additionalProperties") and isinstance(said, dict):
            made[name] = strict(said)
        elif not name.startswith("x-kubernetes") and name not in ("format", "nullable"):
            made[name] = said
    if schema.get("x-kubernetes-int-or-string"):
        made["type"] = ["integer", "string"]
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made
