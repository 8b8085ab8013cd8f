"""schemas/events/ and the classes of streams/domain/events.py say the same, in both directions."""

from __future__ import annotations

from typing import Any

import pytest

from streams.domain.events import EVENT_TYPES
from tests.unit.schemas.schema_shape import (
    ShapeError,
    differences,
    fields,
    shape_of,
    shape_of_class,
)
from tests.unit.schemas.schema_store import SchemaStore

CODE_LENGTHS = {"^[A-Z]{2}$": 2, "^[A-Z]{3}$": 3}
MOST = 2**63 - 1
MOST_COST = 10**14


def schema_name(event_type: str) -> str:
    return f"events/{event_type.removeprefix('baton.')}.json"


def test_there_is_one_schema_for_each_event_type_and_no_other(store: SchemaStore) -> None:
    assert sorted(store.names("events")) == sorted(schema_name(t) for t in EVENT_TYPES)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_schema_and_class_have_the_same_fields_and_limits(
    store: SchemaStore, event_type: str
) -> None:
    schema = store.shape(schema_name(event_type))
    assert differences(schema, shape_of_class(EVENT_TYPES[event_type])) == []


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_codes_and_integers_are_bounded_in_schema_and_class(
    store: SchemaStore, event_type: str
) -> None:
    for shape in (store.shape(schema_name(event_type)), shape_of_class(EVENT_TYPES[event_type])):
        for path, field, _ in fields(shape):
            if "pattern" in field:
                # Python's `$` also matches before a newline at the end; the length rules it out.
                assert field["maxLength"] == CODE_LENGTHS[field["pattern"]], path
            if path == ("data", "amount_micros"):
                # Costs are summed, and their sums must fit as well.
                assert (field["minimum"], field["maximum"]) == (-MOST_COST, MOST_COST)
            elif "integer" in field["type"]:
                assert field["minimum"] in (0, -MOST), path
                assert field["maximum"] in (1_000_000, MOST), path


@pytest.mark.parametrize(
    ("path", "keyword", "planted"),
    [
        ("", "required", ["id"]),
        ("", "properties", {}),
        ("id", "maxLength", 255),
        ("id", "minLength", 0),
        ("time", "format", None),
        ("type", "enum", ['"baton.other"']),
        ("data", "required", ["contract"]),
        ("data/market", "pattern", "^[A-Z]{3}$"),
        ("data/market", "maxLength", None),
        ("data/channel", "enum", ['"voice"']),
        ("data/test", "default", True),
        ("data/confidence_ppm", "maximum", 100),
        ("data/confidence_ppm", "minimum", None),
        ("data/duration_ms", "type", ["integer"]),
        ("data/duration_ms", "maximum", None),
        ("data/duration_ms", "maximum", 2**63),
    ],
)
def test_the_comparison_sees_a_planted_difference(path: str, keyword: str, planted: Any) -> None:
    code = shape_of_class(EVENT_TYPES["baton.ai.turn"])
    schema = shape_of_class(EVENT_TYPES["baton.ai.turn"])
    field = schema
    for name in path.split("/") if path else ():
        field = field["properties"][name]
    assert field.get(keyword) != planted
    field[keyword] = planted
    assert differences(schema, code)
    assert differences(code, schema)


def test_a_keyword_the_comparison_does_not_know_is_an_error() -> None:
    with pytest.raises(ShapeError, match="minProperties"):
        shape_of({"type": "object", "minProperties": 1}, None)
