"""Schemas change by addition only: what the last release accepted and promised still holds."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from tests.unit.schemas.schema_shape import Shape, no_longer_accepted, no_longer_promised
from tests.unit.schemas.schema_store import SCHEMAS, SchemaStore

RELEASED = SCHEMAS / "released"

EVENT = "events/handoff.requested.json"
FACT = "outputs/fact.escalation_ended.json"


def breaks(old: SchemaStore, new: SchemaStore) -> list[str]:
    """What changed otherwise than by addition between two sets of schemas."""
    found = []
    for folder, comparison in (("events", no_longer_accepted), ("outputs", no_longer_promised)):
        for name in old.names(folder):
            if name not in new.documents:
                found.append(f"{name} was removed")
            else:
                found += comparison(old.shape(name), new.shape(name), name)
    return found


def test_nothing_the_last_release_accepted_or_promised_is_lost(store: SchemaStore) -> None:
    if not RELEASED.is_dir():
        pytest.skip("schemas/released/ does not exist: there has been no release to compare with")
    released = SchemaStore.load(RELEASED)
    assert released.names("events"), "schemas/released/ holds no events/: copy the release's there"
    assert breaks(released, store) == []


def test_a_removed_schema_is_breaking(store: SchemaStore) -> None:
    fewer = {name: doc for name, doc in store.documents.items() if name not in (EVENT, FACT)}
    assert breaks(store, SchemaStore(store.root, fewer)) == [
        f"{EVENT} was removed",
        f"{FACT} was removed",
    ]
    assert breaks(SchemaStore(store.root, fewer), store) == []


def data(shape: Shape) -> Shape:
    found: Shape = shape["properties"]["data"]["properties"]
    return found


def _remove_field(shape: Shape) -> None:
    del data(shape)["required_skills"]


def _require_field(shape: Shape) -> None:
    shape["properties"]["data"]["required"].append("market")


def _require_subject(shape: Shape) -> None:
    shape["required"].append("subject")


def _remove_enum_value(shape: Shape) -> None:
    data(shape)["requested_by"]["enum"].remove('"ai"')


def _new_enum(shape: Shape) -> None:
    data(shape)["journey"]["enum"] = ['"billing"']


def _forbid_null(shape: Shape) -> None:
    data(shape)["market"]["type"].remove("null")


def _shorten(shape: Shape) -> None:
    data(shape)["handoff_id"]["maxLength"] = 64


def _lengthen_least(shape: Shape) -> None:
    data(shape)["handoff_id"]["minLength"] = 2


def _new_pattern(shape: Shape) -> None:
    data(shape)["handoff_id"]["pattern"] = "^ho-"


def _other_pattern(shape: Shape) -> None:
    data(shape)["market"]["pattern"] = "^[A-Z]{3}$"


def _other_default(shape: Shape) -> None:
    data(shape)["requested_by"]["default"] = "customer"


def _narrow_items(shape: Shape) -> None:
    data(shape)["required_skills"]["items"]["maxLength"] = 8


def _narrow_nested(shape: Shape) -> None:
    del data(shape)["context"]["properties"]["fields_present"]


def _close(shape: Shape) -> None:
    shape["additionalProperties"] = False


@pytest.mark.parametrize(
    "change",
    [
        _remove_field,
        _require_field,
        _require_subject,
        _remove_enum_value,
        _new_enum,
        _forbid_null,
        _shorten,
        _lengthen_least,
        _new_pattern,
        _other_pattern,
        _other_default,
        _narrow_items,
        _narrow_nested,
        _close,
    ],
)
def test_a_change_that_narrows_an_event_is_breaking(
    store: SchemaStore, change: Callable[[Shape], None]
) -> None:
    old = store.shape(EVENT)
    new = copy.deepcopy(old)
    change(new)
    assert len(no_longer_accepted(old, new)) == 1


def test_additions_to_an_event_are_not_breaking(store: SchemaStore) -> None:
    old = store.shape(EVENT)
    new = copy.deepcopy(old)
    data(new)["wait_estimate_ms"] = {"type": ["integer", "null"], "minimum": 0}
    data(new)["requested_by"]["enum"].append('"supervisor"')
    data(new)["handoff_id"]["maxLength"] = 512
    data(new)["handoff_id"]["minLength"] = 0
    data(new)["test"]["type"].append("null")
    del data(new)["market"]["pattern"]
    new["properties"]["data"]["required"].remove("handoff_id")
    assert no_longer_accepted(old, new) == []


def _drop_output_field(shape: Shape) -> None:
    del data(shape)["latency_ms"]


def _leave_out(shape: Shape) -> None:
    shape["properties"]["data"]["required"].remove("latency_ms")


def _allow_null(shape: Shape) -> None:
    data(shape)["latency_ms"]["type"].append("null")


@pytest.mark.parametrize("change", [_drop_output_field, _leave_out, _allow_null])
def test_a_change_that_gives_readers_less_is_breaking(
    store: SchemaStore, change: Callable[[Shape], None]
) -> None:
    old = store.shape(FACT)
    new = copy.deepcopy(old)
    change(new)
    assert no_longer_promised(old, new)


def test_additions_to_an_output_are_not_breaking(store: SchemaStore) -> None:
    old = store.shape(FACT)
    new = copy.deepcopy(old)
    data(new)["connected_ms"] = {"type": "integer"}
    new["properties"]["data"]["required"].append("connected_ms")
    data(new)["outcome"]["enum"].append('"withdrawn"')
    data(new)["within"]["type"].remove("null")
    assert no_longer_promised(old, new) == []
