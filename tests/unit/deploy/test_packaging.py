from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
from packaging.version import Version

REPO = Path(__file__).resolve().parents[3]


def _build(source: Path, out: Path, *targets: str) -> None:
    asked = [argument for target in targets for argument in ("-t", target)]
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(out), *asked],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    _build(REPO, out, "wheel", "sdist")
    return out


def _wheel(folder: Path) -> Path:
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_the_wheel_holds_every_module_schema_and_contract(built: Path) -> None:
    names = set(zipfile.ZipFile(_wheel(built)).namelist())
    kept = subprocess.run(
        ["git", "ls-files", "streams", "schemas", "deploy/contracts"],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    wanted = {
        name.replace("schemas/", "streams/_bundled/schemas/", 1)
        if name.startswith("schemas/")
        else name.replace("deploy/contracts/", "streams/_bundled/contracts/", 1)
        for name in kept
        if (REPO / name).is_file()
    }
    assert wanted <= names
    assert {"streams/py.typed", "streams/_bundled/kafka/acls.yaml"} <= names


def test_the_sdist_builds_the_same_wheel(built: Path, tmp_path: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    _build(source, tmp_path / "again", "wheel")
    again = _wheel(tmp_path / "again")
    assert again.name == _wheel(built).name
    assert again.read_bytes() == _wheel(built).read_bytes()


def _version_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("baton_version", REPO / "deploy/version.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Clone:
    """A repository of its own with nothing in it but commits and tags."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "-q")
        self.commit()

    def git(self, *arguments: str) -> str:
        who = {f"GIT_{role}_{what}": "a@b" for role in ("AUTHOR", "COMMITTER") for what in _WHO}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=dict(os.environ) | who,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def commit(self) -> None:
        self.git("commit", "-q", "--allow-empty", "-m", "one")

    @property
    def head(self) -> str:
        return self.git("rev-parse", "--short=7", "HEAD")


_WHO = ("NAME", "EMAIL")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    monkeypatch.delenv("BUILD_VERSION", raising=False)
    return Clone(tmp_path)


def test_on_a_tag_the_version_is_the_tag(clone: Clone) -> None:
    clone.git("tag", "v1.4.0")
    assert _version_module().version(clone.folder) == "1.4.0"


def test_after_a_tag_it_is_a_development_version_of_the_next(clone: Clone) -> None:
    clone.git("tag", "v1.4.0")
    clone.commit()
    clone.commit()
    said = _version_module().version(clone.folder)
    assert said == f"1.4.1.dev2+g{clone.head}"
    assert Version("1.4.0") < Version(said) < Version("1.4.1")


def test_after_a_candidate_it_is_before_the_release(clone: Clone) -> None:
    clone.git("tag", "v2.0.0rc1")
    clone.commit()
    said = _version_module().version(clone.folder)
    assert Version(said) < Version("2.0.0")
    assert said.startswith("2.0.0.dev1+g")


def test_without_tags_or_without_git_there_is_a_version_all_the_same(
    clone: Clone, tmp_path_factory: pytest.TempPathFactory
) -> None:
    module = _version_module()
    assert module.version(clone.folder) == f"{module.NEXT}.dev0+g{clone.head}"
    assert module.version(tmp_path_factory.mktemp("sources")) == f"{module.NEXT}.dev0"


def test_an_image_is_told_its_version(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUILD_VERSION", "v3.1.0")
    assert _version_module().version(clone.folder) == "3.1.0"
