"""Settings as the arguments of Kafka clients, and refusals that say what to set."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    TopicAuthorizationFailedError,
)
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from streams.kafka.connection import (
    ConnectionFailed,
    check_connection,
    client_options,
    denied,
    faust_credentials,
    security_options,
)
from streams.kafka.outbox import OutboxError
from streams.kafka.processes import free_loopback_ports
from streams.settings import Settings
from tests.kafka.certificates import Authority

LOGIN: dict[str, Any] = {"sasl_username": "worker", "sasl_password": "planted"}


def test_plain_text_is_the_default() -> None:
    assert client_options(Settings(broker="b:1")) == {
        "bootstrap_servers": "b:1",
        "security_protocol": "PLAINTEXT",
    }


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"])
def test_every_aiokafka_client_takes_the_options(protocol: Any) -> None:
    login = LOGIN if protocol.startswith("SASL") else {}
    options = client_options(Settings(security_protocol=protocol, **login))

    async def make() -> None:
        producer, consumer = AIOKafkaProducer(**options), AIOKafkaConsumer(**options)
        await AIOKafkaAdminClient(**options).close()
        await producer.stop()
        await consumer.stop()

    asyncio.run(make())


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_faust_s_clients_log_in_as_ours_do(protocol: Any, mechanism: Any) -> None:
    settings = Settings(security_protocol=protocol, sasl_mechanism=mechanism, **LOGIN)
    options = security_options(settings)
    assert options["sasl_plain_password"] == "planted"
    theirs = credentials_to_aiokafka_auth(faust_credentials(options))
    assert {name: said for name, said in theirs.items() if said is not None} == options


def test_faust_s_clients_show_certificates_as_ours_do() -> None:
    options = security_options(Settings(security_protocol="SSL"))
    assert credentials_to_aiokafka_auth(faust_credentials(options)) == options
    assert faust_credentials(security_options(Settings())) is None


def test_brokers_are_verified_by_name_and_authority(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    settings = Settings(
        security_protocol="SSL",
        ssl_cafile=authority.file,
        ssl_certfile=authority.sign("worker", "planted"),
        ssl_key_password="planted",
    )
    context = security_options(settings)["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    # The named authority alone: no other of the system's may vouch for a broker.
    assert [found["subject"] for found in context.get_ca_certs()] == [
        ((("commonName", "baton-test"),),)
    ]


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"security_protocol": "SASL_SSL"}, "--sasl-username"),
        ({"security_protocol": "SASL_SSL", "sasl_username": "worker"}, "BATON_SASL_PASSWORD"),
        (LOGIN, "--sasl-username has no effect"),
        ({"ssl_cafile": Path("ca.pem")}, "--ssl-cafile and --ssl-certfile have no effect"),
        (
            {"security_protocol": "SSL", "ssl_cafile": Path("absent")},
            "--ssl-cafile absent: No such",
        ),
        ({"security_protocol": "SSL", "ssl_cafile": Path(__file__)}, "--ssl-cafile .*not usable"),
        ({"security_protocol": "SSL", "ssl_certfile": Path("absent")}, "--ssl-certfile absent"),
        ({"security_protocol": "SSL", "ssl_keyfile": Path("key.pem")}, "needs --ssl-certfile"),
    ],
)
def test_what_is_missing_or_has_no_effect_is_named(settings: dict[str, Any], names: str) -> None:
    with pytest.raises(ConnectionFailed, match=names) as caught:
        security_options(Settings(**settings))
    assert "planted" not in str(caught.value)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    settings = Settings(
        security_protocol="SSL",
        ssl_certfile=authority.sign("one"),
        ssl_keyfile=authority.sign("other"),
    )
    with pytest.raises(ConnectionFailed, match=r"one\.pem, --ssl-keyfile .*other\.pem"):
        security_options(settings)


@pytest.mark.parametrize("broker", ["kafka", "kafka:port", ":9092"])
def test_a_broker_without_host_or_port_is_named(broker: str) -> None:
    with pytest.raises(ConnectionFailed, match="host:port is wanted"):
        asyncio.run(check_connection(Settings(broker=broker)))


def test_every_absent_broker_is_named() -> None:
    ports = free_loopback_ports(2)
    broker = ",".join(f"127.0.0.1:{port}" for port in ports)
    with pytest.raises(ConnectionFailed) as caught:
        asyncio.run(check_connection(Settings(broker=broker)))
    for port in ports:
        assert f"127.0.0.1:{port}: nothing listens there" in str(caught.value)


def test_a_denial_is_found_behind_the_error_that_it_caused() -> None:
    try:
        try:
            raise TopicAuthorizationFailedError("sla-windows")
        except TopicAuthorizationFailedError as error:
            raise OutboxError("could not write") from error
    except OutboxError as error:
        said = denied(error)
    assert said is not None
    assert "sla-windows" in said
    assert "baton topics acls" in said
    assert "group (baton)" in str(denied(GroupAuthorizationFailedError("baton")))


def test_an_error_that_is_no_denial_is_none() -> None:
    assert denied(KafkaConnectionError("gone")) is None
    assert denied(None) is None
