"""Whether a document has the fields and kinds of values that its class says: all errors at once.

msgspec stops at the first error and knows no lines; this walks the same classes, and leaves the
conversion itself to msgspec.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from streams.domain.contract_source import Findings, KeyPath, SourceDocument, shown

_T = TypeVar("_T")
_TIME = "a time with an offset, like 2026-01-01T00:00:00+08:00"
# What YAML 1.1 turns into true and false though somebody meant text; Norway's code is one of it.
_NOT_TEXT = frozenset(("y", "n", "yes", "no", "on", "off"))


def converted(document: SourceDocument, to: type[_T], findings: Findings) -> _T | None:
    """The document as its class; None, with every error noted, where it is none."""
    before = len(findings.errors)
    _Walk(document, findings).visit(inspect.type_info(to), document.content, ())
    if len(findings.errors) > before:
        return None
    try:
        return msgspec.convert(document.content, to)
    except (msgspec.ValidationError, OverflowError) as error:
        findings.error(document, (), shown(str(error)).strip("'\""))
        return None


class _Walk:
    def __init__(self, document: SourceDocument, findings: Findings) -> None:
        self._document = document
        self._findings = findings

    def visit(
        self, kind: inspect.Type, value: Any, path: KeyPath, words: str | None = None
    ) -> None:
        """Note what keeps `value` from being of this kind; `words` describe what it must be."""
        match kind:
            case inspect.Metadata(type=inner, extra_json_schema=schema):
                self.visit(inner, value, path, (schema or {}).get("description"))
            case inspect.UnionType(types=types):
                # The other one is None.
                if value is not None:
                    self.visit(next(t for t in types if _is_something(t)), value, path, words)
                else:
                    # A fee, a cap or an exclusion whose lines were lost is not asked for aloud.
                    text = "is empty, and counts as left out; give it a value, or take the key away"
                    self._findings.warning(self._document, path, text, at_key=True)
            case inspect.StructType():
                self._struct(kind, value, path)
            case inspect.DictType():
                self._mapping(kind, value, path)
            case inspect.VarTupleType(item_type=inner):
                for number, item in enumerate(self._list(value, path)):
                    self.visit(inner, item, (*path, number))
            case inspect.TupleType(item_types=inners):
                items = self._list(value, path)
                if isinstance(value, list) and len(items) != len(inners):
                    self._error(path, f"must have exactly {len(inners)} entry, has {len(items)}")
                for number, (inner, item) in enumerate(zip(inners, items, strict=False)):
                    self.visit(inner, item, (*path, number))
            case inspect.LiteralType(values=values):
                if not isinstance(value, str) or value not in values:
                    self._must(path, "one of a list", value, tuple(map(str, values)))
            case inspect.StrType():
                self._text(kind, value, path, words)
            case _:
                self._scalar(kind, value, path)

    def _struct(self, kind: inspect.StructType, value: Any, path: KeyPath) -> None:
        if not isinstance(value, dict):
            self._must(path, "a mapping", value)
            return
        fields = {f.encode_name: f for f in kind.fields}
        for name in value:
            if name not in fields:
                self._findings.error(
                    self._document,
                    (*path, str(shown(name)).strip("'\"") if not isinstance(name, str) else name),
                    "unknown key",
                    given=name,
                    allowed=tuple(sorted(fields)),
                    at_key=True,
                )
        for name, one in fields.items():
            if name in value:
                self.visit(one.type, value[name], (*path, name))
            elif one.required:
                self._error((*path, name), "is required and not there")

    def _mapping(self, kind: inspect.DictType, value: Any, path: KeyPath) -> None:
        if not isinstance(value, dict):
            self._must(path, "a mapping", value)
            return
        for key, item in value.items():
            if isinstance(kind.key_type, inspect.LiteralType):
                allowed = tuple(map(str, kind.key_type.values))
                if key not in allowed:
                    self._findings.error(
                        self._document,
                        (*path, key if isinstance(key, str) else shown(key)),
                        "unknown key",
                        given=key,
                        allowed=allowed,
                        at_key=True,
                    )
                    continue
            elif not isinstance(key, str):
                self._error(path, f"has the key {shown(key)}, which is no text: put it in quotes")
                continue
            self.visit(kind.value_type, item, (*path, key))

    def _list(self, value: Any, path: KeyPath) -> list[Any]:
        if isinstance(value, list):
            return value
        self._must(path, "a list", value)
        return []

    def _text(self, kind: inspect.StrType, value: Any, path: KeyPath, words: str | None) -> None:
        if not isinstance(value, str) or (
            (kind.pattern is not None and re.search(kind.pattern, value) is None)
            or (kind.max_length is not None and len(value) > kind.max_length)
            or (kind.min_length is not None and len(value) < kind.min_length)
        ):
            upper = value.upper() if isinstance(value, str) else ""
            meant = (upper,) if kind.pattern and re.search(kind.pattern, upper) else ()
            self._must(path, words or "text", value, meant=meant)

    def _scalar(self, kind: inspect.Type, value: Any, path: KeyPath) -> None:
        match kind:
            case inspect.BoolType():
                if not isinstance(value, bool):
                    self._must(path, "true or false", value)
            case inspect.IntType(ge=least, le=most):
                whole = isinstance(value, int) and not isinstance(value, bool)
                if not whole or not (least or value) <= value <= (most or value):
                    self._must(path, f"a whole number from {least} to {most}", value)
            case inspect.FloatType():
                if isinstance(value, bool) or not isinstance(value, int | float):
                    self._must(path, "a number", value)
            case inspect.DateTimeType():
                if not _is_instant(value):
                    self._must(path, _TIME, value)
            case _:
                raise TypeError(f"no contract has a value of the type {type(kind).__name__}")

    def _must(
        self,
        path: KeyPath,
        wanted: str,
        value: Any,
        allowed: tuple[str, ...] = (),
        meant: tuple[str, ...] = (),
    ) -> None:
        text = f"must be {wanted}, not {shown(value)}"
        if allowed:
            text = f"{shown(value)} is not allowed here"
        written = self._document.place(path).written
        if isinstance(value, bool) and (written or "").lower() in _NOT_TEXT:
            text += f", as YAML reads {written}: put it in quotes"
        elif isinstance(value, int | float) and not isinstance(value, bool) and "quotes" in wanted:
            text += ": put it in quotes"
        self._findings.error(
            self._document, path, text, given=value, allowed=allowed, candidates=meant
        )

    def _error(self, path: KeyPath, text: str) -> None:
        self._findings.error(self._document, path, text)


def _is_something(kind: inspect.Type) -> bool:
    return not isinstance(kind, inspect.NoneType)


def _is_instant(value: Any) -> bool:
    if isinstance(value, datetime):
        return value.tzinfo is not None
    try:
        return msgspec.convert(value, datetime).tzinfo is not None if value else False
    except msgspec.ValidationError:
        return False
