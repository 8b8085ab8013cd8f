"""JSON Schemas reduced to what they accept, so that two can be compared field by field.

A shape is a schema with references followed, `allOf` merged, annotations left out, and every way
of saying the same thing (`const`, a nullable `anyOf`, order) brought to one. A keyword that is not
known here is an error: nothing a schema says may be passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from referencing import Registry
from referencing.jsonschema import DRAFT202012

Shape = dict[str, Any]

ANNOTATIONS = frozenset({"$schema", "$id", "$defs", "title", "description", "examples"})
LOWER_LIMITS = frozenset({"minLength", "minItems", "minimum"})
UPPER_LIMITS = frozenset({"maxLength", "maxItems", "maximum"})
EXACT = frozenset({"pattern", "format", "multipleOf"})
CONDITIONS = frozenset({"oneOf", "if", "then", "else", "not"})


class ShapeError(ValueError):
    """A schema says something that the comparison does not understand."""


def shape_of(schema: Mapping[str, Any], resolver: Any) -> Shape:
    """The shape of a schema whose references `resolver` resolves. Raises ShapeError."""
    shape: Shape = {}
    for keyword, value in schema.items():
        if keyword in ANNOTATIONS:
            continue
        shape = _merge(shape, _part(keyword, value, resolver))
    if "enum" in shape:
        kinds = {_kind(json.loads(v)) for v in shape["enum"]}
        shape["type"] = sorted(kinds & set(shape.get("type", kinds)))
    if isinstance(shape.get("default"), dict):
        fields = shape.get("properties", {})
        shape["default"] = {
            name: value
            for name, value in shape["default"].items()
            if value != fields.get(name, {}).get("default")
        }
    return shape


def shape_of_class(cls: type) -> Shape:
    """The shape that msgspec reads and writes for a class."""
    # Through JSON, because msgspec gives defaults as Python values (tuples among them).
    schema = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(cls)))
    resource = DRAFT202012.create_resource(schema)
    return shape_of(schema, Registry().resolver_with_root(resource))


def _part(keyword: str, value: Any, resolver: Any) -> Shape:
    if keyword == "$ref":
        resolved = resolver.lookup(value)
        return shape_of(resolved.contents, resolved.resolver)
    if keyword == "allOf":
        merged: Shape = {}
        for one in value:
            merged = _merge(merged, shape_of(one, resolver))
        return merged
    if keyword == "anyOf":
        return _nullable(value, resolver)
    if keyword == "type":
        return {"type": sorted([value] if isinstance(value, str) else value)}
    if keyword in ("enum", "const"):
        values = [value] if keyword == "const" else value
        return {"enum": sorted(json.dumps(v) for v in values)}
    if keyword in ("properties", "patternProperties"):
        return {keyword: {name: shape_of(one, resolver) for name, one in value.items()}}
    if keyword == "required":
        return {"required": sorted(value)} if value else {}
    if keyword in ("items", "additionalProperties", "propertyNames"):
        found = value if isinstance(value, bool) else shape_of(value, resolver)
        return {} if found is True or found == {} else {keyword: found}
    if keyword == "prefixItems":
        return {keyword: {str(i): shape_of(one, resolver) for i, one in enumerate(value)}}
    if keyword == "default":
        return {} if value is None else {"default": value}
    if keyword in LOWER_LIMITS | UPPER_LIMITS | EXACT:
        return {keyword: value}
    if keyword in CONDITIONS:
        return {keyword: json.dumps(value, sort_keys=True)}
    raise ShapeError(f"the keyword {keyword!r} is not known to the comparison; teach it")


def _nullable(options: list[Mapping[str, Any]], resolver: Any) -> Shape:
    others = [one for one in options if one.get("type") != "null"]
    if len(others) != 1 or len(options) != 2:
        raise ShapeError("anyOf is understood only as something or null")
    shape = shape_of(others[0], resolver)
    shape["type"] = sorted({*shape["type"], "null"})
    if "enum" in shape:
        shape["enum"] = sorted({*shape["enum"], "null"})
    return shape


def _merge(one: Shape, other: Shape) -> Shape:
    merged = dict(one)
    for keyword, value in other.items():
        if keyword not in merged or merged[keyword] == value:
            merged[keyword] = value
        elif keyword == "properties":
            fields = dict(merged[keyword])
            for name, field in value.items():
                fields[name] = _merge(fields.get(name, {}), field)
            merged[keyword] = fields
        elif keyword == "required":
            merged[keyword] = sorted({*merged[keyword], *value})
        elif keyword in ("type", "enum"):
            merged[keyword] = sorted({*merged[keyword]} & {*value})
        else:
            raise ShapeError(f"{keyword!r} is said twice: {merged[keyword]!r} and {value!r}")
    return merged


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    return {bool: "boolean", int: "integer", str: "string"}[type(value)]


def differences(schema: Shape, code: Shape, path: str = "$") -> list[str]:
    """What two shapes do not agree on: one line each, with the place and what either says."""
    found = []
    for keyword in sorted(schema.keys() | code.keys()):
        left, right = schema.get(keyword), code.get(keyword)
        place = f"{path}.{keyword}"
        if isinstance(left, dict) and isinstance(right, dict) and keyword != "default":
            found += differences(left, right, place)
        elif left != right:
            found.append(f"{place}: schema {_brief(left)}, code {_brief(right)}")
    return found


def _brief(value: Any) -> str:
    return "has no such thing" if value is None else json.dumps(value)


def fields(
    shape: Shape, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Shape, bool]]:
    """Every declared field with its path, shape and whether its parent requires it."""
    for name, field in shape.get("properties", {}).items():
        yield (*path, name), field, name in shape.get("required", ())
        yield from fields(field, (*path, name))


def no_longer_accepted(old: Shape, new: Shape, path: str = "$") -> list[str]:
    """What a reader of `new` refuses, drops or takes otherwise though `old` allowed it."""
    found = []
    for name, field in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            found.append(f"{path}.{name} was removed")
        else:
            found += no_longer_accepted(field, new["properties"][name], f"{path}.{name}")
    for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        found.append(f"{path}.{name} is required now")
    for keyword in ("type", "enum"):
        if keyword in new:
            lost = set(old[keyword]) - set(new[keyword]) if keyword in old else {"any other"}
            found += [f"{path} allows {one} no longer" for one in sorted(lost)]
    for keyword in sorted(LOWER_LIMITS | UPPER_LIMITS | EXACT | CONDITIONS):
        if keyword in new and not _as_wide(keyword, old.get(keyword), new[keyword]):
            found.append(f"{path} has a new or narrower {keyword}")
    if old.get("default") != new.get("default"):
        found.append(f"{path} has another default")
    for keyword in ("items", "additionalProperties", "propertyNames"):
        if keyword in new:
            before, after = old.get(keyword, {}), new[keyword]
            if isinstance(before, bool) or isinstance(after, bool):
                found += [f"{path} has a new {keyword}"] if before != after else []
            else:
                found += no_longer_accepted(before, after, f"{path}[]")
    return found


def _as_wide(keyword: str, old: Any, new: Any) -> bool:
    if old is None:
        return False
    if keyword in LOWER_LIMITS:
        return bool(new <= old)
    if keyword in UPPER_LIMITS:
        return bool(new >= old)
    return bool(new == old)


def no_longer_promised(old: Shape, new: Shape, path: str = "$") -> list[str]:
    """What a reader of an output written by `old` may rely on and `new` no longer gives."""
    found = []
    for name, field in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            found.append(f"{path}.{name} was removed")
        else:
            found += no_longer_promised(field, new["properties"][name], f"{path}.{name}")
    for name in sorted(set(old.get("required", ())) - set(new.get("required", ()))):
        found.append(f"{path}.{name} may be left out now")
    if "type" in old:
        gained = set(new.get("type", ["any other"])) - set(old["type"])
        found += [f"{path} may be {one} now" for one in sorted(gained)]
    if isinstance(old.get("items"), dict) and isinstance(new.get("items"), dict):
        found += no_longer_promised(old["items"], new["items"], f"{path}[]")
    return found
