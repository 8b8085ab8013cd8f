"""The version of what is built: the tag `v1.2.3` of the commit, or what comes after the last one.

Read by hatchling (pyproject.toml) when a wheel or an sdist is made of a checkout; one made of an
sdist has the sdist's. An image is built without git and told: BUILD_VERSION.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

# Of a checkout without tags, and of sources without git; CHANGELOG.md says which release is next.
NEXT = "0.1.0"
_DESCRIBED = re.compile(
    r"v(?P<release>\d+\.\d+\.\d+(?:rc\d+)?)-(?P<since>\d+)-g(?P<commit>[0-9a-f]+)"
)


def version(root: Path | None = None) -> str:
    """The version by PEP 440: `1.2.3` on its tag, else a development version before the next.

    `1.2.4.dev7+g0123abc` is seven commits after v1.2.3; `0.1.0.dev0+g0123abc` has no tag before it.
    Uncommitted changes are not told apart, so that the same commit builds the same bytes.
    """
    here = root or Path(__file__).resolve().parents[1]
    told = os.environ.get("BUILD_VERSION", "")
    if told:
        return told.removeprefix("v")
    if not (here / ".git").exists():
        return f"{NEXT}.dev0"
    described = _git(here, "describe", "--tags", "--long", "--abbrev=7", "--match", "v[0-9]*")
    found = _DESCRIBED.fullmatch(described)
    if found is None:
        commit = _git(here, "rev-parse", "--short=7", "HEAD")
        return f"{NEXT}.dev0+g{commit}" if commit else f"{NEXT}.dev0"
    release, since = found["release"], int(found["since"])
    if not since:
        return release
    return f"{_after(release)}.dev{since}+g{found['commit']}"


def _after(release: str) -> str:
    final, candidate, _ = release.partition("rc")
    if candidate:
        return final
    major, minor, patch = final.split(".")
    return f"{major}.{minor}.{int(patch) + 1}"


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=False
        )
    except OSError:  # there is no git
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
