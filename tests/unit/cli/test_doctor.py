from __future__ import annotations

import json
import subprocess
import sys

from streams.kafka.embedded import EmbeddedBroker
from tests.examined import CONTRACT, NOWHERE
from tests.worker_process import environment


def doctor(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams", "doctor", *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_says_what_is_wrong_why_and_what_mends_it() -> None:
    done = doctor("--broker", NOWHERE, "--contract", str(CONTRACT))
    assert done.returncode == 2
    assert "WRONG broker: no Kafka broker lets us in" in done.stdout
    assert "why: " in done.stdout
    assert "fix: " in done.stdout
    assert done.stderr == ""


def test_programs_get_json() -> None:
    done = doctor("--broker", NOWHERE, "--format", "json")
    found = {each["check"]: each for each in json.loads(done.stdout)}
    assert found["broker"]["verdict"] == "wrong"
    assert found["contract"]["verdict"] == "wrong"
    assert found["broker"].keys() == {"check", "verdict", "what", "why", "fix"}


def test_an_address_that_is_none_is_told_without_a_traceback() -> None:
    done = doctor("--broker", NOWHERE, "--prometheus", "not a url", "--worker", "http://[")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "WRONG prometheus" in done.stdout
    assert "WRONG worker" in done.stdout


def test_a_broker_without_transactions_cannot_keep_exactly_once() -> None:
    with EmbeddedBroker() as broker:
        done = doctor("--broker", broker.bootstrap, "--contract", str(CONTRACT))
    assert done.returncode == 2
    assert "WRONG acl.transactions: the brokers begin no transaction" in done.stdout
    assert "--guarantee at-least-once" in done.stdout
    assert "WRONG topics: not there" in done.stdout
