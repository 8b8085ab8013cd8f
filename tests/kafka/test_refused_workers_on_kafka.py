"""A worker whom the brokers refuse ends with one line that says what to do, and no secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from streams.kafka.processes import stop_process
from tests.kafka.certificates import Authority
from tests.kafka.secured import MTLS, SCRAM, Secured
from tests.stream_run import CONTRACT, Log, Pipeline, synthetic_log
from tests.worker_process import WorkerProcess

PLANTED = "planted-"


@pytest.fixture(scope="module")
def log() -> Log:
    return synthetic_log(60)


def ended(worker: WorkerProcess, within_s: float = 60) -> str:
    """The line in which a worker that ends by itself with exit code 1 says why."""
    try:
        assert worker.process.wait(within_s) == 1, worker.output
    finally:
        stop_process(worker.process, 0)
    assert "Traceback" not in worker.output
    assert PLANTED not in worker.output
    # The client's own lines, which say less, may come before it.
    lines = [line for line in worker.output.splitlines() if line.startswith(("baton ", "Error"))]
    said = [line for line in lines if "metrics on" not in line and "take leave" not in line]
    assert len(said) == 1, worker.output
    return said[0]


def wrong_password(s: Secured, _: Path) -> Mapping[str, str]:
    return {**s.scram("baton-worker"), "BATON_SASL_PASSWORD": f"{PLANTED}wrong"}


def wrong_plain_password(s: Secured, _: Path) -> Mapping[str, str]:
    # Sent as it is: aiokafka's own debug log would show it.
    return {**s.login("baton-worker", "PLAIN"), "BATON_SASL_PASSWORD": f"{PLANTED}wrong"}


def unknown_user(s: Secured, _: Path) -> Mapping[str, str]:
    return {**s.scram("baton-worker"), "BATON_SASL_USERNAME": "nobody"}


def other_mechanism(s: Secured, _: Path) -> Mapping[str, str]:
    return {**s.scram("baton-worker"), "BATON_SASL_MECHANISM": "SCRAM-SHA-256"}


def foreign_authority(s: Secured, folder: Path) -> Mapping[str, str]:
    return {**s.scram("baton-worker"), "BATON_SSL_CAFILE": str(Authority(folder, "foreign").file)}


def plain_text_to_tls(s: Secured, _: Path) -> Mapping[str, str]:
    return {"BATON_BROKER": s.kafka.bootstrap_of(SCRAM)}


def tls_to_plain_text(s: Secured, _: Path) -> Mapping[str, str]:
    return {**s.mtls("certified-worker"), "BATON_BROKER": s.kafka.bootstrap}


def no_login(s: Secured, _: Path) -> Mapping[str, str]:
    return {
        "BATON_BROKER": s.kafka.bootstrap_of(SCRAM),
        "BATON_SECURITY_PROTOCOL": "SSL",
        "BATON_SSL_CAFILE": str(s.authority.file),
    }


def login_where_none_is_taken(s: Secured, _: Path) -> Mapping[str, str]:
    return {
        **s.mtls("certified-worker"),
        "BATON_SECURITY_PROTOCOL": "SASL_SSL",
        "BATON_SASL_USERNAME": "baton-worker",
        "BATON_SASL_PASSWORD": f"{PLANTED}password",
    }


def no_certificate(s: Secured, _: Path) -> Mapping[str, str]:
    return {**no_login(s, _), "BATON_BROKER": s.kafka.bootstrap_of(MTLS)}


def foreign_certificate(s: Secured, folder: Path) -> Mapping[str, str]:
    stranger = Authority(folder, "foreign").sign("certified-worker")
    return {**s.mtls("certified-worker"), "BATON_SSL_CERTFILE": str(stranger)}


def wrong_key_password(s: Secured, _: Path) -> Mapping[str, str]:
    env = s.mtls("encrypted", password=f"{PLANTED}right")
    return {**env, "BATON_SSL_KEY_PASSWORD": f"{PLANTED}wrong"}


def no_key_password(s: Secured, _: Path) -> Mapping[str, str]:
    return {**s.mtls("encrypted", password=f"{PLANTED}right"), "BATON_SSL_KEY_PASSWORD": ""}


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        (wrong_password, ("'baton-worker' is refused", "BATON_SASL_PASSWORD")),
        (wrong_plain_password, ("'baton-worker' is refused with PLAIN", "BATON_SASL_PASSWORD")),
        (unknown_user, ("'nobody' is refused", "--sasl-username")),
        (other_mechanism, ("SCRAM-SHA-256", "--sasl-mechanism")),
        (foreign_authority, ("not trusted", "--ssl-cafile")),
        (plain_text_to_tls, ("--security-protocol",)),
        (tls_to_plain_text, ("--security-protocol",)),
        (no_login, ("--security-protocol",)),
        (login_where_none_is_taken, ("--security-protocol",)),
        (no_certificate, ("--ssl-certfile",)),
        (foreign_certificate, ("--ssl-certfile",)),
        (wrong_key_password, ("BATON_SSL_KEY_PASSWORD", "encrypted.pem")),
        (no_key_password, ("BATON_SSL_KEY_PASSWORD", "encrypted.pem")),
    ],
)
def test_who_does_not_get_in_is_told_what_to_set(
    secured: Secured,
    tmp_path: Path,
    environment: Callable[[Secured, Path], Mapping[str, str]],
    names: tuple[str, ...],
) -> None:
    flags = ("--contract", str(CONTRACT), "--port", "0", "--log-level", "debug")
    worker = WorkerProcess(flags, tmp_path / "worker.log", env=environment(secured, tmp_path))
    said = ended(worker, 30)
    for name in names:
        assert name in said


@pytest.mark.parametrize(
    ("missing", "flags", "named"),
    [
        ("interaction-events", ("--no-create-topics",), "interaction-events"),
        ("customer-links", ("--create-topics",), "customer-links"),
        ("window-deltas", ("--create-topics",), "window-deltas"),
        ("interaction-facts", ("--no-create-topics",), "interaction-facts"),
        ("-interactions-changelog", ("--create-topics",), "-interactions-changelog"),
        ("-interactions-changelog", ("--no-create-topics",), "-interactions-changelog"),
        ("--group", (), "group (run-"),
        ("--transactional-id", ("--guarantee", "exactly-once"), "transactional id"),
        ("nothing, but ticks are", ("--ticks",), "interaction-events"),
    ],
)
def test_a_missing_permission_is_named_before_it_is_waited_for(
    secured: Secured, tmp_path: Path, log: Log, missing: str, flags: tuple[str, ...], named: str
) -> None:
    env = secured.scram("baton-worker")
    with Pipeline(secured.kafka.bootstrap, tmp_path, log, env=env) as run:
        run.replay()
        lines = [line for line in secured.permissions(run.group) if "baton-worker" in line]
        secured.grant(list(_without(lines, missing)))
        worker = run.start_worker("--broker", env["BATON_BROKER"], *flags)
        said = ended(worker)
    assert "baton topics acls" in said
    assert named in said


@pytest.mark.parametrize(
    ("resource", "name", "guarantee"),
    [
        ("topic", "{prefix}interaction-events", "exactly-once"),
        ("topic", "{prefix}window-deltas", "exactly-once"),
        ("topic", "{prefix}interaction-facts", "at-least-once"),
        ("topic", "{group}-interactions-changelog", "at-least-once"),
        ("topic", "{prefix}interaction-facts", "exactly-once"),
        ("topic", "{group}-interactions-changelog", "exactly-once"),
        ("group", "{group}", "exactly-once"),
    ],
)
def test_a_permission_withdrawn_from_a_running_worker_ends_it(
    secured: Secured, tmp_path: Path, log: Log, resource: str, name: str, guarantee: str
) -> None:
    env = secured.scram("baton-worker")
    half = len(log.items) // 2
    with Pipeline(secured.kafka.bootstrap, tmp_path, log, env=env) as run:
        secured.grant(secured.permissions(run.group))
        worker = run.start_worker("--broker", env["BATON_BROKER"], "--guarantee", guarantee)
        run.replay(log.items[:half])
        run.await_processed()
        named = name.format(prefix=run.prefix, group=run.group)
        secured.withdraw(resource, named)
        run.replay(log.items[half:])
        said = ended(worker)
    assert "baton topics acls" in said
    assert named in said


def _without(lines: list[str], ending: str) -> Iterator[str]:
    """The commands without the resources whose flag or name ends so."""
    for line in lines:
        words = line.split()
        at = words.index("--resource-pattern-type") + 2
        kept = [
            word
            for pair in zip(words[at::2], words[at + 1 :: 2], strict=True)
            if not any(word.endswith(ending) for word in pair)
            for word in pair
        ]
        if kept:
            yield " ".join(words[:at] + kept)
