"""Settings of a worker: flags of `baton worker`, or BATON_* in the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from streams.domain.contract import ContractError
from streams.domain.contract_document import duration_ms
from streams.domain.events import MARKETS
from streams.kafka.topics import DEFAULT_PARTITIONS


def _duration(text: str) -> str:
    try:
        duration_ms(text)
    except ContractError as error:
        raise ValueError(str(error)) from None
    return text


def _addresses(text: str) -> str:
    # Not shown: what stands before an @ is a password as likely as not.
    if "@" in text:
        raise ValueError("host:port[,host:port] without credentials; BATON_SASL_PASSWORD has them")
    return text


def _web_address(text: str) -> str:
    said = urlsplit(text)
    if text and (said.scheme not in ("http", "https") or not said.hostname):
        raise ValueError("an address that begins with http:// or https:// and names a host")
    if said.username or said.password:
        raise ValueError("no credentials in the address; BATON_WEBHOOK_SECRET has them")
    return text


def _listed(said: object) -> object:
    return [name.strip() for name in said.split(",")] if isinstance(said, str) else said


def _market(name: str) -> str:
    if name not in MARKETS:
        raise ValueError("two capital letters, as ISO 3166-1 has them")
    return name


Market = Annotated[str, AfterValidator(_market)]
Duration = Annotated[str, AfterValidator(_duration)]
Addresses = Annotated[str, AfterValidator(_addresses)]
WebAddress = Annotated[str, AfterValidator(_web_address)]


class Settings(BaseSettings):
    """Everything a worker can be told; each field is BATON_<NAME> in the environment."""

    model_config = SettingsConfigDict(
        env_prefix="BATON_", extra="ignore", hide_input_in_errors=True
    )

    contract: Annotated[list[Path], NoDecode] = Field(
        default_factory=list,
        description="Contract files or folders of *.yaml; ':' separates several in BATON_CONTRACT.",
    )
    market: Annotated[list[Market], NoDecode, BeforeValidator(_listed)] = Field(
        default_factory=list,
        description="Take events of this market only (ISO 3166-1, repeatable; commas separate"
        " several in BATON_MARKET); others go to dead letters.",
    )
    broker: Addresses = Field(
        "127.0.0.1:9092", description="Kafka bootstrap servers, host:port[,host:port]."
    )
    app_id: str = Field("baton", description="Consumer group and prefix of the changelog topics.")
    prefix: str = Field("", description="Prefix of every topic's name.")
    partitions: int = Field(
        DEFAULT_PARTITIONS, ge=1, description="Partitions of each topic; the same for all workers."
    )
    replication: int = Field(
        1,
        ge=1,
        description="Replicas of topics that are created; of 3 or more, 2 must have a record before"
        " it is acknowledged.",
    )
    lateness: Duration = Field(
        "30s",
        description="How far the watermark stays behind the ticks. Events up to this late change"
        " nothing that was published; breaches come this much after the fact.",
    )
    ticks: bool = Field(
        True,
        description="Write wall-clock ticks while owning the first partition; off for replays,"
        " which bring their own.",
    )
    tick_interval: Duration = Field("1s", description="Time between wall-clock ticks.")
    host: str = Field("127.0.0.1", description="Address of /metrics, /healthz and /readyz.")
    port: int = Field(9464, ge=0, le=65535, description="Their port; 0 takes a free one.")
    batch_records: int = Field(
        5000, ge=1, description="Most records of a partition folded at once."
    )
    session_timeout: float = Field(
        30.0, gt=0, description="Seconds after which the group gives up a silent worker."
    )
    instance_id: str = Field(
        "",
        description="Name of this worker in its group, each its own, the same after a restart: one"
        " that is back within --session-timeout has its partitions again without a rebalance. One"
        " that is gone for good is waited for as long.",
    )
    commit_interval: float = Field(1.0, gt=0, description="Seconds between offset commits.")
    stall_after: float = Field(
        60.0,
        gt=0,
        description="Seconds without progress, with records waiting, until /healthz fails.",
    )
    guarantee: Literal["exactly-once", "at-least-once"] = Field(
        "exactly-once",
        description="What readers of the outputs may rely on: exactly-once with isolation level"
        " read_committed, or at-least-once, each repetition under the same id.",
    )
    standbys: int = Field(
        0, ge=0, description="Workers that keep a copy of each table, to take over at once."
    )
    idempotence: bool = Field(
        True,
        description="Idempotent producer; off only for brokers that have none (the embedded one).",
    )
    state_dir: Path | None = Field(
        None,
        description="Folder for tables on local disk, each worker its own; without it they are held"
        " in memory and rebuilt from changelogs at each start.",
    )
    preview_interval: Duration = Field(
        "1h",
        description="Time, by the watermark, from one preview of each open billing period on"
        " billing-previews to the next.",
    )
    create_topics: bool = Field(True, description="Create topics that are missing.")
    log_level: str = Field("warning", description="debug, info, warning or error.")

    @model_validator(mode="after")
    def _guarantee_needs_idempotence(self) -> Self:
        if self.guarantee == "exactly-once" and not self.idempotence:
            raise ValueError(
                "exactly-once needs an idempotent producer: say --guarantee at-least-once for a"
                " broker that has none"
            )
        return self

    # Access: to the brokers (kafka/connection.py) and to the pages (export/access.py). A secret has
    # a variable and a file, never a flag: the arguments of a process are for all to see.
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to talk to the brokers."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How to log in, with SASL_PLAINTEXT and SASL_SSL."
    )
    sasl_username: str = Field("", description="User to log in as.")
    sasl_password: SecretStr = Field(SecretStr(""), description="Its password.")
    sasl_password_file: Path | None = Field(
        None, description="File that holds the password, if BATON_SASL_PASSWORD does not."
    )
    ssl_cafile: Path | None = Field(
        None,
        description="Certificates (PEM) of the authorities to trust; the system's without it.",
    )
    ssl_certfile: Path | None = Field(
        None, description="Certificate (PEM) to show to brokers that ask for one."
    )
    ssl_keyfile: Path | None = Field(None, description="Its key (PEM), unless it is in that file.")
    ssl_key_password: SecretStr = Field(SecretStr(""), description="The key's password.")
    ssl_key_password_file: Path | None = Field(
        None, description="File that holds the key's password, if BATON_SSL_KEY_PASSWORD does not."
    )
    pages_token: SecretStr = Field(
        SecretStr(""), description="Bearer token that opens /metrics and the details of probes."
    )
    pages_token_file: Path | None = Field(
        None, description="File that holds that bearer token, if BATON_PAGES_TOKEN does not."
    )
    pages_user: str = Field("", description="User of basic authentication, which opens them too.")
    pages_password: SecretStr = Field(SecretStr(""), description="That user's password.")
    pages_password_file: Path | None = Field(
        None, description="File that holds that password, if BATON_PAGES_PASSWORD does not."
    )
    pages_open: bool = Field(
        False, description="Serve the pages beyond loopback without any of these credentials."
    )

    trace_api: bool = Field(
        False,
        description="Serve /api/trace and /api/similar, which tell single conversations; needs"
        " credentials for the pages.",
    )

    webhook: WebAddress = Field(
        "",
        description="Address to which each breach that opens or closes is posted, as a CloudEvent"
        " without conversation ids; at least once, the same event under the same id.",
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="Bearer token that is sent with it."
    )
    webhook_secret_file: Path | None = Field(
        None, description="File that holds that token, if BATON_WEBHOOK_SECRET does not."
    )

    otlp: WebAddress = Field(
        "",
        description="OTLP/HTTP receiver to which the metrics are pushed, too; /v1/metrics is added"
        " unless a path is given. Needs the extra `otlp`; OTEL_EXPORTER_OTLP_HEADERS and the like"
        " hold.",
    )
    otlp_interval: Duration = Field("30s", description="Time between two pushes.")

    billing_key: SecretStr = Field(
        SecretStr(""), description="Ed25519 private key (PEM) that signs each closed period's seal."
    )
    billing_key_file: Path | None = Field(
        None, description="File that holds that key, if BATON_BILLING_KEY does not."
    )

    @property
    def otlp_interval_s(self) -> float:
        """The time between two pushes of metrics in seconds."""
        return duration_ms(self.otlp_interval) / 1000

    @property
    def lateness_ms(self) -> int:
        """The allowed lateness in ms."""
        return duration_ms(self.lateness)

    @property
    def tick_interval_s(self) -> float:
        """The time between wall-clock ticks in seconds."""
        return duration_ms(self.tick_interval) / 1000

    def topic(self, name: str) -> str:
        """A topic's name with the prefix."""
        return self.prefix + name
