"""Writes calls.py, the typed methods of the client, from the canonical event classes.

`python -m streams.emit.generate` writes it; a test holds the file to what this makes. Each
docstring is the description of the type's JSON Schema.
"""

from __future__ import annotations

import json
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from streams.domain import events as ev

_FILE = Path(__file__).with_name("calls.py")
_SCHEMAS = Path(__file__).parents[2] / "schemas" / "events"
_NAMED = {
    getattr(ev, name): name
    for name in (
        *("Channel", "Author", "FailureReason", "EndedBy", "RequestedBy", "Party"),
        *("EvidenceKind", "Owner"),
    )
}
# What the interaction says itself.
_SHARED = frozenset(field.name for field in msgspec.structs.fields(ev.Data))
_MARGIN = "        "
_WIDTH = 100

_HEAD = '''"""The client's calls, one a type of event. Made by generate.py; not to be edited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal

from streams.domain.events import (
{imports}
)

Emit = Callable[[str, str | None, datetime | None, dict[str, Any]], str | None]


class Calls:
    """The calls of one family; each returns the event's id, or None where it was not accepted.

    `id` and `time` say which event it is: called again with the same, it is the same event. Without
    them it happened now and is a new one.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
'''


def source() -> str:
    """The text of calls.py."""
    families: dict[str, dict[str, type[ev.Event]]] = defaultdict(dict)
    apart: dict[str, dict[str, type[ev.Event]]] = defaultdict(dict)
    for name, kind in ev.EVENT_TYPES.items():
        if kind is not ev.Tick:
            _, family, call = name.split(".")
            (apart if kind in ev.APART else families)[family][call] = kind
    classes = [*families.items(), *apart.items()]
    body = "".join(_class(family, calls) for family, calls in classes)
    used = sorted(name for name in [*_NAMED.values(), "HandoffContext"] if name in body)
    return (
        _HEAD.replace("{imports}", "\n".join(f"    {name}," for name in used))
        + body
        + _holder("InteractionCalls", "All families of calls about a conversation.", families)
        + _holder("ClientCalls", "The families of calls that concern no conversation.", apart)
    )


def _class(family: str, calls: dict[str, type[ev.Event]]) -> str:
    text = f'\n\nclass {family.capitalize()}Calls(Calls):\n    """`baton.{family}.*`."""\n'
    return text + "".join(_method(family, call, kind) for call, kind in calls.items())


def _method(family: str, call: str, kind: type[ev.Event]) -> str:
    name = f"baton.{family}.{call}"
    data = get_type_hints(kind)["data"]
    hints = get_type_hints(data)
    fields = [
        field
        for field in msgspec.structs.fields(data)
        if kind in ev.APART or field.name not in _SHARED
    ]
    lines = [f"\n    def {call}(", "        self,", "        *,"]
    for field in sorted(fields, key=lambda each: not each.required):
        said = _text(hints[field.name])
        optional = "" if field.required else " = None"
        if not field.required and not said.endswith("| None"):
            said += " | None"
        line = f"        {field.name}: {said}{optional},"
        if len(line) > _WIDTH:
            line = line.replace("Literal[", f"Literal[\n{_MARGIN}    ").replace(
                "]", f"\n{_MARGIN}]"
            )
        lines.append(line)
    lines += [
        "        id: str | None = None,",
        "        time: datetime | None = None,",
        "    ) -> str | None:",
        *_docstring(json.loads((_SCHEMAS / f"{family}.{call}.json").read_text())["description"]),
    ]
    if fields:
        lines += ["        return self._emit(", f'            "{name}",', "            id,"]
        lines += ["            time,", "            {"]
        lines += [f'                "{field.name}": {field.name},' for field in fields]
        lines += ["            },", "        )"]
    else:
        lines.append(f'        return self._emit("{name}", id, time, {{}})')
    return "\n".join(lines) + "\n"


def _docstring(text: str) -> Iterator[str]:
    if len(text) + len(_MARGIN) + 6 <= _WIDTH:
        yield f'{_MARGIN}"""{text}"""'
        return
    first, *more = textwrap.wrap(text, _WIDTH - len(_MARGIN) - 3, break_on_hyphens=False)
    yield f'{_MARGIN}"""{first}'
    for line in textwrap.wrap(" ".join(more), _WIDTH - len(_MARGIN), break_on_hyphens=False):
        yield f"{_MARGIN}{line}"
    yield f'{_MARGIN}"""'


def _holder(name: str, meaning: str, families: dict[str, Any]) -> str:
    lines = [f"\n\nclass {name}:", f'    """{meaning}"""', ""]
    lines.append("    def __init__(self, emit: Emit) -> None:")
    lines += [f"        self.{family} = {family.capitalize()}Calls(emit)" for family in families]
    return "\n".join(lines) + "\n"


def _text(hint: Any) -> str:
    """A type as the signature spells it: what a caller may give."""
    if hint in _NAMED:
        return _NAMED[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        said = [_text(each) for each in arguments if each is not NoneType]
        return " | ".join([*said, "None"] if NoneType in arguments else said)
    if origin is Literal:
        return "Literal[" + ", ".join(json.dumps(each) for each in arguments) + "]"
    if origin is tuple:
        return f"Sequence[{_text(arguments[0])}]"
    return {datetime: "datetime", ev.HandoffContext: "HandoffContext"}.get(hint) or hint.__name__


if __name__ == "__main__":
    _FILE.write_text(source(), encoding="utf-8")
