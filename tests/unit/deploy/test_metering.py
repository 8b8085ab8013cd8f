"""deploy/metering: meters that both systems take, over fields that the events have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.contract_files import bundled_contract, load_contracts
from streams.domain.billing.records import encode_booked
from streams.export.metering.lines import KINDS, LineReader
from streams.export.metering.systems import EVENT_TYPE, METRIC_CODE, SYSTEMS
from tests.billing_lines import CONTRACT, adjustment, item, resolution, reversal
from tests.metering_server import public_schema

FOLDER = Path(__file__).parents[3] / "deploy" / "metering"
METERS = yaml.safe_load((FOLDER / "openmeter-meters.yaml").read_text(encoding="utf-8"))["meters"]
METRIC = json.loads((FOLDER / "lago-billable-metric.json").read_text(encoding="utf-8"))


def insides(system: str, name: str) -> list[dict[str, Any]]:
    """What meters see of a charge, a reversal and an adjustment."""
    reader = LineReader(load_contracts([bundled_contract(CONTRACT)]), CONTRACT)
    charged = item(1, about=resolution(1, 1_780_250_000_000, query_type="refund"))
    lines = [reader.read(encode_booked(one)) for one in (charged, reversal(charged), adjustment())]
    found = [SYSTEMS[system].event(line, "acme") for line in lines if line]  # type: ignore[index]
    return [event[name] for event in found]


@pytest.mark.parametrize("meter", METERS, ids=lambda meter: meter["slug"])
def test_openmeter_s_meters_are_valid_and_read_what_events_carry(meter: dict[str, Any]) -> None:
    assert list(public_schema("openmeter", "MeterCreate").iter_errors(meter)) == []
    assert meter["eventType"] == EVENT_TYPE
    seen = insides("openmeter", "data")
    # Without a value an event is an error there, whatever it is.
    assert all(meter["valueProperty"].removeprefix("$.") in inside for inside in seen)
    anywhere = {name for inside in seen for name in inside}
    assert {path.removeprefix("$.") for path in meter["groupBy"].values()} <= anywhere


def test_lago_s_metric_is_valid_and_adds_up_what_events_carry() -> None:
    assert list(public_schema("lago", "BillableMetricCreateInput").iter_errors(METRIC)) == []
    metric = METRIC["billable_metric"]
    assert metric["code"] == METRIC_CODE
    assert metric["aggregation_type"] == "sum_agg"
    assert all(metric["field_name"] in inside for inside in insides("lago", "properties"))


def test_the_page_names_every_field_and_the_most_important_kinds() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    names = {name for inside in insides("openmeter", "data") for name in inside}
    assert [name for name in sorted(names) if name not in page] == []
    assert all(kind in KINDS and f"`{kind}`" in page for kind in ("final", "reversal"))
