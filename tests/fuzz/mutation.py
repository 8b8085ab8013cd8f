"""Structure-aware mutation: a valid document with something in it that no producer should write.

Random bytes rarely get past a parser's first line; a document with one field dropped, renamed,
retyped or nested a thousand deep does. What cannot be parsed any more is mutated as bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any, Literal

import msgspec

from tests.fuzz.messages import CANARY

Form = Literal["json", "msgpack", "text", "bytes"]

_DEEP = 3000
_LARGEST = 512 * 1024
HOSTILE_TIMES = (
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999Z",
    "9999-12-31T23:59:59-23:59",
    "2026-02-30T00:00:00Z",
    "2026-06-01T24:00:00Z",
    "2026-06-01T00:00:60Z",
    "2026-06-01",
)
HOSTILE_TEXTS = (
    CANARY,
    f"' - at `$.{CANARY}`",
    "",
    " ",
    "\x00",
    "\x1f",
    "\ud800",
    "\udcff",
    "\U0010ffff",
    "A" * 300,
    "../../../etc/passwd",
    "America",
    "1" * 5000,
    "999999999999999999d",
    "NaN",
    *HOSTILE_TIMES,
)
HOSTILE_NUMBERS = (
    *(0, -1, 1, 2**31, 2**53, 2**63 - 1, -(2**63), 2**64 - 1, 2**64, 10**400),
    *(0.5, 1e308, -0.0, float("nan"), float("inf")),
)
# Words of the formats themselves, which mean something to a parser where they come up.
TOKENS = (
    CANARY.encode(),
    *(b"&a", b"*a", b"<<: *a", b"!!int", b"!!binary", b"!!timestamp", b"!!python/name:os.system"),
    *(b"---", b"...", b"%YAML 9.9", b"? ", b": ", b"- ", b"[", b"{", b"|", b">", b'"\\U00110000"'),
    *(b"2026-13-45", b"2001-12-14t21:59:43.10-99:99", b"1:99:99", b"0b", b"0x", b".nan", b".inf"),
    *(
        b"\xff",
        b"\xed\xa0\x80",
        b"\x00",
        b"\r",
        b"\xef\xbb\xbf",
        b"\xe2\x80\xa8",
        b'"',
        b";",
        b"\t",
    ),
    *(b"25:99:99", b"31/02/2016 25:61", b"991332", b"1e999", b"\\ud800", b"9" * 5000),
)


def mutate(data: bytes, chance: Random, form: Form) -> bytes:
    """`data` changed in one to four places; every choice comes from `chance`."""
    for _ in range(chance.randint(1, 3)):
        if form in ("json", "msgpack") and chance.random() < 0.8:
            data = _tree(data, chance, form)
        elif form == "text" and chance.random() < 0.8:
            data = _lines(data, chance)
        else:
            data = _bytes(data, chance)
        data = data[:_LARGEST]
    return data


def hostile(chance: Random) -> Any:
    """A value that a field's type did not expect."""
    return chance.choice(
        (
            lambda: None,
            lambda: chance.random() < 0.5,
            lambda: chance.choice(HOSTILE_NUMBERS),
            lambda: chance.choice(HOSTILE_TEXTS),
            lambda: chance.choice(([], {}, [[]], {"": None}, [None, 1, "a", {}])),
            lambda: chance.randrange(-(2**40), 2**45),
        )
    )()


def nested(depth: int, chance: Random) -> Any:
    """A value `depth` levels deep."""
    value: Any = None
    for _ in range(depth):
        value = [value] if chance.random() < 0.5 else {"a": value}
    return value


def _tree(data: bytes, chance: Random, form: Form) -> bytes:
    try:
        tree = json.loads(data) if form == "json" else msgspec.msgpack.decode(data)
    except (ValueError, RecursionError, msgspec.DecodeError, TypeError):
        return _bytes(data, chance)
    places: list[tuple[Any, Any]] = []
    _collect(tree, places, 0)
    if places:
        holder, at = chance.choice(places)
        chance.choice(_OPERATIONS)(holder, at, chance, places)
    else:
        tree = hostile(chance)
    try:
        if form == "json":
            escaped = chance.random() < 0.7
            return json.dumps(tree, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
        return msgspec.msgpack.encode(tree)
    except (OverflowError, ValueError, RecursionError, TypeError):
        return _bytes(data, chance)


def _collect(node: Any, places: list[tuple[Any, Any]], depth: int) -> None:
    if depth > 50:
        return
    if isinstance(node, dict):
        items = list(node.items())
    elif isinstance(node, list):
        items = list(enumerate(node))
    else:
        return
    for at, value in items:
        places.append((node, at))
        _collect(value, places, depth + 1)


def _drop(holder: Any, at: Any, chance: Random, places: list[tuple[Any, Any]]) -> None:
    del holder[at]


def _rename(holder: Any, at: Any, chance: Random, places: list[tuple[Any, Any]]) -> None:
    if isinstance(holder, dict):
        holder[chance.choice(HOSTILE_TEXTS)] = holder.pop(at)


def _retype(holder: Any, at: Any, chance: Random, places: list[tuple[Any, Any]]) -> None:
    holder[at] = hostile(chance)


def _splice(holder: Any, at: Any, chance: Random, places: list[tuple[Any, Any]]) -> None:
    other, place = chance.choice(places)
    try:
        holder[at] = json.loads(json.dumps(other[place]))
    except (TypeError, ValueError, RecursionError, KeyError, IndexError):
        holder[at] = None


def _nest(holder: Any, at: Any, chance: Random, places: list[tuple[Any, Any]]) -> None:
    holder[at] = nested(chance.choice((40, 400, 900, _DEEP)), chance)


def _grow(holder: Any, at: Any, chance: Random, places: list[tuple[Any, Any]]) -> None:
    value = holder[at]
    if isinstance(value, str):
        holder[at] = value[:1000] * chance.choice((2, 300))
    elif isinstance(value, list):
        holder[at] = value[:100] * chance.choice((2, 50))
    elif isinstance(value, int):
        holder[at] = value * chance.choice((-1, 1000, 2**40))


_Operation = Callable[[Any, Any, Random, list[tuple[Any, Any]]], None]
_OPERATIONS: tuple[_Operation, ...] = (_drop, _rename, _retype, _retype, _splice, _nest, _grow)


def _lines(data: bytes, chance: Random) -> bytes:
    lines = data.split(b"\n")
    at = chance.randrange(len(lines))
    kind = chance.randrange(6)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(at, lines[chance.randrange(len(lines))])
    elif kind == 2:
        lines[at] = b"  " * chance.randint(0, 3) + lines[at].lstrip()
    elif kind == 3:
        lines[at] += chance.choice(TOKENS)
    else:
        lines[at] = _replaced_word(lines[at], chance)
    return b"\n".join(lines)


def _replaced_word(line: bytes, chance: Random) -> bytes:
    for separator in (b",", b": ", b"\t", b" "):
        if separator in line:
            words = line.split(separator)
            text = str(hostile(chance)).encode("utf-8", "surrogatepass")
            words[chance.randrange(len(words))] = chance.choice((chance.choice(TOKENS), text))
            return separator.join(words)
    return chance.choice(TOKENS)


def _bytes(data: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    end = min(len(data), at + chance.choice((1, 2, 8, 64, 1024)))
    kind = chance.randrange(7)
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + data[end:]
    if kind == 2:
        return data[:at] + data[at:end] * 3 + data[end:]
    if kind == 3:
        return data[:at] + chance.randbytes(chance.choice((1, 1, 4, 16))) + data[end:]
    if kind == 4 and at < len(data):
        return data[:at] + bytes((data[at] ^ (1 << chance.randrange(8)),)) + data[at + 1 :]
    if kind == 5:
        return data[:at] + chance.choice((b"[", b"{", b'{"a":', b"(", b"\x91")) * _DEEP + data[at:]
    return data[:at] + chance.choice(TOKENS) + data[at:]
