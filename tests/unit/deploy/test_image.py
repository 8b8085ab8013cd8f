"""deploy/Dockerfile: what can be known of it without building it."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

REPO = Path(__file__).resolve().parents[3]
DOCKERFILE = (REPO / "deploy/Dockerfile").read_text()
FINAL = DOCKERFILE.rsplit("\nFROM ", 1)[1]
# python:3.13-slim-trixie unpacked on linux/amd64, rounded up from what `docker images` shows.
BASE_MB = 125
LIMIT_MB = 200
_REMOVED = re.search(r"pip uninstall -y ([^\\]+)", DOCKERFILE)
# All files with these endings are deleted; of compiled code only some, which is not counted on.
_DELETED = set(re.findall(r"-name '\*(\.\w+)'(?=[^/\n]*-delete)", DOCKERFILE)) - {".pyc"}


def test_dependencies_are_those_of_the_lock_by_hash() -> None:
    installs = re.findall(r"pip install ([^\n]+)", DOCKERFILE)
    assert "--require-hashes" in installs[0]
    assert "-r requirements.lock" in installs[0]
    assert all("--no-deps --no-index" in each for each in installs[1:])


def test_it_runs_as_nobody_in_particular_and_is_watched() -> None:
    assert re.search(r"^USER 10001:10001$", FINAL, re.MULTILINE)
    assert "HEALTHCHECK" in FINAL
    assert re.search(r"^ARG PYTHON=\S+@sha256:[0-9a-f]{64}$", DOCKERFILE, re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${PYTHON}"}


def test_the_health_check_is_a_program() -> None:
    found = re.search(r'CMD \["python", "-c", "([^"]+)"\]', FINAL)
    assert found is not None
    compile(found[1], "HEALTHCHECK", "exec")


def test_everything_it_copies_exists_and_is_sent_to_the_daemon() -> None:
    ignored = (REPO / ".dockerignore").read_text().splitlines()
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert "*" in ignored
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert names
    for name in names:
        assert (REPO / name).exists(), name
        assert name in kept, name


def test_what_builds_the_package_is_sent_with_it() -> None:
    wanted = re.findall(r'^"([^"]+)" = "streams/_bundled', _pyproject(), re.MULTILINE)
    wanted += re.findall(r'^(?:path|readme) = "([^"]+)"', _pyproject(), re.MULTILINE)
    copied = DOCKERFILE.split("FROM", 2)[1]
    for name in wanted:
        assert name in copied or str(Path(name).parent) in copied, name


def _pyproject() -> str:
    return (REPO / "pyproject.toml").read_text()


def _installed(folder: Path) -> int:
    """Bytes of what the lock installs here, less what the image removes; libraries stripped."""
    strip = shutil.which("strip")
    if strip is None:
        pytest.skip("strip is not here (Debian: binutils)")
    assert _REMOVED is not None
    removed = {canonicalize_name(name) for name in _REMOVED[1].split()}
    total = 0
    for name in re.findall(r"^([A-Za-z0-9._-]+)==", _lock(), re.MULTILINE):
        if canonicalize_name(name) in removed:
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # for another platform
        for file in found.files or ():
            path = Path(str(found.locate_file(file)))
            if path.suffix == ".so":
                copy = folder / "stripped.so"
                subprocess.run([strip, "--strip-unneeded", "-o", copy, path], check=True)
                path = copy
            if path.is_file() and ".." not in file.parts and path.suffix not in _DELETED:
                total += path.stat().st_size
    return total


def _lock() -> str:
    return (REPO / "requirements.lock").read_text()


def test_by_estimate_it_is_smaller_than_200_mb(tmp_path: Path) -> None:
    own = sum(
        file.stat().st_size
        for place in ("streams", "schemas", "deploy/contracts")
        for file in (REPO / place).rglob("*")
        if file.is_file()
    )
    assert _DELETED
    megabytes = (_installed(tmp_path) + own) / 1e6
    assert megabytes > 20  # or nothing was counted
    assert BASE_MB + megabytes < LIMIT_MB
