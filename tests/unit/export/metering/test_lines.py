"""When a line counts, and what stops an export."""

from __future__ import annotations

import orjson
import pytest

from streams.contract_files import bundled_contract, load_contracts
from streams.domain.billing.records import encode_booked
from streams.export.metering.lines import KINDS, Line, LineError, LineReader
from tests.billing_lines import CONTRACT, HOUR_MS, JULY_MS, JUNE_MS, adjustment, item, reversal


@pytest.fixture(scope="module")
def reader() -> LineReader:
    return LineReader(load_contracts([bundled_contract(CONTRACT)]), CONTRACT)


def line_of(reader: LineReader, raw: bytes) -> Line:
    line = reader.read(raw)
    assert line is not None
    return line


def test_a_charge_counts_at_its_own_time(reader: LineReader) -> None:
    assert line_of(reader, encode_booked(item(1, JUNE_MS + HOUR_MS))).time == JUNE_MS + HOUR_MS


def test_what_stands_at_the_end_of_a_period_counts_in_it(reader: LineReader) -> None:
    # Ours are closed at their end, those of metering systems at their start.
    assert line_of(reader, encode_booked(adjustment(time=JULY_MS))).time == JULY_MS - 1
    first = item(1, JUNE_MS, period="2026-05", service_period="2026-05")
    assert line_of(reader, encode_booked(first)).time == JUNE_MS - 1


def test_a_correction_counts_when_it_was_booked_and_takes_back_its_charge(
    reader: LineReader,
) -> None:
    charged = item(1, JUNE_MS + HOUR_MS)
    late = reversal(
        charged, booked_at=JULY_MS + 99 * HOUR_MS, period="2026-07", charge_class="Correction"
    )
    line = line_of(reader, encode_booked(late))
    assert line.time == JULY_MS + 99 * HOUR_MS
    assert line.amount_micros == -charged.amount_micros
    assert line.quantity == -1
    assert line.about["reverses_id"] == charged.id
    assert (line.about["period"], line.about["service_period"]) == ("2026-07", "2026-06")


def test_an_adjustment_bills_no_resolution(reader: LineReader) -> None:
    line = line_of(reader, encode_booked(adjustment("allowance", -5_000_000, quantity=3)))
    assert line.quantity == 0


def test_the_record_of_another_contract_is_none_of_ours(reader: LineReader) -> None:
    other = orjson.loads(encode_booked(item(1)))
    other["data"]["contract"] = "another"
    assert reader.read(orjson.dumps(other)) is None


@pytest.mark.parametrize("raw", [None, b"", b"{", b"[]", b'{"id":"a","type":"b"}', b"\xff"])
def test_what_is_no_record_stops_the_export(reader: LineReader, raw: bytes | None) -> None:
    with pytest.raises(LineError, match="no record of the billing topics"):
        reader.read(raw)


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("period", "June", "period that is none"),
        ("amount_micros", 1.5, "no record"),
        ("amount_micros", "1400000", "no record"),
        ("booked_at", "yesterday", "no record"),
    ],
)
def test_a_record_with_a_wrong_field_stops_the_export_and_is_not_shown(
    reader: LineReader, field: str, value: object, why: str
) -> None:
    event = orjson.loads(encode_booked(item(1)))
    event["data"][field] = value
    with pytest.raises(LineError, match=why) as raised:
        reader.read(orjson.dumps(event))
    assert "c-1" not in str(raised.value)


def test_a_kind_that_is_not_known_stops_the_export(reader: LineReader) -> None:
    event = orjson.loads(encode_booked(adjustment()))
    event["type"] = "baton.billing.surcharge"
    with pytest.raises(LineError, match="update Baton"):
        reader.read(orjson.dumps(event))


def test_every_kind_that_moves_money_is_known() -> None:
    assert {"final", "reversal", "service_credit", "rounding", "fixed_fee"} < set(KINDS)
    assert not {"provisional", "void"} & set(KINDS)
