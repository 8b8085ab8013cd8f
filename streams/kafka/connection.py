"""How every Kafka client of ours connects: protocol, login and certificates from the settings."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine, Mapping
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest
from faust.auth import SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT

from streams.secrets import SecretError, secret
from streams.settings import Settings

_ANSWER_WITHIN_S = 15.0
_FAREWELL_S = 5.0

_DENIED: tuple[tuple[type[KafkaError], str], ...] = (
    (TopicAuthorizationFailedError, "topics"),
    (GroupAuthorizationFailedError, "the consumer group"),
    (TransactionalIdAuthorizationFailed, "a transactional id"),
    (ClusterAuthorizationFailedError, "the cluster"),
)


class ConnectionFailed(RuntimeError):
    """The brokers cannot be used; the message says why and what to do, and holds no secret."""


def client_options(settings: Settings) -> dict[str, Any]:
    """What every aiokafka client (producer, consumer, admin) must be given to connect.

    Keyword arguments: bootstrap_servers and those of security_options. Raises ConnectionFailed.
    """
    return {"bootstrap_servers": settings.broker, **security_options(settings)}


def security_options(settings: Settings) -> dict[str, Any]:
    """The keyword arguments of an aiokafka client that say protocol, login and certificates.

    Raises ConnectionFailed where a setting is missing, has no effect under this protocol, or names
    a file that cannot be used.
    """
    protocol = settings.security_protocol
    encrypted, login = protocol.endswith("SSL"), protocol.startswith("SASL")
    options: dict[str, Any] = {"security_protocol": protocol}
    if login:
        options |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": _password(settings),
        }
    elif settings.sasl_username:
        raise ConnectionFailed(
            f"--sasl-username has no effect with --security-protocol {protocol}; say SASL_SSL"
        )
    if encrypted:
        options["ssl_context"] = _ssl_context(settings)
    elif settings.ssl_cafile or settings.ssl_certfile:
        raise ConnectionFailed(
            f"--ssl-cafile and --ssl-certfile have no effect with --security-protocol {protocol};"
            " say SSL or SASL_SSL"
        )
    return options


def faust_credentials(options: Mapping[str, Any]) -> CredentialsT | None:
    """The same for Faust's broker_credentials, from security_options."""
    context: ssl.SSLContext | None = options.get("ssl_context")
    if "sasl_mechanism" in options:
        # Faust derives the protocol from the context: SASL_SSL with one, else SASL_PLAINTEXT.
        return SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=context,
        )
    return None if context is None else SSLCredentials(context)


def _password(settings: Settings) -> str:
    if not settings.sasl_username:
        raise ConnectionFailed(
            f"--security-protocol {settings.security_protocol} needs --sasl-username"
        )
    password = _secret(settings, "sasl_password")
    if not password:
        raise ConnectionFailed(
            f"no password for --sasl-username {settings.sasl_username}: set BATON_SASL_PASSWORD or"
            " --sasl-password-file"
        )
    return password


def _secret(settings: Settings, name: str) -> str:
    try:
        return secret(settings, name)
    except SecretError as error:
        raise ConnectionFailed(str(error)) from None


def _ssl_context(settings: Settings) -> ssl.SSLContext:
    cafile = settings.ssl_cafile
    try:
        context = ssl.create_default_context(cafile=cafile)
    except OSError as error:  # ssl.SSLError is one
        raise ConnectionFailed(f"--ssl-cafile {cafile}: {_file_trouble(error)}") from None
    certificate, key = settings.ssl_certfile, settings.ssl_keyfile
    if certificate is None:
        if key is not None:
            raise ConnectionFailed("--ssl-keyfile needs --ssl-certfile beside it")
        return context
    password = _secret(settings, "ssl_key_password")
    try:
        # Always one: without it OpenSSL asks on the terminal for a key that is encrypted.
        context.load_cert_chain(certificate, key, password=lambda: password)
    except OSError as error:
        files = f"--ssl-certfile {certificate}" + (f", --ssl-keyfile {key}" if key else "")
        raise ConnectionFailed(
            f"{files}: {_file_trouble(error)}; they must be PEM and belong together, and an"
            " encrypted key needs its password in BATON_SSL_KEY_PASSWORD or"
            " --ssl-key-password-file"
        ) from None
    return context


def _file_trouble(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"not usable ({error.reason or 'not PEM'})"
    return str(error.strerror or error)


async def let_go(stopping: Coroutine[Any, Any, None]) -> None:
    """Await the `stop()` of an aiokafka client, but not its last words over TLS.

    A connection with unread data takes up to 30 s to close (asyncio's ssl_shutdown_timeout), which
    aiokafka waits for; it is left to that. What a client has to say is said long before.
    """
    task = asyncio.ensure_future(stopping)
    done, _ = await asyncio.wait({task}, timeout=_FAREWELL_S)
    if done:
        task.result()


async def check_connection(settings: Settings) -> None:
    """Return once a broker has let us in. Raises ConnectionFailed naming what is wrong.

    aiokafka's clients say no more than "unable to bootstrap", whatever the reason.
    """
    options = security_options(settings)
    reasons = []
    for address in settings.broker.split(","):
        host, _, port = address.strip().rpartition(":")
        if not host or not port.isdigit():
            raise ConnectionFailed(f"--broker {address}: host:port is wanted")
        try:
            await _talk(host.strip("[]"), int(port), options)
            return
        except (OSError, KafkaError, EOFError, ValueError) as error:
            reasons.append(f"{address.strip()}: {_reason(error, settings)}")
    raise ConnectionFailed(f"no Kafka broker lets us in: {'; '.join(reasons)}")


async def _talk(host: str, port: int, options: Mapping[str, Any]) -> None:
    async with asyncio.timeout(_ANSWER_WITHIN_S):
        # A handshake that failed under TLS 1.3 is told by the first answer only.
        connection = await create_conn(host, port, **options)
        try:
            await connection.send(MetadataRequest([]))
        finally:
            connection.close()


def _reason(error: BaseException, settings: Settings) -> str:
    protocol = settings.security_protocol
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({error.verify_message}): name its authority with"
            " --ssl-cafile, and the broker as its certificate does"
        )
    if isinstance(error, SaslAuthenticationFailed):
        return (
            f"user {settings.sasl_username!r} is refused with {settings.sasl_mechanism}: check"
            " --sasl-username and BATON_SASL_PASSWORD (or --sasl-password-file)"
        )
    if isinstance(error, UnsupportedSaslMechanismError):
        return f"it does not take {settings.sasl_mechanism}: set --sasl-mechanism to what it takes"
    if isinstance(error, IllegalSaslStateError):
        return f"it does not take {protocol} on this port: check --security-protocol"
    if isinstance(error, TimeoutError):
        return f"no answer within {_ANSWER_WITHIN_S:.0f} s: check --broker and --security-protocol"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there: check --broker"
    if isinstance(error, ssl.SSLError | ConnectionError | KafkaError | EOFError | ValueError):
        certificate = (
            "; a broker that asks for a certificate needs --ssl-certfile of one that it trusts"
            if protocol.endswith("SSL")
            else ""
        )
        return f"it ended the connection: check --security-protocol ({protocol}){certificate}"
    return str(error) or type(error).__name__


def denied(error: BaseException | None) -> str | None:
    """What to do about an error that came of a missing permission; None for any other.

    Looks along the causes.
    """
    while error is not None:
        for kind, what in _DENIED:
            if isinstance(error, kind):
                named = error.args[0] if error.args else ()
                names = [named] if isinstance(named, str) else sorted(named or ())
                which = f" ({', '.join(names)})" if names else ""
                return (
                    f"the brokers deny us {what}{which}: grant what `baton topics acls` lists, for"
                    " this --app-id and --prefix"
                )
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None
