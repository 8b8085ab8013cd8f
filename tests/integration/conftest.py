"""Fixtures of the tests that run the stream on the embedded broker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.kafka.embedded import EmbeddedBroker
from tests.stream_run import Log, Pipeline


@pytest.fixture(scope="session")
def embedded() -> Iterator[EmbeddedBroker]:
    """One embedded broker for the session; runs use topics of their own."""
    with EmbeddedBroker() as broker:
        yield broker


class Runs:
    """Makes pipelines on the embedded broker, which has no idempotent producer."""

    def __init__(self, broker: EmbeddedBroker, workdir: Path) -> None:
        self._broker = broker
        self._workdir = workdir

    def __call__(self, log: Log, *, partitions: int = 4, flags: tuple[str, ...] = ()) -> Pipeline:
        """A pipeline for this log."""
        return Pipeline(
            self._broker.bootstrap,
            self._workdir,
            log,
            partitions=partitions,
            flags=flags,
            idempotence=False,
        )


@pytest.fixture
def runs(embedded: EmbeddedBroker, tmp_path: Path) -> Runs:
    return Runs(embedded, tmp_path)
