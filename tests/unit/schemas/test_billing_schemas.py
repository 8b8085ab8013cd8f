"""What the ledger books is valid by schemas/outputs/, which declare all of it, in flat scalars."""

from __future__ import annotations

import json
from typing import get_args

from hypothesis import HealthCheck, given, settings

from streams.domain.billing.records import (
    Item,
    ItemStatus,
    LineKind,
    Seal,
    encode_booked,
    encode_seal,
)
from tests.properties.billing_records import accounts
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


def test_types_are_those_that_the_ledger_writes() -> None:
    for name, kinds in (("item", get_args(ItemStatus)), ("adjustment", get_args(LineKind))):
        types = STORE.shape(f"outputs/billing-{name}.json")["properties"]["type"]["enum"]
        assert sorted(json.loads(one) for one in types) == sorted(
            f"baton.billing.{kind}" for kind in kinds
        )
