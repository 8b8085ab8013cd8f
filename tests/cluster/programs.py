"""The programs that these tests need beside Baton's own, and why they cannot run without."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

PACKAGES = {
    "buildah": "buildah",
    "podman": "podman",
    "runc": "runc",
    "mmdebstrap": "mmdebstrap",
    "etcd": "etcd-server",
    "go": "golang-go",
    "kubectl": "kubernetes-client",
}


def missing(*programs: str) -> str:
    """Why a test that needs these programs cannot run here; empty where it can."""
    absent = [name for name in programs if shutil.which(name) is None]
    packages = " ".join(PACKAGES[name] for name in absent)
    return f"not here: {' '.join(absent)} (Debian: {packages})" if absent else ""


def done(argv: Sequence[object], within_s: float = 120, **how: object) -> str:
    """What a program that succeeds prints. Raises AssertionError with what it says."""
    command = [str(part) for part in argv]
    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
        **how,  # type: ignore[call-overload]
    )
    assert ended.returncode == 0, (
        f"{' '.join(command)}\n{ended.stdout[-2000:]}{ended.stderr[-3000:]}"
    )
    return str(ended.stdout)
