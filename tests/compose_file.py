"""docker-compose.yml as it stands when nothing is set: variables at their defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

REPO = Path(__file__).resolve().parents[1]
FILE = REPO / "docker-compose.yml"
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


@dataclass(frozen=True)
class Mount:
    """A file or folder of the host in a container."""

    source: Path
    target: str
    read_only: bool


@cache
def compose() -> dict[str, Any]:
    """The document."""
    document: dict[str, Any] = yaml.safe_load(interpolated(FILE.read_text(), {}))
    return document


def interpolated(text: str, said: Mapping[str, str]) -> str:
    """The text with ${NAME:-default} replaced as Compose does."""
    return _VARIABLE.sub(lambda found: said.get(found[1]) or found[2] or "", text)


def service(name: str) -> dict[str, Any]:
    """One service."""
    found: dict[str, Any] = compose()["services"][name]
    return found


def mounts(name: str) -> list[Mount]:
    """What of the host's files a service sees, secrets included."""
    found = []
    for said in service(name).get("volumes", ()):
        source, target, *mode = said.split(":")
        if source.startswith("."):
            found.append(Mount(REPO / source, target, mode == ["ro"]))
    for secret in service(name).get("secrets", ()):
        source = REPO / compose()["secrets"][secret]["file"]
        found.append(Mount(source, f"/run/secrets/{secret}", True))
    return found


def environment(name: str) -> dict[str, str]:
    """The variables of a service, as a process gets them."""
    said = service(name).get("environment", {})
    return {name: value if isinstance(value, str) else str(value) for name, value in said.items()}


def on_the_host(name: str, path: str, secrets: Path) -> str:
    """Where a path in a service's container lies here; those of secrets in another folder."""
    for mount in mounts(name):
        if path == mount.target or path.startswith(f"{mount.target}/"):
            source = str(mount.source) + path.removeprefix(mount.target)
            return source.replace(str(REPO / "deploy/compose/secrets"), str(secrets))
    return path
