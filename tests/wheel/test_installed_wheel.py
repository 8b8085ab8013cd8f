"""The wheel in an empty environment, run from an empty folder, out of sight of the checkout.

Run with `make test-wheel`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
_HASH = re.compile(r" *\\?\n *--hash=\S+")


class Installation:
    """A virtual environment with the wheel in it, and an empty folder to run it in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "elsewhere"
        self.folder.mkdir()
        self._bin = folder / "venv" / "bin"
        _run([sys.executable, "-m", "hatchling", "build", "-d", folder / "dist"], REPO)
        (self.sdist,) = (folder / "dist").glob("*.tar.gz")
        (wheel,) = (folder / "dist").glob("*.whl")
        _run([sys.executable, "-m", "venv", folder / "venv"], self.folder)
        # The versions of the lock: what PyPI has of today must not decide whether a change lands.
        locked = _HASH.sub("", (REPO / "requirements.lock").read_text())
        (folder / "constraints.txt").write_text(locked)
        pip = [self._bin / "python", "-m", "pip", "--disable-pip-version-check", "-q", "install"]
        _run([*pip, "-c", folder / "constraints.txt", f"{wheel}[demo]"], self.folder)

    def baton(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One command line, by the entry point."""
        return _run([self._bin / "baton", *arguments], self.folder, check=False)

    def python(self, program: str) -> str:
        """What a program prints."""
        return _run([self._bin / "python", "-c", program], self.folder).stdout


def _run(
    argv: Sequence[str | Path], folder: Path, *, check: bool = True
) -> subprocess.CompletedProcess[str]:
    # Neither PYTHONPATH nor BATON_* of whoever runs the tests: a user has none.
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=folder,
        env=kept | {name: said for name, said in os.environ.items() if name.startswith("PIP_")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if check:
        assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("wheel"))


def test_the_package_runs_from_its_own_files(installed: Installation) -> None:
    at = installed.python("import streams; print(streams.__file__)")
    assert "site-packages" in at
    assert str(REPO) not in at


def test_the_demo_ends_with_stream_and_oracle_identical(installed: Installation) -> None:
    done = installed.baton("demo", "--once", "--port", "0", "--interactions", "2000")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "stream = oracle: identical" in done.stdout


def test_schemas_contracts_and_permissions_come_with_it(installed: Installation) -> None:
    listed = installed.baton("schemas").stdout.split()
    wanted = {
        file.relative_to(REPO / "schemas").as_posix()
        for file in (REPO / "schemas").rglob("*.*")
        if file.suffix in (".json", ".yaml")
    }
    assert set(listed) == wanted
    printed = installed.baton("schemas", "events/tick.json").stdout
    assert printed.strip() == (REPO / "schemas/events/tick.json").read_text().strip()
    assert "kafka-acls.sh" in installed.baton("topics", "acls").stdout
    rendered = installed.baton("contract", "render", "--out", "rendered")
    assert rendered.returncode == 0, rendered.stderr
    assert (installed.folder / "rendered/prometheus/prometheus.yml").is_file()
    # The extra was not asked for; it says so, and what it can do is done.
    assert "pip install 'baton-streams[dashboards]'" in rendered.stderr


def test_a_type_checker_sees_its_annotations(installed: Installation) -> None:
    found = installed.python(
        "from importlib.resources import files; print((files('streams') / 'py.typed').is_file())"
    )
    assert found.strip() == "True"


def test_every_command_explains_itself_without_a_traceback(installed: Installation) -> None:
    shown = installed.baton("--help").stdout
    commands = re.findall(r"^  ([a-z]+)  ", shown.partition("Commands:")[2], re.MULTILINE)
    assert "demo" in commands
    for command in commands:
        done = installed.baton(command, "--help")
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("Usage: baton")
