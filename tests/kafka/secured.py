"""A broker that lets nobody in without SCRAM over TLS or a certificate, and forbids by default."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from streams.cli.main import cli
from streams.settings import Settings
from tests.kafka.access_control import carry_out, withdraw
from tests.kafka.apache import ApacheKafka
from tests.kafka.certificates import Authority

SCRAM, MTLS, LOGIN = "SCRAM", "MTLS", "LOGIN"
PASSWORDS = {
    f"baton-{role}": f"planted-{role}-password"
    for role in ("worker", "producer", "consumer", "auditor", "exporter", "operator", "stranger")
}

_MODULES = "org.apache.kafka.common.security"
_SCRAM_MODULE = ".ScramLoginModule required;"


@dataclass(frozen=True)
class Secured:
    """The cluster and what its clients need; the tests' own are super users on BROKER."""

    kafka: ApacheKafka
    authority: Authority
    folder: Path

    def scram(self, user: str) -> Mapping[str, str]:
        """BATON_* of a user who logs in over SASL_SSL."""
        return {
            "BATON_BROKER": self.kafka.bootstrap_of(SCRAM),
            "BATON_SECURITY_PROTOCOL": "SASL_SSL",
            "BATON_SASL_USERNAME": user,
            "BATON_SASL_PASSWORD": PASSWORDS[user],
            "BATON_SSL_CAFILE": str(self.authority.file),
        }

    def login(self, user: str, mechanism: str) -> Mapping[str, str]:
        """BATON_* of a user who logs in over SASL_PLAINTEXT, by PLAIN or SCRAM-SHA-256."""
        return {
            "BATON_BROKER": self.kafka.bootstrap_of(LOGIN),
            "BATON_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "BATON_SASL_MECHANISM": mechanism,
            "BATON_SASL_USERNAME": user,
            "BATON_SASL_PASSWORD": PASSWORDS[user],
        }

    def mtls(self, name: str, password: str = "") -> Mapping[str, str]:
        """BATON_* of a client that shows a certificate of CN=`name`; its key may be encrypted."""
        return {
            "BATON_BROKER": self.kafka.bootstrap_of(MTLS),
            "BATON_SECURITY_PROTOCOL": "SSL",
            "BATON_SSL_CAFILE": str(self.authority.file),
            "BATON_SSL_CERTFILE": str(self.authority.sign(name, password)),
            "BATON_SSL_KEY_PASSWORD": password,
        }

    def permissions(self, group: str, *flags: str) -> list[str]:
        """The lines of `baton topics acls` for a run of that group."""
        said = ["topics", "acls", "--app-id", group, "--prefix", f"{group}.", "--no-ticks", *flags]
        printed = CliRunner().invoke(cli, said)
        assert printed.exit_code == 0, printed.output
        return printed.output.splitlines()

    def grant(self, lines: list[str]) -> None:
        """Put permissions in force."""
        asyncio.run(carry_out(lines, self.kafka.bootstrap))

    def withdraw(self, resource: str, name: str) -> None:
        """Take back what is granted on a topic, group or transactional id."""
        asyncio.run(withdraw(resource, name, self.kafka.bootstrap))


def settings_of(variables: Mapping[str, str]) -> Settings:
    """The settings a worker with these BATON_* has."""
    return Settings(**{n.removeprefix("BATON_").lower(): said for n, said in variables.items()})


@contextmanager
def secured_kafka(folder: Path, lib: Path) -> Iterator[Secured]:
    """One broker with the authorizer, and a listener for each way to come in.

    SCRAM: SASL_SSL with SCRAM-SHA-512; MTLS: SSL with certificates; LOGIN: SASL_PLAINTEXT with
    PLAIN and SCRAM-SHA-256.
    """
    authority = Authority(folder / "certificates")
    users = " ".join(f'user_{user}="{password}"' for user, password in PASSWORDS.items())
    stores = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(authority.sign("broker")),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.file),
        "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.scram.scram-sha-512.sasl.jaas.config": f"{_MODULES}.scram{_SCRAM_MODULE}",
        "listener.name.login.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
        "listener.name.login.scram-sha-256.sasl.jaas.config": f"{_MODULES}.scram{_SCRAM_MODULE}",
        "listener.name.login.plain.sasl.jaas.config": (
            f"{_MODULES}.plain.PlainLoginModule required {users};"
        ),
        "listener.name.mtls.ssl.client.auth": "required",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        # Who comes by the plain listener: the broker itself and the tests.
        "super.users": "User:ANONYMOUS",
    }
    kafka = ApacheKafka(
        workdir=folder / "kafka",
        lib=lib,
        properties=stores,
        listeners={SCRAM: "SASL_SSL", MTLS: "SSL", LOGIN: "SASL_PLAINTEXT"},
        scram_users=PASSWORDS,
    )
    with kafka:
        yield Secured(kafka, authority, folder)
