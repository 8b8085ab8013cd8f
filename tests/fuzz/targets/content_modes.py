"""A record's headers and value, in either content mode: streams/kafka/content_modes.py."""

from __future__ import annotations

import json
from functools import cache
from types import SimpleNamespace
from typing import Any

import msgspec
import orjson

from streams.domain.wire import Rejection, decode_event
from streams.kafka.content_modes import structured_value
from tests.fuzz.messages import assert_silent
from tests.fuzz.targets import events

FORM = "json"


@cache
def samples() -> tuple[bytes, ...]:
    """Records as `{"headers": [[name, text or null]], "value": text or null}`, both modes."""
    found = []
    for raw in events.samples():
        event = orjson.loads(raw)
        data = event.pop("data", None)
        headers = [[f"ce_{name}", value] for name, value in event.items()]
        value = None if data is None else orjson.dumps(data).decode()
        found.append(orjson.dumps({"headers": headers, "value": value}))
    found.append(orjson.dumps({"headers": [], "value": events.samples()[0].decode()}))
    return tuple(found)


def check(data: bytes) -> None:
    """As for events; besides, the data of a binary event must be JSON by itself."""
    record = _record(data)
    if record is None:
        return
    try:
        value = structured_value(record)
        decode_event(value, events.CONTRACTS)
    except Rejection as error:
        assert_silent(error.message)
        return
    if any(name.startswith("ce_") for name, _ in record.headers) and record.value:
        msgspec.json.decode(record.value)


def _record(data: bytes) -> Any:
    """What aiokafka could hand over of `data`: names are text, values bytes or None."""
    try:
        shape = json.loads(data)
        headers = [(_text(name), _bytes(value)) for name, value in shape["headers"]]
        return SimpleNamespace(headers=headers, value=_bytes(shape["value"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _text(value: Any) -> str:
    return str(value).encode("utf-8", "replace").decode()


def _bytes(value: Any) -> bytes | None:
    # surrogateescape: \udcff in a text is the byte 0xff.
    return None if value is None else str(value).encode("utf-8", "surrogateescape")
