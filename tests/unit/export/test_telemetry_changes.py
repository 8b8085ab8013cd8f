"""Changes of configuration are counted, and the latest of each contract are kept."""

from __future__ import annotations

import random

from streams.domain.events import ConfigChanged
from streams.domain.wire import decode_event
from streams.export.telemetry import Telemetry
from tests.bare_worker import BareWorker
from tests.log_builder import CONTRACT, T, event
from tests.unit.oracle.verdicts import BOOK


def change(time: int, version: str, **data: object) -> bytes:
    said = {"object": "prompt", "to_version": version, **data}
    return event("config.changed", "c1", time, **said)


def told(*records: bytes) -> Telemetry:
    telemetry = Telemetry(BOOK)
    for raw in records:
        decoded = decode_event(raw, BOOK)
        assert isinstance(decoded, ConfigChanged)
        telemetry.config_changed(decoded)
    return telemetry


def test_changes_are_counted_by_contract_and_object() -> None:
    telemetry = told(change(T(0), "1"), change(T(1), "2"), change(T(2), "m", object="model"))
    assert telemetry.config_changes == {(CONTRACT, "prompt"): 2, (CONTRACT, "model"): 1}


def test_the_latest_ten_are_kept_in_whatever_order_they_come() -> None:
    records = [change(T(number), f"v{number}") for number in range(15)]
    random.Random(3).shuffle(records)
    assert told(*records).latest_changes == {
        CONTRACT: [(T(number), "prompt", f"v{number}") for number in range(5, 15)]
    }


def test_a_change_stands_when_it_takes_effect() -> None:
    later = change(T(0), "v1", effective_at="2026-03-02T00:01:00Z")
    assert told(later).latest_changes[CONTRACT] == [(T(60), "prompt", "v1")]


def test_a_worker_tells_of_the_changes_it_reads() -> None:
    worker = BareWorker(BOOK)
    worker.read([change(T(0), "v1")])
    assert worker.telemetry.config_changes == {(CONTRACT, "prompt"): 1}
