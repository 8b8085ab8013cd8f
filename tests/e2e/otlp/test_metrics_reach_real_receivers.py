"""What a worker pushes by OTLP arrives in a real Collector and a real Prometheus as it is scraped.

Run with `make test-otlp`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from streams.kafka.embedded import EmbeddedBroker
from tests.e2e.otlp.receivers import Receiver, collector, missing, prometheus, series
from tests.stream_run import Pipeline, synthetic_log
from tests.worker_process import NotInTime, WorkerProcess, await_that

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

# What changes between two looks although nothing happens: the clock, and the pushing itself.
MOVING = {"baton_watermark_lag_seconds", "baton_otlp_pushes_total"}


def scraped(worker: WorkerProcess) -> dict[object, float]:
    """What /metrics shows, but for what moves by itself."""
    found = series(worker.page("metrics")[1])
    return {key: value for key, value in found.items() if key[0] not in MOVING}


@pytest.mark.parametrize("kind", [collector, prometheus], ids=lambda kind: str(kind.__name__))
def test_every_series_is_held_with_its_value_and_no_other(
    kind: Callable[[Path], AbstractContextManager[Receiver]], tmp_path: Path
) -> None:
    log = synthetic_log(300)
    with EmbeddedBroker() as broker, kind(tmp_path) as receiver:
        flags = ("--otlp", receiver.address, "--otlp-interval", "500ms")
        with Pipeline(broker.bootstrap, tmp_path, log, idempotence=False, flags=flags) as run:
            worker = run.start_worker()
            worker.await_ready()
            run.replay()
            run.await_processed()

            def differing() -> set[object]:
                shown = scraped(worker).items()
                held = {pair for pair in receiver.held().items() if pair[0][0] not in MOVING}
                return {*shown} ^ held

            try:
                await_that(lambda: not differing(), "the receiver holds what is scraped", 30)
            except NotInTime:
                assert differing() == set()
            shown = scraped(worker)
            assert {"baton_facts_total", "baton_clause_events_total"} <= {key[0] for key in shown}
            assert any(key[0].endswith("_bucket") and value > 0 for key, value in shown.items())
            failed = worker.metrics().total("baton_otlp_pushes_total", outcome="failed")
            assert failed == 0
            assert {key[0] for key in receiver.held()} >= MOVING
