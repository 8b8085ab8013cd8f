"""Fixtures of the tests that need real Apache Kafka."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kafka.apache import ApacheKafka, KafkaSetupError, resolve_kafka_lib
from tests.kafka.secured import Secured, secured_kafka

# CPython 3.11 fails with a SystemError (gh-106905) where a collection of a test's coroutines meets
# the parsing of sources, as pytest does for each failure and at its end: no closing line then.
gc.disable()


@pytest.fixture(autouse=True)
def _garbage_between_tests() -> Iterator[None]:
    yield
    gc.collect()


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


@pytest.fixture(scope="module")
def secured(kafka_lib: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A broker with TLS, logins and permissions for the tests of one module."""
    with secured_kafka(tmp_path_factory.mktemp("secured"), kafka_lib) as found:
        yield found
