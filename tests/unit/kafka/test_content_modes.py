"""Both content modes of the CloudEvents Kafka binding give the same event."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from streams.domain.wire import Rejection, decode_event
from streams.kafka.content_modes import structured_value
from tests import log_builder as b

CONTRACTS = frozenset({"telco-2026"})


def record(value: bytes | None, headers: list[tuple[str, bytes | None]]) -> Any:
    return SimpleNamespace(value=value, headers=headers)


def as_binary(raw: bytes) -> Any:
    event = orjson.loads(raw)
    data = event.pop("data")
    headers = [(f"ce_{name}", text.encode()) for name, text in event.items()]
    return record(
        orjson.dumps(data), [*headers, ("content-type", b"application/json"), ("trace", b"\xff")]
    )


def test_a_binary_event_is_the_structured_one() -> None:
    raw = b.started("c-1", b.T(0))
    assert decode_event(structured_value(as_binary(raw)), CONTRACTS) == decode_event(raw, CONTRACTS)


def test_a_binary_tick_needs_no_data() -> None:
    tick = orjson.loads(b.tick(b.T(5)))
    headers = [(f"ce_{name}", text.encode()) for name, text in tick.items()]
    found = decode_event(structured_value(record(None, headers)), CONTRACTS)
    assert found == decode_event(orjson.dumps(tick), CONTRACTS)


def test_a_structured_event_is_left_as_it_is_whatever_other_headers_it_has() -> None:
    raw = b.started("c-1", b.T(0))
    assert structured_value(record(raw, [("trace", b"\xff")])) is raw
    assert structured_value(record(raw, [])) is raw


@pytest.mark.parametrize(
    ("value", "code"),
    [(b"{bad", "malformed_json"), (b"\xff", "invalid_encoding"), (b"1", "schema_violation")],
)
def test_what_is_wrong_with_binary_data_is_said(value: bytes, code: str) -> None:
    binary = as_binary(b.started("c-1", b.T(0)))
    with pytest.raises(Rejection) as refused:
        decode_event(structured_value(record(value, binary.headers)), CONTRACTS)
    assert refused.value.code == code


def test_an_attribute_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(Rejection) as refused:
        structured_value(record(b"{}", [("ce_id", b"\xff")]))
    assert refused.value.code == "invalid_encoding"


def test_an_attribute_without_a_value_is_refused() -> None:
    # Kafka allows a header whose value is null.
    binary = as_binary(b.started("c-1", b.T(0)))
    headers = [(name, None if name == "ce_id" else value) for name, value in binary.headers]
    with pytest.raises(Rejection) as refused:
        decode_event(structured_value(record(binary.value, headers)), CONTRACTS)
    assert refused.value.code == "schema_violation"


def test_data_that_is_more_than_one_document_is_refused() -> None:
    # Put together as text it would be an event with another subject.
    binary = as_binary(b.started("c-1", b.T(0)))
    with pytest.raises(Rejection) as refused:
        structured_value(record(binary.value + b', "subject": "another"', binary.headers))
    assert refused.value.code == "malformed_json"
