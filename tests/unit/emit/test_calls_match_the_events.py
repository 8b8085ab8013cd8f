"""The client's typed calls are made from the event classes, and say just what those hold."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

import msgspec
import orjson
import pytest

from streams.domain import events as ev
from streams.domain.wire import EVERY_CONTRACT, decode_event
from streams.emit import calls, generate
from streams.emit.calls import ClientCalls, InteractionCalls

SCHEMAS = Path(__file__).parents[3] / "schemas" / "events"
KINDS = [name for name in ev.EVENT_TYPES if name != "baton.tick"]


def call_of(kind: str, emit: Any) -> Any:
    _, family, call = kind.split(".")
    holder = InteractionCalls(emit)
    if not hasattr(holder, family):
        holder = ClientCalls(emit)  # type: ignore[assignment]
    return getattr(getattr(holder, family), call)


def test_the_file_is_what_the_generator_writes() -> None:
    written = Path(calls.__file__).read_text(encoding="utf-8")
    assert written == generate.source(), "python -m streams.emit.generate writes it"


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_has_a_call_with_the_fields_of_its_data(kind: str) -> None:
    data = get_type_hints(ev.EVENT_TYPES[kind])["data"]
    shared = (
        set()
        if ev.EVENT_TYPES[kind] in ev.APART
        else {field.name for field in msgspec.structs.fields(ev.Data)}
    )
    wanted = {f.name: f.required for f in msgspec.structs.fields(data) if f.name not in shared}
    parameters = inspect.signature(call_of(kind, None)).parameters
    found = {name: p.default is p.empty for name, p in parameters.items()}
    assert found == {**wanted, "id": False, "time": False}


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_s_own_examples_can_be_said_by_the_call(kind: str) -> None:
    """What the call hands on is the example's data, but for what the interaction says."""
    document = orjson.loads((SCHEMAS / f"{kind.removeprefix('baton.')}.json").read_bytes())
    for example in document["examples"]:
        said: list[Any] = []
        call = call_of(kind, lambda *given, said=said: said.extend(given))
        names = inspect.signature(call).parameters
        call(**{name: value for name, value in example["data"].items() if name in names})
        assert said[0] == kind
        told = {name: value for name, value in said[3].items() if value is not None}
        shared = {k: v for k, v in example["data"].items() if k not in told}
        event = {
            "id": "1",
            "source": "/s",
            "type": kind,
            "time": datetime(2026, 1, 1, tzinfo=UTC),
            "data": {**shared, **told},
        }
        decode_event(orjson.dumps(event), EVERY_CONTRACT)


def test_an_interaction_says_all_that_the_data_of_every_event_holds() -> None:
    from streams.emit import Baton

    hints = get_type_hints(Baton.interaction)
    for field in msgspec.structs.fields(ev.Data):
        wanted = set(get_args(get_type_hints(ev.Data)[field.name])) - {NoneType}
        assert field.name in hints
        assert wanted <= set(get_args(hints[field.name])) or str in get_args(hints[field.name])
