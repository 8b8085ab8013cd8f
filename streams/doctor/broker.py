"""The brokers: whether they let us in, and whether they can what the settings ask of them."""

from __future__ import annotations

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import ApiVersionRequest

from streams.doctor.finding import Finding, ok, warn, wrong
from streams.kafka.connection import ConnectionFailed, check_connection, security_options
from streams.settings import Settings

# Kafka's keys of the requests that a guarantee or a promise depends on.
_FETCH, _METADATA = 1, 3
_INIT_PRODUCER_ID, _ADD_PARTITIONS_TO_TXN, _TXN_OFFSET_COMMIT = 22, 24, 28
_TOPIC_IDS = 10


async def look(settings: Settings) -> list[Finding]:
    """Findings `broker`, and where it is reached `broker.versions` and `broker.encryption`."""
    try:
        await check_connection(settings)
    except ConnectionFailed as error:
        return [
            wrong(
                "broker",
                str(error),
                "a worker that cannot reach the brokers ends with exit code 1 and reads nothing",
                _way_in(settings),
            )
        ]
    how = settings.security_protocol
    as_whom = f" as {settings.sasl_username}" if how.startswith("SASL") else ""
    found = [ok("broker", f"{settings.broker} lets us in by {how}{as_whom}")]
    found.append(_encryption(settings))
    found.append(await _versions(settings))
    return found


def _way_in(settings: Settings) -> str:
    protocol = settings.security_protocol
    host, _, port = settings.broker.split(",")[0].strip().rpartition(":")
    if not host:
        return "--broker HOST:PORT"
    if protocol.endswith("SSL"):
        return f"openssl s_client -connect {host}:{port} </dev/null   # what it shows, and to whom"
    return f"nc -vz {host} {port}   # from where the worker runs; then the setting that is named"


def _encryption(settings: Settings) -> Finding:
    check, protocol = "broker.encryption", settings.security_protocol
    if protocol.endswith("SSL"):
        return ok(check, f"connections are encrypted ({protocol})")
    local = all(_is_here(address) for address in settings.broker.split(","))
    if local:
        return ok(check, f"{protocol}, to this machine only")
    return warn(
        check,
        f"{protocol}: what is sent to {settings.broker} can be read on the way",
        "events name conversations and customers' pseudonyms; a password, where one is sent, too",
        "--security-protocol SASL_SSL --ssl-cafile ca.pem",
    )


def _is_here(address: str) -> bool:
    host = address.strip().rpartition(":")[0].strip("[]")
    return host in ("localhost", "::1") or host.startswith("127.")


async def _versions(settings: Settings) -> Finding:
    check = "broker.versions"
    try:
        spoken = await _spoken(settings)
    except (OSError, KafkaError, ValueError) as error:
        return warn(
            check,
            f"the brokers do not say what they can: {error}",
            "whether transactions work is seen when a worker starts",
            "use Apache Kafka 3.3 or newer",
        )
    lacking = [
        what
        for what, key in (
            ("idempotent producers", _INIT_PRODUCER_ID),
            ("transactions", _ADD_PARTITIONS_TO_TXN),
            ("offsets in transactions", _TXN_OFFSET_COMMIT),
        )
        if key not in spoken
    ]
    if lacking and settings.guarantee == "exactly-once":
        return wrong(
            check,
            f"the brokers have no {', '.join(lacking)}",
            "--guarantee exactly-once, which is the default, cannot be kept",
            "--guarantee at-least-once --no-idempotence   # or use Apache Kafka 3.3 or newer",
        )
    if spoken[_METADATA][1] < _TOPIC_IDS:
        return warn(
            check,
            "the brokers give topics no ids (before Kafka 2.8)",
            "a changelog that was deleted and made again cannot be told from the old one",
            "use Apache Kafka 3.3 or newer",
        )
    # Kafka 4.0 answers no Fetch before version 4 (KIP-896).
    age = "4.0 or newer" if spoken[_FETCH][0] >= 4 else "before 4.0"
    return ok(check, f"the brokers speak as Apache Kafka {age} does")


async def _spoken(settings: Settings) -> dict[int, tuple[int, int]]:
    host, _, port = settings.broker.split(",")[0].strip().rpartition(":")
    connection = await create_conn(host.strip("[]"), int(port), **security_options(settings))
    try:
        answer = await connection.send(ApiVersionRequest())
    finally:
        connection.close()
    return {key: (least, most) for key, least, most in answer.api_versions}
