"""What the ledger books is valid by schemas/outputs/, which declare all of it, in flat scalars."""

from __future__ import annotations

import json
from typing import get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.domain.billing.ledger import Ledger
from streams.domain.billing.preview import encode_preview
from streams.domain.billing.records import (
    Item,
    ItemStatus,
    LineKind,
    Seal,
    encode_booked,
    encode_seal,
)
from tests.log_builder import CONTRACT, EPOCH_MS
from tests.properties.billing_records import DAY_MS, accounts
from tests.properties.test_billing import Account, booked_at_once
from tests.unit.schemas.schema_store import SCHEMAS, SchemaStore

STORE = SchemaStore.load(SCHEMAS)


@given(accounts())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_booked_is_valid_declared_and_flat(account: Account) -> None:
    for one in booked_at_once(*account):
        if isinstance(one, Seal):
            name, raw = "outputs/billing-period-closed.json", encode_seal(one)
        else:
            kind = "item" if isinstance(one, Item) else "adjustment"
            name, raw = f"outputs/billing-{kind}.json", encode_booked(one)
        document = json.loads(raw)
        assert [e.message for e in STORE.validator(name).iter_errors(document)] == []
        declared = STORE.shape(name)["properties"]
        assert set(document) == set(declared)
        assert set(document["data"]) == set(declared["data"]["properties"])
        scalars = (str, int, type(None))
        assert all(isinstance(value, scalars) for value in document["data"].values())


@given(accounts(), st.integers(1, 130))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_preview_is_valid_and_declared(account: Account, days: int) -> None:
    book, records = account
    ledger = Ledger(book, CONTRACT)
    ledger.apply(0, EPOCH_MS + days * DAY_MS, records)
    ledger.advance()
    name = "outputs/billing-preview.json"
    declared = STORE.shape(name)["properties"]["data"]["properties"]
    line = declared["lines"]["items"]["properties"]
    for preview in ledger.previews():
        document = json.loads(encode_preview(preview))
        assert [e.message for e in STORE.validator(name).iter_errors(document)] == []
        assert set(document["data"]) == set(declared)
        assert all(set(one) == set(line) for one in document["data"]["lines"])


def test_types_are_those_that_the_ledger_writes() -> None:
    for name, kinds in (("item", get_args(ItemStatus)), ("adjustment", get_args(LineKind))):
        types = STORE.shape(f"outputs/billing-{name}.json")["properties"]["type"]["enum"]
        assert sorted(json.loads(one) for one in types) == sorted(
            f"baton.billing.{kind}" for kind in kinds
        )
