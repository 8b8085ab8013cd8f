"""`baton doctor` on real Kafka: each test plants one fault, and it finds that one and no other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from streams.doctor.finding import Finding
from streams.kafka.admin import ensure_topics
from streams.kafka.topics import TopicSpec, declared_topics
from streams.replay import tick_record
from tests.examined import examined, faults, must_be_wrong, of
from tests.kafka.apache import ApacheKafka
from tests.kafka.certificates import Authority
from tests.kafka.secured import Secured, settings_of
from tests.worker_process import POLL_S

PARTITIONS = 2


class Setup:
    """Topics of a prefix of its own on the session's broker, and what a worker would be told."""

    def __init__(self, kafka: ApacheKafka, name: str) -> None:
        self.broker = kafka.bootstrap
        self.said: dict[str, Any] = {
            "broker": self.broker,
            "prefix": f"{name}.",
            "app_id": name,
            "partitions": PARTITIONS,
        }
        self.make(*declared_topics(f"{name}.", PARTITIONS))
        self.tick(0)

    def make(self, *specs: TopicSpec) -> None:
        asyncio.run(ensure_topics(self.broker, specs, 1))

    def tick(self, ahead_ms: int) -> None:
        """The time on partition 0, this far ahead of this machine's clock."""
        asyncio.run(self._tick(int(time.time() * 1000) + ahead_ms))

    async def _tick(self, time_ms: int) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.broker, acks="all")
        await producer.start()
        try:
            topic = f"{self.said['prefix']}interaction-events"
            await producer.send_and_wait(topic, tick_record(time_ms), partition=0)
        finally:
            await producer.stop()

    def configure(self, topic: str, **config: str) -> None:
        """Set a topic's configuration to this, all else to the broker's defaults."""
        asyncio.run(self._configure(topic, {k.replace("_", "."): v for k, v in config.items()}))

    async def _configure(self, topic: str, config: Mapping[str, str]) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker)
        await admin.start()
        try:
            asked = ConfigResource(ConfigResourceType.TOPIC, topic, dict(config))
            (answer,) = await admin.alter_configs([asked])
            assert [code for code, *_ in answer.resources] == [0]
            # A broker applies what the controller has accepted a moment later.
            asked = ConfigResource(ConfigResourceType.TOPIC, topic, None)
            async with asyncio.timeout(20):
                while not config.items() <= await _in_force(admin, asked):
                    await asyncio.sleep(POLL_S)
        finally:
            await admin.close()

    async def _delete(self, topic: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.broker)
        await admin.start()
        try:
            await admin.delete_topics([topic])
        finally:
            await admin.close()

    def delete(self, topic: str) -> None:
        asyncio.run(self._delete(topic))

    def found(self, **said: Any) -> list[Finding]:
        return examined(**(self.said | said))


async def _in_force(admin: AIOKafkaAdminClient, topic: ConfigResource) -> Set[tuple[str, str]]:
    (answer,) = await admin.describe_configs([topic])
    ((*_, entries),) = answer.resources
    return {(entry[0], entry[1]) for entry in entries}


@pytest.fixture
def setup(kafka: ApacheKafka, request: pytest.FixtureRequest) -> Setup:
    return Setup(kafka, f"doctor{abs(hash(request.node.name)) % 10**8}")


def test_a_sound_set_up_has_nothing_wrong(setup: Setup) -> None:
    found = setup.found()
    assert not faults(found), faults(found)
    assert "Apache Kafka 4.0 or newer" in of(found, "broker.versions").what
    assert of(found, "acl.transactions").verdict == "ok"
    assert of(found, "clock.ticks").verdict == "ok"


def test_a_missing_topic(setup: Setup) -> None:
    setup.delete(f"{setup.said['prefix']}sla-breaches")
    told = must_be_wrong(setup.found(), "topics", f"{setup.said['prefix']}sla-breaches")
    assert told.fix.startswith("baton topics --create --broker")


def test_another_number_of_partitions(setup: Setup) -> None:
    must_be_wrong(setup.found(partitions=8), "topics.partitions", "--partitions 2", "says 8")


def test_retention_that_is_too_short(setup: Setup) -> None:
    topic = f"{setup.said['prefix']}billing-items"
    setup.configure(topic, retention_ms="604800000", cleanup_policy="delete")
    must_be_wrong(setup.found(), "topics.config", topic, "kafka-configs.sh", "retention.ms=-1")


def test_a_table_of_windows_that_is_thrown_away_by_age(setup: Setup) -> None:
    topic = f"{setup.said['prefix']}sla-windows"
    setup.configure(topic, cleanup_policy="delete")
    must_be_wrong(setup.found(), "topics.config", topic, "cleanup.policy=compact")


def test_a_changelog_that_is_not_compacted(setup: Setup) -> None:
    changelog = f"{setup.said['app_id']}-interactions-changelog"
    setup.make(TopicSpec(changelog, PARTITIONS, {"cleanup.policy": "delete"}))
    must_be_wrong(setup.found(), "changelogs", changelog, "cleanup.policy=compact")


def test_a_write_that_no_broker_may_miss(setup: Setup) -> None:
    topic = f"{setup.said['prefix']}interaction-facts"
    setup.configure(topic, min_insync_replicas="2", retention_ms="604800000")
    must_be_wrong(setup.found(), "topics.acknowledged", topic, "min.insync.replicas=1")


def test_a_tick_from_the_future(setup: Setup) -> None:
    setup.tick(600_000)
    must_be_wrong(setup.found(), "clock.ticks", "s ahead of this machine", "clock-and-ticks")


def test_no_worker_that_writes_the_time(setup: Setup) -> None:
    prefix = f"{setup.said['prefix']}quiet."
    setup.make(*declared_topics(prefix, PARTITIONS))
    told = of(setup.found(prefix=prefix), "clock.ticks")
    assert (told.verdict, "no tick" in told.what) == ("warn", True)


@pytest.fixture(scope="module")
def granted(secured: Secured) -> Secured:
    """Baton's own permissions and topics on a broker that forbids all else."""
    secured.grant(secured.permissions("doctored"))
    specs = declared_topics("doctored.", PARTITIONS)
    asyncio.run(ensure_topics(secured.kafka.bootstrap, specs, 1))
    return secured


def _as(secured: Secured, **said: Any) -> list[Finding]:
    settings = settings_of(secured.scram("baton-worker"))
    named = {name: getattr(settings, name) for name in settings.model_fields_set}
    mine = {"app_id": "doctored", "prefix": "doctored.", "partitions": PARTITIONS, "ticks": False}
    return examined(**(named | mine | said))


def test_a_worker_with_its_permissions_has_nothing_wrong(granted: Secured) -> None:
    found = _as(granted)
    assert not faults(found), faults(found)
    assert of(found, "acl.topics").verdict == "ok"
    assert of(found, "broker.encryption").verdict == "ok"
    # It may not see how topics are kept, and is told who may.
    assert "operator" in of(found, "topics.config").fix


def test_a_certificate_that_is_not_trusted(granted: Secured, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    must_be_wrong(_as(granted, ssl_cafile=other.file), "broker", "not trusted", "openssl s_client")


def test_a_password_that_is_refused(granted: Secured) -> None:
    told = must_be_wrong(_as(granted, sasl_password="wrong"), "broker", "'baton-worker' is refused")
    assert "--sasl-password-file" in told.what


def test_a_protocol_that_the_port_does_not_speak(granted: Secured) -> None:
    told = must_be_wrong(
        _as(granted, security_protocol="PLAINTEXT", sasl_username="", ssl_cafile=None), "broker"
    )
    assert "--security-protocol" in told.what


def test_a_permission_that_is_missing(granted: Secured) -> None:
    # The webhook's are another role, and were not granted.
    found = _as(granted, webhook=f"http://{granted.kafka.bootstrap}/")
    told = faults(found)["acl.topics"]
    assert "Read on doctored.sla-breaches" in told.what
    assert told.fix.startswith("baton topics acls --broker")
    assert "--webhook" in told.fix
    assert "doctored-webhook" in faults(found)["acl.group"].what


def test_a_group_that_may_not_be_joined(granted: Secured) -> None:
    found = _as(granted, app_id="stranger")
    assert faults(found).keys() == {"acl.topics", "acl.group", "acl.transactions"}
