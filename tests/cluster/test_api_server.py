"""Kubernetes' own API server takes every object of deploy/kubernetes, strictly, in a namespace that
holds pods to the `restricted` standard.

The server is built from Kubernetes' Go module (five minutes of CPU, once) and keeps its objects in
Debian's etcd; no node runs anything. Strimzi's definitions are in no package registry: with
STRIMZI_CRDS, a folder that holds them, its objects are judged too. Run with `make test-cluster`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.kafka.processes import LOOPBACK, free_loopback_ports, spawn_tied, stop_process
from tests.cluster.programs import done, missing
from tests.manifests.test_manifests import built
from tests.manifests.tools import DEFINITIONS, module_folder
from tests.worker_process import REPO, await_that

_WHY = missing("go", "etcd", "kubectl")
pytestmark = pytest.mark.skipif(bool(_WHY), reason=_WHY)

VERSION = "v1.34.2"
_SOURCES = Path(__file__).parent / "apiserver"
_STRIMZI = "kafka.strimzi.io"
_BUILD_WITHIN_S = 1800


@dataclass(frozen=True)
class Cluster:
    """An API server with the operators' definitions and the namespace `baton`."""

    kubeconfig: Path
    strimzi: bool

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """What kubectl prints. Raises AssertionError with what the server says."""
        return done(["kubectl", "--kubeconfig", self.kubeconfig, *arguments], input=given)

    def applied(self, documents: list[dict[str, Any]], *how: str) -> str:
        """What the server says of these objects, applied strictly."""
        given = yaml.safe_dump_all(documents)
        return self.kubectl(
            "apply", "--server-side", "--validate=strict", *how, "-f", "-", given=given
        )

    def judged(self, documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those whose kinds it has definitions of."""
        return [d for d in documents if self.strimzi or _STRIMZI not in d["apiVersion"]]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    program = _api_server()
    etcd, peer, port = free_loopback_ports(3)
    store = f"http://{LOOPBACK}:{etcd}"
    processes = [
        spawn_tied(
            [
                *(str(shutil.which("etcd")), "--data-dir", str(folder / "etcd")),
                *("--listen-client-urls", store, "--advertise-client-urls", store),
                *("--listen-peer-urls", f"http://{LOOPBACK}:{peer}"),
            ],
            log=folder / "etcd.log",
        )
    ]
    key = folder / "accounts.key"
    done(["openssl", "genrsa", "-out", key, "2048"])
    (folder / "tokens.csv").write_text("a-token,admin,admin,system:masters\n")
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(_kubeconfig(port)))
    try:
        processes.append(
            spawn_tied(
                [
                    *(str(program), f"--etcd-servers={store}", f"--cert-dir={folder / 'certs'}"),
                    *(f"--bind-address={LOOPBACK}", f"--secure-port={port}"),
                    f"--token-auth-file={folder / 'tokens.csv'}",
                    *("--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/24"),
                    "--service-account-issuer=https://kubernetes.default.svc",
                    f"--service-account-key-file={key}",
                    f"--service-account-signing-key-file={key}",
                    # Nobody is here who would make a namespace's default account.
                    "--disable-admission-plugins=ServiceAccount",
                ],
                log=folder / "api-server.log",
            )
        )
        found = Cluster(kubeconfig, "STRIMZI_CRDS" in os.environ)
        await_that(lambda: _ready(found), "an API server that is ready")
        _prepare(found)
        yield found
    finally:
        for process in reversed(processes):
            stop_process(process, 10)


def _api_server() -> Path:
    program = REPO / ".venv" / "go" / "kube-apiserver" / "kube-apiserver"
    named = f"-X k8s.io/component-base/version.gitVersion={VERSION}"
    command = ["go", "build", "-ldflags", named, "-o", program, "."]
    done(command, _BUILD_WITHIN_S, cwd=_SOURCES)
    return program


def _kubeconfig(port: int) -> dict[str, Any]:
    server = {"server": f"https://{LOOPBACK}:{port}", "insecure-skip-tls-verify": True}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": server}],
        "users": [{"name": "admin", "user": {"token": "a-token"}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        "current-context": "test",
    }


def _ready(cluster: Cluster) -> bool:
    asked = ["kubectl", "--kubeconfig", str(cluster.kubeconfig), "get", "--raw", "/readyz"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def _prepare(cluster: Cluster) -> None:
    folders = [module_folder(module) / folder for module, folder in DEFINITIONS.items()]
    if cluster.strimzi:
        folders.append(Path(os.environ["STRIMZI_CRDS"]))
    needed = {each["kind"] for each in built("production")}
    files = [file for folder in folders for file in sorted(folder.glob("*.yaml"))]
    for file in files:
        text = file.read_text()
        if any(f"kind: {kind}\n" in text for kind in needed) and "CustomResourceDefinition" in text:
            cluster.kubectl("apply", "--server-side", "-f", str(file))
    cluster.kubectl("create", "namespace", "baton")
    standard = "pod-security.kubernetes.io/enforce=restricted"
    cluster.kubectl("label", "namespace", "baton", standard)
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")


def test_every_object_is_taken_strictly_and_taken_again_without_a_change(cluster: Cluster) -> None:
    documents = cluster.judged(built("production"))
    taken = cluster.applied(documents).splitlines()
    assert len(taken) == len(documents)
    again = yaml.safe_dump_all(documents)
    assert cluster.kubectl("diff", "--server-side", "-f", "-", given=again) == ""


def test_a_worker_s_pod_is_allowed_where_pods_are_restricted(cluster: Cluster) -> None:
    pod = _pod()
    assert "server dry run" in cluster.applied([pod], "--dry-run=server")
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    with pytest.raises(AssertionError, match="violates PodSecurity"):
        cluster.applied([pod], "--dry-run=server")


def test_a_misspelt_field_is_refused(cluster: Cluster) -> None:
    (monitor,) = [each for each in built("production") if each["kind"] == "ServiceMonitor"]
    monitor["spec"]["endpoints"][0]["intervall"] = "15s"
    with pytest.raises(AssertionError, match="intervall"):
        cluster.applied([monitor], "--dry-run=server")


def _pod() -> dict[str, Any]:
    """What the StatefulSet's controller would make, which does not run here."""
    (workers,) = [each for each in built("base") if each["kind"] == "StatefulSet"]
    made, spec = workers["spec"]["template"], workers["spec"]
    claims = [each["metadata"]["name"] for each in spec.get("volumeClaimTemplates", [])]
    made["spec"].setdefault("volumes", []).extend({"name": n, "emptyDir": {}} for n in claims)
    named = {"name": "baton-0", "namespace": "baton", "labels": made["metadata"]["labels"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": named, "spec": made["spec"]}
