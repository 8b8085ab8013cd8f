"""The image is built by its Dockerfile and run as docker-compose.yml and Kubernetes run it.

Only its base is a stand-in: Debian's own Python 3.13 of the same Debian, for no image registry is
reached here. Containers are Debian's Podman and runc. Run with `make test-cluster`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.kafka.processes import free_loopback_ports
from tests.cluster.programs import done, missing
from tests.kafka.apache import ApacheKafka, resolve_kafka_lib
from tests.worker_process import REPO, await_that

_WHY = missing("mmdebstrap", "buildah", "podman", "runc")
pytestmark = pytest.mark.skipif(bool(_WHY), reason=_WHY)

BASE, IMAGE = "localhost/baton-test-base:3.13", "localhost/baton-test:built"
VERSION = "0.1.0.dev0+image"
# What the image adds to its base; with Python's slim image (about 120 MB) it is below 200 MB.
LARGEST_MB = 80
PODMAN = ("podman", "--runtime", "runc")
# As docker-compose.yml says of every service of ours (x-hardened).
HARDENED = (
    *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--tmpfs", "/tmp:mode=1777,size=64m", "--network", "host"),
    *("--memory", "2g", "--cpus", "1", "--pids-limit", "128"),
    # The usual limits are more than a sandbox may grant.
    *("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"),
)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    tar = tmp_path_factory.mktemp("base") / "base.tar"
    packages = "python3,python3-venv,python-is-python3,ca-certificates,netbase,tzdata"
    done(["mmdebstrap", "--variant=minbase", f"--include={packages}", "trixie", tar], 300)
    done([*PODMAN, "import", tar, BASE])
    done(
        [
            *("buildah", "bud", "--isolation", "chroot", "--network", "host", "--format", "docker"),
            # Who vouches for the package index here; not in the image.
            *("--volume", "/etc/ssl/certs:/etc/ssl/certs:ro"),
            *("-f", "deploy/Dockerfile", "--build-arg", f"PYTHON={BASE}"),
            *("--build-arg", f"VERSION={VERSION}", "-t", IMAGE, "."),
        ],
        900,
        cwd=REPO,
    )
    yield IMAGE
    done([*PODMAN, "rmi", "--force", IMAGE, BASE])


def test_it_is_small_and_holds_no_build_tools_of_ours(image: str) -> None:
    size, base = (
        int(done([*PODMAN, "image", "inspect", "--format", "{{.Size}}", one]))
        for one in (image, BASE)
    )
    added = (size - base) / 1e6
    print(f"the image adds {added:.0f} MB to its base")
    assert 20 < added < LARGEST_MB
    listed = done(
        [*PODMAN, "run", "--rm", *HARDENED, "--entrypoint", "ls", image, "/opt/baton/bin"]
    )
    assert {"baton", "python"} <= set(listed.split())
    assert not {"pip", "hatchling", "tansu"} & set(listed.split())


def test_it_says_the_version_it_was_built_as(image: str) -> None:
    assert VERSION in done([*PODMAN, "run", "--rm", *HARDENED, image, "--version"])


def test_a_worker_lives_in_it_without_rights_and_ends_as_asked(image: str, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-token-of-the-pages")
    token.chmod(0o444)
    name, port = f"baton-test-{tmp_path.name}", free_loopback_ports(1)[0]
    with ApacheKafka(workdir=tmp_path / "kafka", lib=resolve_kafka_lib(REPO)) as kafka:
        said = {
            "BATON_BROKER": kafka.bootstrap,
            "BATON_CONTRACT": "/etc/baton/contracts",
            "BATON_HOST": "0.0.0.0",
            "BATON_PORT": str(port),
            "BATON_PAGES_TOKEN_FILE": "/run/secrets/pages-token",
        }
        told = [part for each in said.items() for part in ("-e", "=".join(each))]
        mounts = [
            *("-v", f"{REPO}/deploy/contracts:/etc/baton/contracts:ro"),
            *("-v", f"{token}:/run/secrets/pages-token:ro"),
        ]
        done([*PODMAN, "run", "--rm", *HARDENED, *told, image, "topics", "--create"])
        done([*PODMAN, "run", "-d", "--name", name, *HARDENED, *told, *mounts, image, "worker"])
        try:
            # The Dockerfile's own command, in the container.
            await_that(lambda: healthy(name), "a worker whose health check passes")
            inside = done([*PODMAN, "exec", name, "sh", "-c", "id -u; touch /x 2>&1; ls ~"])
            assert re.match(r"10001\n.*Read-only file system\n", inside), inside
            assert "baton" in inside.splitlines()[2:]
            done([*PODMAN, "stop", "-t", "60", name])
            ended = done([*PODMAN, "inspect", name, "--format", "{{.State.ExitCode}}"])
            assert ended.strip() == "0"
        finally:
            done([*PODMAN, "rm", "--force", name])


def healthy(name: str) -> bool:
    try:
        done([*PODMAN, "healthcheck", "run", name])
    except AssertionError:
        return False
    return True
