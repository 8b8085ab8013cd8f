"""`make sbom`: what requirements.lock pins as CycloneDX JSON, with hashes, in dist/.

Two runs give the same bytes (no timestamp, no serial number). cyclonedx-py validates the document
against CycloneDX's schema; here it is held to the lock file. Runs in
.venv-audit.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path("requirements.lock")
BOM = Path("dist/baton-streams.cdx.json")
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^ ;\\]+)")


def pins(lock: str) -> dict[tuple[str, str], int]:
    """(name, version) of everything a lock file pins, and how many hashes it has."""
    found: dict[tuple[str, str], int] = {}
    last: tuple[str, str] | None = None
    for line in lock.splitlines():
        match = _PIN.match(line)
        if match:
            last = (match[1], match[2])
            found[last] = 0
        elif last is not None:
            found[last] += line.count("--hash=sha256:")
    return found


def listed(bom: dict[str, Any]) -> dict[tuple[str, str], int]:
    """(name, version) of every component, and how many hashes it has."""
    return {
        (component["name"], component["version"]): sum(
            len(reference.get("hashes", ())) for reference in component["externalReferences"]
        )
        for component in bom["components"]
    }


def main() -> int:
    """Write BOM and check it."""
    BOM.parent.mkdir(exist_ok=True)
    done = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements"),
            *("--output-reproducible", "--validate", "--pyproject", "pyproject.toml"),
            *("--output-format", "JSON", "--output-file", str(BOM), str(LOCK)),
        ]
    )
    if done.returncode:
        return done.returncode
    pinned, found = pins(LOCK.read_text()), listed(json.loads(BOM.read_text()))
    if found != pinned:
        differ = sorted(set(pinned.items()) ^ set(found.items()))
        print(f"{BOM} does not list what {LOCK} pins: {differ}", file=sys.stderr)
        return 1
    print(f"{BOM}: {len(found)} components with hashes, valid CycloneDX {_spec()}")
    return 0


def _spec() -> str:
    return str(json.loads(BOM.read_text())["specVersion"])


if __name__ == "__main__":
    sys.exit(main())
