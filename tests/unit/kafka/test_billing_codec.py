"""Facts on billing-records: by position, so the positions must be a Fact's."""

from __future__ import annotations

import typing

import msgspec
from hypothesis import HealthCheck, given, settings

from streams.domain.facts import Fact
from streams.kafka.billing_codec import (
    FactFields,
    decode_billing,
    encode_billing,
)
from tests.properties.billing_records import accounts
from tests.properties.test_billing import Account


def shape(of: type) -> list[tuple[str, object, bool]]:
    """The fields in order: name, type, and whether it may be left out."""
    types = typing.get_type_hints(of)
    return [
        (field.name, types[field.name], not field.required) for field in msgspec.structs.fields(of)
    ]


def test_the_fields_of_a_fact_stand_in_its_order_with_its_types() -> None:
    # A field that Fact gets in the middle would otherwise be read as its neighbour.
    assert shape(FactFields) == shape(Fact)


@given(accounts())
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_told_comes_back_as_it_was(account: Account) -> None:
    _, records = account
    read = decode_billing(encode_billing(3, None, records, {"telco-2026": (2, 1)}))
    assert [one.told for one in read.told] == records
    assert (read.source, read.watermark, read.begun) == (3, None, {"telco-2026": (2, 1)})
