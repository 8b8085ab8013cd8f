"""Canonical events as records ready for the topic: what a source gives must pass the stream's own
decoder.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import msgspec
import orjson

from streams.domain.events import Event, epoch_ms
from streams.domain.wire import Rejection, decode_event
from streams.sources.base import SourceProblem, SourceRecord


def record_of(event: Event, contracts: Container[str], where: str) -> SourceRecord | SourceProblem:
    """The record of `event`, or a problem `not_canonical` at `where` if the stream refused it."""
    try:
        raw = orjson.dumps(_without_nulls(msgspec.to_builtins(event)))
        decode_event(raw, contracts)
    except (Rejection, orjson.JSONEncodeError) as error:
        code = error.code if isinstance(error, Rejection) else "invalid_encoding"
        return SourceProblem("not_canonical", f"{code}; left out", where)
    return SourceRecord(
        time_ms=epoch_ms(event.time),
        id=event.id,
        recorded_ms=epoch_ms(event.recordedtime or event.time),
        raw=raw,
    )


def _without_nulls(node: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_nulls(value) if isinstance(value, dict) else value
        for key, value in node.items()
        if value is not None
    }
