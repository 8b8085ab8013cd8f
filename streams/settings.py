"""Settings of a worker: flags of `baton worker`, or BATON_* in the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from streams.domain.contract import ContractError
from streams.domain.contract_document import duration_ms
from streams.kafka.topics import DEFAULT_PARTITIONS


def _duration(text: str) -> str:
    try:
        duration_ms(text)
    except ContractError as error:
        raise ValueError(str(error)) from None
    return text


Duration = Annotated[str, AfterValidator(_duration)]


class Settings(BaseSettings):
    """Everything a worker can be told; each field is BATON_<NAME> in the environment."""

    model_config = SettingsConfigDict(env_prefix="BATON_", extra="ignore")

    contract: Annotated[list[Path], NoDecode] = Field(
        default_factory=list,
        description="Contract files or folders of *.yaml; ':' separates several in BATON_CONTRACT.",
    )
    broker: str = Field(
        "127.0.0.1:9092", description="Kafka bootstrap servers, host:port[,host:port]."
    )
    app_id: str = Field("baton", description="Consumer group and prefix of the changelog topics.")
    prefix: str = Field("", description="Prefix of every topic's name.")
    partitions: int = Field(
        DEFAULT_PARTITIONS, ge=1, description="Partitions of each topic; the same for all workers."
    )
    replication: int = Field(1, ge=1, description="Replication factor of changelog topics.")
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
        5000, ge=1, description="Most records taken from the broker at once."
    )
    session_timeout: float = Field(
        30.0, gt=0, description="Seconds after which the group gives up a silent worker."
    )
    commit_interval: float = Field(1.0, gt=0, description="Seconds between offset commits.")
    stall_after: float = Field(
        60.0,
        gt=0,
        description="Seconds without progress, with records waiting, until /healthz fails.",
    )
    idempotence: bool = Field(
        True,
        description="Idempotent producer; off only for brokers that have none (the embedded one).",
    )
    create_topics: bool = Field(True, description="Create topics that are missing.")
    log_level: str = Field("warning", description="debug, info, warning or error.")

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
