"""Whole runs on a broker that forbids by default, with what `baton topics acls` lists."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    for_code,
)

from streams.contract_files import bundled_contract
from streams.kafka import topics
from streams.kafka.connection import client_options
from tests.kafka.secured import Secured, settings_of
from tests.stream_run import Log, Pipeline, synthetic_log
from tests.stream_verdict import assert_published_as_judged
from tests.worker_process import environment


@pytest.fixture(scope="module")
def log() -> Log:
    return synthetic_log(300)


@pytest.fixture
def file(log: Log, tmp_path: Path) -> Path:
    """The log as the file that it came from."""
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(item + b"\n" for item in log.items if isinstance(item, bytes)))
    return path


def baton(env: Mapping[str, str], *argv: str) -> subprocess.CompletedProcess[str]:
    """A `baton` command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "streams", *argv],
        env=environment() | env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def replayed(run: Pipeline, file: Path, env: Mapping[str, str]) -> None:
    done = baton(env, "replay", str(file), "--prefix", run.prefix)
    assert done.returncode == 0, done.stderr


def secured_run(
    secured: Secured,
    tmp_path: Path,
    log: Log,
    env: Mapping[str, str],
    *,
    flags: tuple[str, ...] = (),
    exactly_once: bool = True,
) -> Pipeline:
    """A run whose workers come by a secured listener; the test itself looks on as super user."""
    return Pipeline(
        secured.kafka.bootstrap,
        tmp_path,
        log,
        env=env,
        flags=("--broker", env["BATON_BROKER"], *flags),
        exactly_once=exactly_once,
    )


@pytest.mark.parametrize("exactly_once", [True, False])
def test_a_run_over_tls_with_scram_needs_no_more_than_the_list(
    secured: Secured, tmp_path: Path, log: Log, file: Path, exactly_once: bool
) -> None:
    env = secured.scram("baton-worker")
    with secured_run(secured, tmp_path, log, env, exactly_once=exactly_once) as run:
        secured.grant(secured.permissions(run.group))
        worker = run.start_worker()
        replayed(run, file, secured.scram("baton-producer"))
        run.await_processed()
        assert_published_as_judged(log.verdict, run.records, repeated=False)
        assert worker.stop() == 0


def test_a_run_with_certificates_needs_no_more_than_the_list(
    secured: Secured, tmp_path: Path, log: Log, file: Path
) -> None:
    env = secured.mtls("certified-worker", password="planted-key-password")
    with secured_run(secured, tmp_path, log, env) as run:
        names = ("worker=User:CN=certified-worker", "producer=User:CN=certified-producer")
        flags = [flag for name in names for flag in ("--principal", name)]
        secured.grant(secured.permissions(run.group, *flags))
        worker = run.start_worker()
        replayed(run, file, secured.mtls("certified-producer"))
        run.await_processed()
        assert_published_as_judged(log.verdict, run.records, repeated=False)
        assert worker.stop() == 0


def test_a_worker_with_the_tick_permission_writes_ticks(
    secured: Secured, tmp_path: Path, log: Log
) -> None:
    env = secured.scram("baton-worker")
    with secured_run(secured, tmp_path, log, env, flags=("--ticks",)) as run:
        secured.grant(secured.permissions(run.group, "--ticks"))
        worker = run.start_worker()
        worker.await_ready()
        run.await_committed(lambda found: all(found.values()) and found != {}, topics.EVENTS)
        assert worker.stop() == 0


def test_the_operator_makes_the_topics(secured: Secured) -> None:
    secured.grant(secured.permissions("made"))
    env = secured.scram("baton-operator")
    done = baton(env, "topics", "--create", "--prefix", "made.", "--app-id", "made")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" created") == len(topics.declared_topics())


def test_the_auditor_alone_draws_a_sample_and_verifies_it(secured: Secured, file: Path) -> None:
    group = "audited"
    secured.grant(secured.permissions(group))
    there = ("--prefix", f"{group}.")
    makes = ("topics", "--create", *there, "--app-id", group)
    made = baton(secured.scram("baton-operator"), *makes)
    assert made.returncode == 0, made.stderr
    written = baton(secured.scram("baton-producer"), "replay", str(file), *there, "--settle", "12h")
    assert written.returncode == 0, written.stderr
    about = ("--contract", str(bundled_contract("telco-2026")), "--period", "2026-06-01")
    secret = {"BATON_AUDIT_SECRET": "5e" * 32}
    published = json.loads(baton(secret, "audit", "commit", *about).stdout)["commitment"]
    disclosed = (*about, "--commitment", published, *there)
    auditor = {**secured.scram("baton-auditor"), **secret}
    drawn = baton(auditor, "audit", "sample", *disclosed, "--publish")
    assert drawn.returncode == 0, drawn.stderr
    checked = baton(auditor, "audit", "verify", *disclosed)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "all as they had to be drawn" in checked.stdout
    for other in ("baton-consumer", "baton-worker"):
        refused = baton({**secured.scram(other), **secret}, "audit", "verify", *disclosed)
        assert refused.returncode == 1
        assert "none that we may see" in refused.stderr


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_the_other_ways_to_log_in(secured: Secured, mechanism: str) -> None:
    group = f"login-{mechanism.lower()}"
    secured.grant(secured.permissions(group))
    env = secured.login("baton-operator", mechanism)
    flags = ("--create", "--prefix", f"{group}.", "--app-id", group)
    done = baton(env, "topics", *flags)
    assert done.returncode == 0, done.stderr
    refused = baton({**env, "BATON_SASL_PASSWORD": "planted-wrong"}, "topics", *flags)
    assert refused.returncode == 1
    assert "'baton-operator' is refused" in refused.stderr
    assert "planted" not in refused.stderr


Deed = Callable[[dict[str, Any], str], Any]


async def _reads(client: dict[str, Any], topic: str) -> None:
    await _sees(client, topic)
    consumer = AIOKafkaConsumer(**client)
    try:
        await consumer.start()
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        consumer.seek(place, 0)
        await consumer.getmany(timeout_ms=5000)
    finally:
        await consumer.stop()


async def _sees(client: dict[str, Any], topic: str) -> None:
    # aiokafka's consumer waits for ever for a topic that it may not even see.
    admin = AIOKafkaAdminClient(**client)
    await admin.start()
    try:
        (described,) = await admin.describe_topics([topic])
    finally:
        await admin.close()
    if described["error_code"]:
        raise for_code(described["error_code"])


async def _writes(client: dict[str, Any], topic: str, **how: Any) -> None:
    producer = AIOKafkaProducer(**client, **how)
    try:
        await producer.start()
        await producer.send_and_wait(topic, b"forged", partition=0)
    finally:
        await producer.stop()


async def _joins(client: dict[str, Any], group: str, topic: str) -> None:
    consumer = AIOKafkaConsumer(topic, **client, group_id=group)
    try:
        await consumer.start()
        await consumer.getmany(timeout_ms=5000)
    finally:
        await consumer.stop()


async def _administers(client: dict[str, Any], act: Any) -> None:
    admin = AIOKafkaAdminClient(**client)
    await admin.start()
    try:
        answer = await act(admin)
        errors = (
            answer.topic_errors if hasattr(answer, "topic_errors") else answer.topic_error_codes
        )
        for _, code, *_ in errors:
            if code:
                raise for_code(code)
    finally:
        await admin.close()


@pytest.mark.parametrize(
    ("deed", "refusal"),
    [
        (lambda c, g: _reads(c, "other-topic"), TopicAuthorizationFailedError),
        (lambda c, g: _reads(c, f"{g}.sla-breaches"), TopicAuthorizationFailedError),
        (lambda c, g: _reads(c, f"{g}.dead-letters"), TopicAuthorizationFailedError),
        (lambda c, g: _writes(c, f"{g}.interaction-events"), TopicAuthorizationFailedError),
        (lambda c, g: _writes(c, "other-topic"), TopicAuthorizationFailedError),
        (
            lambda c, g: _writes(c, f"{g}.sla-breaches", transactional_id="other-1"),
            TransactionalIdAuthorizationFailed,
        ),
        (
            lambda c, g: _joins(c, f"{g}-other", f"{g}.interaction-events"),
            GroupAuthorizationFailedError,
        ),
        (
            lambda c, g: _administers(c, lambda a: a.delete_topics([f"{g}.interaction-facts"])),
            TopicAuthorizationFailedError,
        ),
        (
            lambda c, g: _administers(c, lambda a: a.create_topics([NewTopic("mine", 1, 1)])),
            TopicAuthorizationFailedError,
        ),
    ],
    ids=[
        "read a foreign topic",
        "read its own breaches",
        "read dead letters",
        "write events without ticks",
        "write a foreign topic",
        "take a foreign transactional id",
        "join another group",
        "delete a topic",
        "create a topic",
    ],
)
def test_a_worker_is_denied_what_is_not_on_the_list(
    secured: Secured, denied_group: str, deed: Deed, refusal: type[KafkaError]
) -> None:
    client = client_options(settings_of(secured.scram("baton-worker")))

    async def act() -> None:
        async with asyncio.timeout(30):
            await deed(client, denied_group)

    with pytest.raises(refusal):
        asyncio.run(act())


def test_consumers_read_what_is_published_and_nothing_else(
    secured: Secured, denied_group: str
) -> None:
    client = client_options(settings_of(secured.scram("baton-consumer")))

    async def act() -> None:
        async with asyncio.timeout(60):
            for name in (topics.FACTS, topics.WINDOWS, topics.BREACHES):
                await _joins(client, f"{denied_group}-reader-billing", f"{denied_group}.{name}")
            for name in (topics.EVENTS, topics.LINKS, topics.DELTAS, topics.DEAD_LETTERS):
                with pytest.raises(TopicAuthorizationFailedError):
                    await _sees(client, f"{denied_group}.{name}")
            with pytest.raises(TopicAuthorizationFailedError):
                await _writes(client, f"{denied_group}.{topics.BREACHES}")
            with pytest.raises(GroupAuthorizationFailedError):
                await _joins(client, denied_group, f"{denied_group}.{topics.FACTS}")

    asyncio.run(act())


@pytest.fixture(scope="module")
def denied_group(secured: Secured) -> str:
    """A group with its topics and permissions, and a topic that is none of them."""
    group = "denied"
    secured.grant(secured.permissions(group))
    specs = [NewTopic(spec.name, 1, 1) for spec in topics.declared_topics(f"{group}.")]

    async def make() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=secured.kafka.bootstrap)
        await admin.start()
        try:
            await admin.create_topics([*specs, NewTopic("other-topic", 1, 1)])
        finally:
            await admin.close()

    asyncio.run(make())
    return group
