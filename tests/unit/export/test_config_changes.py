"""Changes of configuration are counted, and the latest of each contract are kept."""

from __future__ import annotations

import random
from dataclasses import replace

from streams.domain.contract import ContractBook
from streams.domain.events import ConfigChanged
from streams.domain.wire import decode_event
from streams.export.config_changes import ConfigChanges
from tests.bare_worker import BareWorker
from tests.log_builder import CONTRACT, T, event
from tests.unit.oracle.verdicts import TERMS

_SCOPE = {**TERMS.scope, "prompt_version": frozenset(("v*",))}
BOOK = ContractBook([replace(TERMS, scope=_SCOPE)])


def change(time: int, version: str, **data: object) -> bytes:
    said = {"object": "prompt", "to_version": version, **data}
    return event("config.changed", "c1", time, **said)


def told(*records: bytes) -> ConfigChanges:
    changes = ConfigChanges(BOOK)
    for raw in records:
        decoded = decode_event(raw, BOOK)
        assert isinstance(decoded, ConfigChanged)
        changes.read(decoded)
    return changes


def test_changes_are_counted_by_contract_and_object() -> None:
    changes = told(change(T(0), "1"), change(T(1), "2"), change(T(2), "m", object="model"))
    assert changes.counts == {(CONTRACT, "prompt"): 2, (CONTRACT, "model"): 1}


def test_a_change_that_is_told_twice_is_one() -> None:
    again = change(T(0), "v1")
    assert told(again, change(T(1), "v2"), again).counts == {(CONTRACT, "prompt"): 2}


def test_the_latest_ten_are_kept_in_whatever_order_they_come() -> None:
    records = [change(T(number), f"v{number}") for number in range(15)]
    random.Random(3).shuffle(records)
    assert told(*records).latest == {
        CONTRACT: {("prompt", f"v{number}"): T(number) for number in range(5, 15)}
    }


def test_a_change_stands_when_it_takes_effect() -> None:
    later = change(T(0), "v1", effective_at="2026-03-02T00:01:00Z")
    assert told(later).latest[CONTRACT] == {("prompt", "v1"): T(60)}


def test_a_version_outside_the_scope_is_other() -> None:
    assert told(change(T(0), "Jane-Doe")).latest[CONTRACT] == {("prompt", "other"): T(0)}


def test_a_worker_tells_of_the_changes_it_reads() -> None:
    worker = BareWorker(BOOK)
    worker.read([change(T(0), "v1")])
    assert worker.telemetry.config_changes.counts == {(CONTRACT, "prompt"): 1}
