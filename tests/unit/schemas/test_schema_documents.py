"""Every file under schemas/ is a valid schema, complete as documentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.unit.schemas.schema_store import ID_BASE, SCHEMAS, SchemaStore, is_rfc3339

NAMES = sorted(SchemaStore.load(SCHEMAS).documents)


@pytest.mark.parametrize("name", NAMES)
def test_is_a_2020_12_schema_named_after_its_path(store: SchemaStore, name: str) -> None:
    document = store.documents[name]
    Draft202012Validator.check_schema(document)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert document["$id"] == ID_BASE + name
    assert document["title"]
    assert document["description"]


@pytest.mark.parametrize("name", NAMES)
def test_says_nothing_that_the_comparison_does_not_understand(
    store: SchemaStore, name: str
) -> None:
    parts = (
        [f"/$defs/{part}" for part in store.documents[name]["$defs"]]
        if name == "contract.schema.json"
        else [""]
    )
    assert all(store.shape(name, part) for part in parts)


@pytest.mark.parametrize("name", [n for n in NAMES if "/_" not in n])
def test_examples_are_whole_and_valid(store: SchemaStore, name: str) -> None:
    examples = store.documents[name]["examples"]
    assert examples
    for example in examples:
        assert [e.message for e in store.validator(name).iter_errors(example)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_described(store: SchemaStore, name: str) -> None:
    undescribed = [
        place
        for place, field in _field_schemas(store.documents[name])
        if "description" not in field and "$ref" not in field
    ]
    assert undescribed == []


@pytest.mark.parametrize("name", NAMES)
def test_field_examples_are_valid(store: SchemaStore, name: str) -> None:
    for place, field in _field_schemas(store.documents[name]):
        for example in field.get("examples", ()):
            pointer = place.replace("~", "~0")
            errors = [e.message for e in store.validator(name, pointer).iter_errors(example)]
            assert errors == [], place


@pytest.mark.parametrize("name", [n for n in NAMES if n.startswith("events/") and "/_" not in n])
def test_the_examples_of_an_event_show_every_field_it_adds(store: SchemaStore, name: str) -> None:
    document = store.documents[name]
    added = document["properties"].get("data", {}).get("properties", {})
    shown = {field for example in document["examples"] for field in example.get("data", {})}
    assert set(added) <= shown


def _field_schemas(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, list):
        for index, one in enumerate(node):
            yield from _field_schemas(one, f"{path}/{index}")
    elif isinstance(node, dict):
        for keyword, value in node.items():
            # What stands under a condition narrows a field that is described where it is declared.
            if keyword in ("examples", "default", "oneOf", "if", "required", "enum", "const"):
                continue
            if keyword == "properties":
                for name, field in value.items():
                    yield f"{path}/properties/{name}", field
                    yield from _field_schemas(field, f"{path}/properties/{name}")
            elif isinstance(value, dict | list):
                yield from _field_schemas(value, f"{path}/{keyword}")


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("2026-06-01T10:00:00Z", True),
        ("2026-06-01t10:00:00.123456789z", True),
        ("2026-06-01T10:00:00.5+08:00", True),
        ("2026-06-01T10:00:00", False),
        ("2026-06-01 10:00:00Z", False),
        ("2026-06-01T10:00:00+0800", False),
        ("2026-06-01", False),
        ("", False),
    ],
)
def test_the_date_time_format_needs_an_offset(text: str, valid: bool) -> None:
    assert is_rfc3339(text) is valid


@pytest.mark.parametrize("text", ["2026-02-30T00:00:00Z", "2026-06-01T24:30:00Z"])
def test_the_date_time_format_refuses_a_day_or_hour_that_does_not_exist(text: str) -> None:
    with pytest.raises(ValueError, match=r"range|must be"):
        is_rfc3339(text)
