"""OTLP/JSON's AnyValue: {"stringValue": ...}, {"intValue": ...} and the like."""

from __future__ import annotations

SCALARS = ("stringValue", "intValue", "doubleValue", "boolValue")


def any_value(value: object) -> object:
    """The Python value of an OTLP AnyValue; a list of an array of them."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    kind, inner = next(iter(value.items()))
    if kind == "arrayValue":
        values = inner.get("values") if isinstance(inner, dict) else None
        return [any_value(each) for each in values] if isinstance(values, list) else []
    return inner if kind in SCALARS else None
