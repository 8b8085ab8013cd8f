"""One parsed JSON payload, read by path: what is absent or of another type is None, never an error.

Nothing of a payload reaches an event but through one of the ways below, and none of them lets free
text, a name, an address or a number to call through. What is read, and how, is noted in a `Journal`
if there is one: `baton source check` and the tests show it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import TypeVar
from zoneinfo import ZoneInfo

import orjson

from streams.sources.base import SourceOptions, pseudonym, term
from streams.sources.journal import Journal, Way, joined
from streams.sources.moments import moment_of
from streams.sources.otlp_values import SCALARS, any_value

_T = TypeVar("_T")

# "detail.queueInfo.queueArn"; a tuple where a name has dots in it.
Path = str | tuple[str, ...]

# Forms of a machine's identifiers, for `Payload.id`. None of them fits a number to call.
UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
HEX = re.compile(r"(?=[0-9]*[a-f])[0-9a-f]{16,64}")
# A conversation's id, in one form for all adapters so that two of them meet: one of the above, or a
# help desk's count of its tickets (with its country's code a number to call has 10 to 14 digits).
CONVERSATION = re.compile(f"{UUID.pattern}|{HEX.pattern}|[1-9][0-9]{{0,8}}|[1-9][0-9]{{14,19}}")

_CALLABLE = re.compile(r"\+?[0-9][0-9 .()/:-]{5,}")
_SCHEME = re.compile(r"(?:whatsapp|messenger|sms|tel|mailto|sip):(?://)?")
_MOST = 2**53


class Payload:
    """A JSON value at a path of a payload.

    Every method takes several paths: the first that is there is read, and without a path the value
    itself. `parent` is the payload that this one was taken out of, None for a whole one; `outer`
    that one whose list it is an element of, else itself.
    """

    __slots__ = (
        *("_any_case", "_attributes", "_journal", "_options", "_path"),
        *("outer", "parent", "value"),
    )

    def __init__(
        self,
        value: object,
        options: SourceOptions,
        journal: Journal | None = None,
        *,
        any_case: bool = False,
        path: str = "",
        parent: Payload | None = None,
        outer: Payload | None = None,
    ) -> None:
        """`any_case`: a name is found with a small or a capital first letter."""
        self.value = value
        self.parent = parent
        self.outer = outer or self
        self._attributes: Payload | None = None
        self._options = options
        self._journal = journal
        self._any_case = any_case
        self._path = path

    def at(self, *paths: Path) -> Payload:
        """What stands there, of whatever type; a payload of None where nothing does."""
        node, path = self._find(paths)
        return self._part(node, path)

    def items(self, *paths: Path) -> Iterator[Payload]:
        """The elements of the list there, none if it is none."""
        node, path = self._find(paths)
        if isinstance(node, list):
            for each in node:
                yield self._part(each, f"{path}[]", self)

    def words(self, *paths: Path) -> Iterator[Payload]:
        """The elements of the list there, or the words of the text: tags as some write them."""
        node, path = self._find(paths)
        for each in (
            node.split() if isinstance(node, str) else node if isinstance(node, list) else ()
        ):
            yield self._part(each, path, self)

    def after(self, mark: str) -> Payload:
        """The text that follows the last `mark` in the one here; None where it has none."""
        text = self.value if isinstance(self.value, str) else ""
        return self._part(text.rpartition(mark)[2] if mark in text else None, self._path)

    def parsed(self, *paths: Path) -> Payload:
        """The JSON in the text there (or the object that already stands there)."""
        node, path = self._find(paths)
        if isinstance(node, str):
            try:
                node = orjson.loads(node)
            except orjson.JSONDecodeError:
                node = None
            else:
                self._note(path, "decided")
                path = f"{path}(json)"
                if self._journal is not None:
                    self._journal.add_leaves(node, path)
        return self._part(node, path)

    def attributes(self, path: Path) -> Payload:
        """OTLP's list of {key, value: {stringValue | intValue | ...}} there as an object."""
        if self._attributes is None:
            node, full = self._find((path,))
            found: dict[str, object] = {}
            for each in node if isinstance(node, list) else ():
                if isinstance(each, dict) and isinstance(each.get("key"), str):
                    found[each["key"]] = any_value(each.get("value"))
            self._note_list(full)
            full = f"{full}(attributes)"
            if self._journal is not None:
                self._journal.add_leaves(found, full)
            self._attributes = self._part(found, full)
        return self._attributes

    def present(self, *paths: Path) -> bool:
        """Whether anything but null, "", [] and {} stands at one of the paths."""
        for path in paths:
            node, found = self._find((path,))
            if node not in (None, [], {}):
                if not isinstance(node, dict | list):
                    self._note(found, "decided")
                return True
        return False

    def text(self, *paths: Path) -> str | None:
        """Text to decide by, **never to pass on**: nothing says that it holds no name."""
        node, path = self._find(paths)
        if not isinstance(node, str):
            return None
        self._note(path, "decided")
        return node

    def flag(self, *paths: Path) -> bool | None:
        """A boolean; "true" and "false" are read too."""
        node, path = self._find(paths)
        value = {"true": True, "false": False}.get(node.lower()) if isinstance(node, str) else node
        if not isinstance(value, bool):
            return None
        self._note(path, "decided")
        return value

    def word(
        self, known: Mapping[str, _T], *paths: Path, silent: Collection[str] = ()
    ) -> _T | None:
        """What the adapter's closed list `known` has for the text there, None if nothing.

        `silent` words are known as well, to say nothing.
        """
        node, path = self._find(paths)
        if not isinstance(node, str):
            return None
        self._note(path, "word")
        if node not in known and node not in silent and self._journal is not None:
            self._journal.unlisted[path] += 1
        return known.get(node)

    def label(self, *paths: Path) -> str | None:
        """Text out of the platform's *configuration* (a queue, a skill, a bot's version), as it is.

        Of at most 128 letters, digits, spaces and `_.:/+-`, and no number to call. Never for what
        a person may have written, nor for a person's name: those are `key`.
        """
        node, path = self._find(paths)
        if term(node) is None or not isinstance(node, str) or _CALLABLE.fullmatch(node):
            return None
        self._note(path, "label")
        return node

    def id(self, form: re.Pattern[str], *paths: Path) -> str | None:
        """An identifier of the platform's own making in its `form`; else its pseudonym.

        An integer is its digits. If `form` has groups, it is the one that matched: the end of an
        ARN. For conversations and messages, not for people.
        """
        text, path = self._scalar(paths)
        if text is None:
            return None
        found = form.fullmatch(text) if len(text) <= 512 else None
        if found is not None and len(named := found[found.lastindex or 0]) <= 128:
            self._note(path, "id")
            return named
        self._note(path, "pseudonym")
        return pseudonym(self._options.salt, text)

    def key(self, *paths: Path) -> str | None:
        """The pseudonym of whom the text or number there names.

        One person has one on all channels: `whatsapp:+65 8123-4567` is `+6581234567`, and letters'
        case says nothing. A bare number is a desk's own count of people, under the prefix if any.
        """
        text, path = self._scalar(paths)
        if text is None:
            return None
        self._note(path, "pseudonym")
        person = self._options.own(text) if text.isdecimal() else _person(text)
        return pseudonym(self._options.salt, person)

    def marked(self, what: str, *paths: Path) -> bool:
        """Whether the options' marks name the text or number there as `what`."""
        text, path = self._scalar(paths)
        if text is None:
            return False
        self._note(path, "decided")
        return (what, text) in self._options.marks

    def moment(self, *paths: Path) -> int | None:
        """A time in epoch ms (`moment_of`), local in the options' zone if it has no offset."""
        node, path = self._find(paths)
        time_ms = moment_of(node, ZoneInfo(self._options.time_zone))
        if time_ms is not None:
            self._note(path, "time")
        return time_ms

    def whole(self, *paths: Path, most: int = 1_000_000) -> int | None:
        """An integer, at most `most` either way; digits are read too."""
        node, path = self._find(paths)
        if isinstance(node, str) and len(node) <= 17 and node.lstrip("-").isdecimal():
            try:
                node = int(node)
            except ValueError:
                return None
        if isinstance(node, bool) or not isinstance(node, int) or not -most <= node <= most:
            return None
        self._note(path, "number")
        return node

    def ppm(self, *paths: Path) -> int | None:
        """A share from 0 to 1 as parts per million."""
        node, path = self._find(paths)
        if isinstance(node, bool) or not isinstance(node, int | float) or not 0 <= node <= 1:
            return None
        self._note(path, "number")
        return round(node * 1_000_000)

    def _part(self, value: object, path: str, outer: Payload | None = None) -> Payload:
        return Payload(
            value,
            self._options,
            self._journal,
            any_case=self._any_case,
            path=path,
            parent=self,
            outer=outer,
        )

    def _scalar(self, paths: tuple[Path, ...]) -> tuple[str | None, str]:
        node, path = self._find(paths)
        if isinstance(node, str):
            return node, path
        if isinstance(node, int) and not isinstance(node, bool):
            return str(node) if -_MOST < node < _MOST else None, path
        return None, path

    def _find(self, paths: tuple[Path, ...]) -> tuple[object, str]:
        if self._journal is not None or self._any_case:
            return self._traced(paths)
        # As most payloads are read: nobody asks by which path, which is half of the work.
        if not paths:
            return None if self.value == "" else self.value, ""
        for path in paths:
            node = self.value
            for step in _steps(path):
                node = node.get(step) if isinstance(node, dict) else None
                if node is None:
                    break
            if node is not None and node != "":
                return node, ""
        return None, ""

    def _traced(self, paths: tuple[Path, ...]) -> tuple[object, str]:
        if not paths:
            return None if self.value == "" else self.value, self._path
        for path in paths:
            node: object = self.value
            found = self._path
            for step in _steps(path):
                step, node = self._step(node, step)
                if node is None:
                    break
                if self._journal is not None:
                    found = joined(found, step)
            if node is not None and node != "":
                return node, found
        return None, self._path

    def _note_list(self, path: str) -> None:
        self._note(f"{path}[].key", "decided")
        for kind in SCALARS:
            self._note(f"{path}[].value.{kind}", "decided")
        self._note(f"{path}[].value.arrayValue.values[].stringValue", "decided")

    def _step(self, node: object, step: str) -> tuple[str, object]:
        if not isinstance(node, dict):
            return step, None
        if self._any_case and step not in node:
            step = step[:1].swapcase() + step[1:]
        return step, node.get(step)

    def _note(self, path: str, way: Way) -> None:
        if self._journal is not None:
            self._journal.read[(path, way)] += 1


@lru_cache(maxsize=4096)
def _steps(path: Path) -> tuple[str, ...]:
    return path if isinstance(path, tuple) else tuple(path.split("."))


def _person(text: str) -> str:
    text = _SCHEME.sub("", text.strip().casefold(), count=1)
    return re.sub(r"[^0-9]", "", text) if _CALLABLE.fullmatch(text) else text
