"""A trace, or any part of this package's model, as JSON: equal ones give equal bytes."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from streams.domain.facts import rfc3339

# Fields that hold a time in ms; they are written as RFC 3339 UTC.
_TIMES = frozenset(
    ("time", "since", "at", "t0", "watermark", "slice_end", "scheduled_at", "due_at")
)


def json_bytes(document: msgspec.Struct) -> bytes:
    """One JSON document, times as RFC 3339 UTC with milliseconds, durations in ms, no floats."""
    return orjson.dumps(
        _written(msgspec.to_builtins(document)),
        option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
    )


def _written(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _written(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_written(each) for each in value]
    if isinstance(value, int) and not isinstance(value, bool) and _is_time(name):
        return rfc3339(value)
    return value


def _is_time(name: str) -> bool:
    return name in _TIMES or name.endswith("_at")
