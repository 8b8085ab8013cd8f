"""No output and no page of Baton shows a secret, however it ends."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.processes import free_loopback_ports, stop_process
from streams.settings import Settings
from tests.stream_run import CONTRACT
from tests.worker_process import EMBEDDED, WorkerProcess, environment

PLANTED = "planted"
# Words that a key in PEM may be followed by; without a key a worker would refuse to start.
KEY = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
SECRETS = {
    f"BATON_{name.upper()}": f"{KEY.decode() if name == 'billing_key' else ''}{PLANTED}-{name}"
    for name, field in Settings.model_fields.items()
    if field.annotation is SecretStr
}
WITH_SECRETS = {**SECRETS, "BATON_PAGES_USER": "prometheus"}
LOGIN = {"BATON_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "BATON_SASL_USERNAME": "worker"}

FAILS_IN_A_BATCH = """
from streams.agents.lifecycle import LifecycleStage
def fail(self, number): raise RuntimeError("made to fail", vars(self), self._settings)
LifecycleStage.adopt = fail
from streams.cli.entry import main
main()
"""
FAILS_UNEXPECTEDLY = """
import streams.cli.worker as worker
async def fail(settings, book): raise RuntimeError("made to fail", settings)
worker._serve = fail
from streams.cli.entry import main
main()
"""
TELLS = """
import os
os.write(1, os.environ["BATON_SASL_PASSWORD"].encode())
"""


def said(*argv: str, code: int, program: tuple[str, ...] = ("-m", "streams"), **env: str) -> str:
    """All output of a command that ends with `code`."""
    done = subprocess.run(
        [sys.executable, *program, *argv],
        env=environment() | WITH_SECRETS | env,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_search_would_find_one() -> None:
    assert PLANTED in said(code=0, program=("-c", TELLS))


@pytest.mark.parametrize("command", [(), ("worker",), ("topics",), ("topics", "acls"), ("replay",)])
def test_help_shows_none(command: tuple[str, ...]) -> None:
    assert PLANTED not in said(*command, "--help", code=0)


@pytest.mark.parametrize("flag", ["--sasl-password", "--ssl-key-password", "--pages-token"])
@pytest.mark.parametrize("form", ["{}={}", "{} {}"])
def test_a_secret_is_no_flag_and_one_given_so_is_not_repeated(flag: str, form: str) -> None:
    output = said("worker", *form.format(flag, f"{PLANTED}-flag").split(), code=2)
    assert flag in output
    assert PLANTED not in output


@pytest.mark.parametrize(
    "wrong",
    [
        {"BATON_BROKER": f"worker:{PLANTED}@kafka:9092"},
        {"BATON_PARTITIONS": "none"},
        {"BATON_SECURITY_PROTOCOL": "TLS"},
        {"BATON_SASL_MECHANISM": "GUESS"},
        {"BATON_LATENESS": "soon"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_wrong_setting_shows_none(wrong: dict[str, str]) -> None:
    output = said("worker", code=2, **wrong)
    assert next(iter(wrong)) in output
    assert PLANTED not in output


def test_a_wrong_contract_shows_none(tmp_path: Path) -> None:
    contract = tmp_path / "wrong.yaml"
    contract.write_text("kind: Nothing\n")
    assert PLANTED not in said("worker", "--contract", str(contract), code=1)


@pytest.mark.parametrize("login", [{}, LOGIN], ids=["plain", "login"])
@pytest.mark.parametrize("command", ["worker", "replay", "topics"])
def test_an_absent_broker_shows_none(tmp_path: Path, command: str, login: dict[str, str]) -> None:
    (tmp_path / "log.jsonl").write_text("")
    argv = {
        "worker": ("--contract", str(CONTRACT), "--port", "0", "--log-level", "debug"),
        "replay": (str(tmp_path / "log.jsonl"),),
        "topics": ("--create",),
    }[command]
    absent = f"127.0.0.1:{free_loopback_ports(1)[0]}"
    output = said(command, *argv, code=1, BATON_BROKER=absent, **login)
    assert absent in output
    assert "Traceback" not in output
    assert PLANTED not in output


def test_a_broker_that_takes_no_login_is_told_none(embedded: EmbeddedBroker) -> None:
    flags = ("--contract", str(CONTRACT), "--port", "0", "--log-level", "debug")
    output = said("worker", *flags, code=1, BATON_BROKER=embedded.bootstrap, **LOGIN)
    assert PLANTED not in output


def test_pages_beyond_loopback_without_credentials_are_refused(embedded: EmbeddedBroker) -> None:
    none = dict.fromkeys(("BATON_PAGES_TOKEN", "BATON_PAGES_USER", "BATON_PAGES_PASSWORD"), "")
    flags = ("--contract", str(CONTRACT), "--host", "0.0.0.0", "--port", "0")
    output = said("worker", *flags, code=1, BATON_BROKER=embedded.bootstrap, **none)
    assert "BATON_PAGES_TOKEN" in output
    assert "--pages-open" in output
    assert PLANTED not in output
    assert len(output.splitlines()) == 1


@pytest.mark.parametrize(
    ("program", "told", "traced"),
    [
        (FAILS_IN_A_BATCH, "made to fail", {}),
        (FAILS_UNEXPECTEDLY, "RuntimeError at ", {}),
        (FAILS_UNEXPECTEDLY, "made to fail", {"BATON_TRACEBACK": "1"}),
    ],
    ids=["in a batch", "unexpectedly", "with its traceback"],
)
def test_a_crash_shows_none(
    embedded: EmbeddedBroker, program: str, told: str, traced: dict[str, str]
) -> None:
    flags = ("--contract", str(CONTRACT), "--port", "0", *EMBEDDED)
    names = ("--prefix", "crash.", "--app-id", "crash", "--log-level", "debug")
    env = {"BATON_BROKER": embedded.bootstrap, **traced}
    output = said("worker", *flags, *names, code=1, program=("-c", program), **env)
    assert told in output
    assert PLANTED not in output


def test_a_live_worker_and_its_pages_show_none(embedded: EmbeddedBroker, tmp_path: Path) -> None:
    flags = ("--contract", str(CONTRACT), "--port", "0", *EMBEDDED)
    names = ("--prefix", "told.", "--app-id", "told", "--log-level", "debug")
    broker = ("--broker", embedded.bootstrap)
    log = tmp_path / "worker.log"
    worker = WorkerProcess([*flags, *names, *broker], log, env=WITH_SECRETS)
    try:
        worker.await_ready()
        seen = []
        for header in (f"Bearer {SECRETS['BATON_PAGES_TOKEN']}", "Bearer wrong"):
            for page in ("metrics", "healthz", "readyz", "other"):
                asked = urllib.request.Request(worker.url(page), headers={"Authorization": header})
                try:
                    with urllib.request.urlopen(asked, timeout=10) as answer:
                        seen.append((answer.status, f"{answer.headers}{answer.read().decode()}"))
                except urllib.error.HTTPError as error:
                    seen.append((error.code, f"{error.headers}{error.read().decode()}"))
        # The first half shows that the secrets are in the worker, and its pages were seen.
        assert [code for code, _ in seen] == [200, 200, 200, 404, 401, 200, 200, 401]
        assert "baton_ready 1.0" in seen[0][1]
        assert worker.stop() == 0
    finally:
        stop_process(worker.process, 0)
    for told in (worker.output, *(text for _, text in seen)):
        assert PLANTED not in told
