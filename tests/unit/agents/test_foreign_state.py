"""Tables that a worker cannot make sense of: it says which, why and what to do, and stops."""

from __future__ import annotations

from functools import cache

import pytest

from streams.contract_files import bundled_contract, load_contracts
from streams.domain.contract import ContractBook
from streams.domain.interaction import Interaction
from streams.domain.interaction_codec import encode_interaction
from streams.kafka.store import StateError
from tests import log_builder as b
from tests.bare_worker import BareWorker


@cache
def book() -> ContractBook:
    return load_contracts([bundled_contract("telco-2026")])


def test_a_record_that_is_none_of_ours_names_the_changelog() -> None:
    worker = BareWorker(book(), interactions={b"telco-2026\x00c-1": bytes(8) + b"\xc1"})
    with pytest.raises(StateError, match=r"^interactions-changelog/0 holds a record that cannot"):
        worker.read([b.T(0)])


def test_a_record_of_another_format_is_named_when_it_is_first_looked_at() -> None:
    worker = BareWorker(
        book(), interactions={b"telco-2026\x00c-1": b"\x98\x91\x00 no state of ours"}
    )
    worker.adopt()
    with pytest.raises(StateError, match=r"^interactions-changelog/0 holds a record that cannot"):
        worker.read([b.T(0)])


def test_interactions_of_a_contract_that_is_not_loaded_name_it() -> None:
    state = Interaction(bursts=[b.T(0), b.T(5)], burst_channels=["chat"])
    worker = BareWorker(
        book(), interactions={b"gone-2025\x00c-1": encode_interaction(state, b.T(60))}
    )
    with pytest.raises(StateError, match="computed for 'gone-2025', which --contract does not"):
        worker.adopt()


def test_windows_of_a_contract_that_is_not_loaded_name_it() -> None:
    before = BareWorker(book())
    before.read([b.T(0), b.failure("c-1", b.T(10)), b.T(600)])
    table = max(before.window_tables(), key=len)
    renamed = {
        name.replace(b"telco-2026", b"telco-2025"): raw.replace(b"telco-2026", b"telco-2025")
        for name, raw in table.items()
    }
    with pytest.raises(StateError, match="computed for 'telco-2025', which --contract does not"):
        BareWorker(book(), windows=renamed).adopt()
