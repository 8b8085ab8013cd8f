"""Every line is a valid event of both systems by their public schemas, exact at any size."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.contract_files import bundled_contract, load_contracts
from streams.domain.billing.records import Item, Seal, encode_booked, encode_seal
from streams.domain.money import minor_digits
from streams.export.metering.lines import Line, LineError, LineReader
from streams.export.metering.systems import SYSTEMS, Lago, OpenMeter
from tests.billing_lines import CONTRACT, item, june, resolution
from tests.metering_server import public_schema
from tests.properties.billing_records import accounts
from tests.properties.test_billing import Account, booked_at_once

SCHEMAS = {
    "openmeter": ("MeteringEvent", "Event", "CloudEvent"),
    "lago": ("EventInputObject",),
}
BORDERS = [2**53 - 1, 2**53, 2**53 + 1, 10**16 + 1, 2**63 - 1]


def events_of(line: Line) -> dict[str, dict[str, Any]]:
    """The line's event in each system, as it goes over the wire."""
    return {
        name: json.loads(orjson.dumps(system.event(line, "acme")))
        for name, system in SYSTEMS.items()
    }


@given(accounts())
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_booked_line_is_valid_and_they_add_up_to_what_was_booked(account: Account) -> None:
    book, records = account
    booked = booked_at_once(book, records)
    reader = LineReader(book, CONTRACT)
    sums: Counter[str] = Counter()
    for one in booked:
        raw = encode_seal(one) if isinstance(one, Seal) else encode_booked(one)
        line = reader.read(raw)
        moves = not isinstance(one, Seal) and getattr(one, "status", "") not in (
            "provisional",
            "void",
        )
        assert (line is not None) == moves
        if line is None:
            continue
        for name, event in events_of(line).items():
            for schema in SCHEMAS[name]:
                assert list(public_schema(name, schema).iter_errors(event)) == []
            inside = event["data"] if name == "openmeter" else event["properties"]
            assert all(isinstance(value, str) and value for value in inside.values())
            sums[name] += int(Decimal(inside["amount"]) * 10**6)
            sums[f"{name} resolutions"] += int(inside["quantity"])
    paid = sum(one.amount_micros for one in booked if not isinstance(one, Seal))
    assert sums["openmeter"] == sums["lago"] == paid
    charged = Counter(
        one.status for one in booked if isinstance(one, Item) and one.charge == "resolution"
    )
    assert sums["lago resolutions"] == charged["final"] - charged["reversal"]


@pytest.mark.parametrize("micros", [*BORDERS, *(-border for border in BORDERS)])
def test_amounts_beyond_what_a_double_holds_arrive_to_the_micro_unit(micros: int) -> None:
    book = load_contracts([bundled_contract(CONTRACT)])
    line = LineReader(book, CONTRACT).read(encode_booked(item(1, amount_micros=micros)))
    assert line is not None
    openmeter = OpenMeter().event(line, "acme")["data"]
    assert openmeter["amount_micros"] == str(micros)
    assert Decimal(openmeter["amount"]) * 10**6 == micros
    if abs(micros) < Lago.limit_micros:
        lago = Lago().event(line, "acme")
        assert Decimal(lago["properties"]["amount"]) * 10**6 == micros
        assert Decimal(lago["precise_total_amount_cents"]) * 10**4 == micros
    else:
        with pytest.raises(LineError, match="more digits than Lago keeps"):
            Lago().event(line, "acme")


def test_sums_of_the_texts_are_exact_where_those_of_doubles_end_at_2_to_the_53() -> None:
    reader = LineReader(load_contracts([bundled_contract(CONTRACT)]), CONTRACT)
    for parts in ([2**53 - 2, 1, 1], [2**53, 1, 1]):
        lines = [
            reader.read(encode_booked(item(number, amount_micros=micros)))
            for number, micros in enumerate(parts)
        ]
        texts = [OpenMeter().event(line, "acme")["data"]["amount_micros"] for line in lines if line]
        assert sum(map(Decimal, texts)) == sum(parts)
        assert (sum(map(float, texts)) == sum(parts)) == (sum(parts) <= 2**53)


@given(st.sampled_from(["USD", "JPY", "KWD"]), st.integers(-(10**17), 10**17))
def test_lago_s_cents_are_the_currency_s_smallest_unit(currency: str, micros: int) -> None:
    line = Line("a", "final", CONTRACT, 1_780_243_200_123, micros, currency, 1, {})
    event = Lago().event(line, "acme")
    scale = Decimal(10) ** minor_digits(currency)
    assert Decimal(event["precise_total_amount_cents"]) == Decimal(micros) / 10**6 * scale
    assert "E" not in event["precise_total_amount_cents"]
    assert event["timestamp"] == "1780243200.123"


def test_equal_records_give_equal_events_whichever_way_they_came() -> None:
    book = load_contracts([bundled_contract(CONTRACT)])
    items, adjustments = june(12)
    once, again = LineReader(book, CONTRACT), LineReader(book, CONTRACT)
    forward = [once.read(raw) for raw in [*items, *adjustments]]
    backward = [again.read(raw) for raw in reversed([*items, *adjustments])]
    assert forward == backward[::-1]


def test_no_event_names_a_conversation_or_has_words_that_the_contract_does_not_price() -> None:
    book = load_contracts([bundled_contract(CONTRACT)])
    told = resolution(77, 1_780_250_000_000, conversation="c-secret", query_type="Jane-Doe")
    line = LineReader(book, CONTRACT).read(encode_booked(item(77, about=told)))
    assert line is not None
    said = json.dumps(events_of(line))
    assert "c-secret" not in said
    assert "Jane-Doe" not in said
    assert line.about["query_type"] == "other"
