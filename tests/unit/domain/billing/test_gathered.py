"""A statement from the records of both topics: what is wrong with them is named, one by one."""

from __future__ import annotations

from functools import cache

import orjson
import pytest

from streams.domain.billing.gathered import gathered
from streams.domain.billing.ledger import Ledger
from streams.domain.billing.records import Item, Seal, encode_booked, encode_seal
from streams.domain.billing.statement import statement_json, statement_of
from tests.log_builder import CONTRACT
from tests.unit.domain.billing.test_ledger import at, book, dispute, resolved

PERIOD = "2026-03"
Placed = list[tuple[str, bytes]]


@cache
def ledger() -> Ledger:
    found = Ledger(book(allowance=1), CONTRACT)
    human = resolved("c3", 2, "other", human=True, outcome="escalated_safe", proven=True)
    records = [*resolved("c1", 1), *resolved("c2", 1.5), *human, dispute("c2", 6)]
    found.apply(0, at(100), records)
    return found


@cache
def booked() -> tuple[object, ...]:
    return tuple(ledger().advance())


def placed() -> Placed:
    """The records as they stand in the two topics, items first."""
    items, adjustments = [], []
    for one in booked():
        if isinstance(one, Item):
            items.append(encode_booked(one))
        else:
            raw = encode_seal(one) if isinstance(one, Seal) else encode_booked(one)  # type: ignore[arg-type]
            adjustments.append(raw)
    return [(f"items/0@{n}", raw) for n, raw in enumerate(items)] + [
        (f"adjustments/0@{n}", raw) for n, raw in enumerate(adjustments)
    ]


def at_first(records: Placed, kind: str) -> int:
    return next(n for n, (_, raw) in enumerate(records) if f"baton.billing.{kind}".encode() in raw)


def test_the_topics_give_the_statement_that_the_ledger_booked() -> None:
    found = gathered(CONTRACT, PERIOD, placed())
    assert found.problems == []
    assert found.statement is not None
    expected = statement_of(CONTRACT, PERIOD, "USD", booked())  # type: ignore[arg-type]
    assert statement_json(found.statement) == statement_json(expected)


def test_a_record_that_was_written_twice_is_one() -> None:
    records = placed()
    again = gathered(CONTRACT, PERIOD, [*records, *records[:3]])
    assert again == gathered(CONTRACT, PERIOD, records)


def test_another_contract_s_records_are_passed_over() -> None:
    found = gathered("other", PERIOD, placed())
    assert found.statement is None
    assert found.periods == []


def test_a_record_that_is_missing_is_named_by_its_sequence() -> None:
    records = placed()
    del records[2]
    assert "record 3: is missing" in gathered(CONTRACT, PERIOD, records).problems


@pytest.mark.parametrize(
    ("kind", "field", "value", "told"),
    [
        ("final", "amount_micros", 1, "its amount is not that of its price and status"),
        ("final", "conversation_id", "c9", "its id is not that of what it says"),
        ("provisional", "amount_micros", -5, "its amount is not that of its price and status"),
        ("reversal", "agreed_micros", 7, "its amount is not that of its price and status"),
        ("allowance", "service_period", "2026-04", "its id is not that of what it says"),
    ],
)
def test_a_changed_record_is_named_with_where_it_stands(
    kind: str, field: str, value: object, told: str
) -> None:
    records = placed()
    number = at_first(records, kind)
    where, raw = records[number]
    event = orjson.loads(raw)
    assert event["data"][field] != value
    event["data"][field] = value
    records[number] = (where, orjson.dumps(event))
    problems = gathered(CONTRACT, PERIOD, records).problems
    assert f"{where} ({event['id']}): {told}" in problems
    assert any(one.startswith("the seal says head") for one in problems)


def test_bytes_that_are_not_canonical_and_a_sequence_that_is_taken_are_named() -> None:
    records = placed()
    where, raw = records[1]
    records[1] = (where, raw + b" ")
    assert any(
        "its bytes are not canonical" in one for one in gathered(CONTRACT, PERIOD, records)[1]
    )
    records = placed()
    event = orjson.loads(records[1][1])
    event["data"]["sequence"] = 1
    records[1] = (where, orjson.dumps(event))
    problems = gathered(CONTRACT, PERIOD, records).problems
    assert any(one.startswith(where) and "has sequence 1, as" in one for one in problems)


@pytest.mark.parametrize("name", ["service_period", "amount_micros", "currency", "charge_class"])
def test_a_record_that_lacks_what_a_statement_shows_is_named_and_left_out(name: str) -> None:
    records = placed()
    where, raw = records[0]
    event = orjson.loads(raw)
    del event["data"][name]
    found = gathered(CONTRACT, PERIOD, [(where, orjson.dumps(event)), *records[1:]])
    assert found.statement is not None
    assert len(found.statement.records) == len(found.statement.entries)
    assert all(name in entry for entry in found.statement.entries)
    assert any(f"{name} is missing" in one and where in one for one in found.problems)
    assert any("record 1: is missing" in one for one in found.problems)
