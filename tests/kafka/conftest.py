"""Fixtures of the tests that need real Apache Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kafka.apache import ApacheKafka, KafkaSetupError, resolve_kafka_lib


@pytest.fixture(scope="session")
def kafka_lib() -> Path:
    """Kafka's jars. Without Java or Maven the tests fail: a skip would hide a lost guarantee."""
    try:
        return resolve_kafka_lib(Path(__file__).resolve().parents[2])
    except KafkaSetupError as error:
        problem = str(error)
    pytest.fail(problem, pytrace=False)  # out here: the message alone, not a chain of two


@pytest.fixture(scope="session")
def kafka(kafka_lib: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """One Apache Kafka broker for the whole session; tests use topics of their own."""
    cluster = ApacheKafka(workdir=tmp_path_factory.mktemp("kafka"), lib=kafka_lib)
    problem = ""
    try:
        cluster.start()
    except KafkaSetupError as error:
        problem = str(error)
    if problem:
        pytest.fail(problem, pytrace=False)
    yield cluster
    cluster.stop()
