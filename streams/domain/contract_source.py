"""A contract document as its author wrote it, and what is wrong with it where.

YAML is read elsewhere (streams/contract_yaml.py); here a document is plain data with the place of
each value, so that every problem is named with file, line, column and key path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher, get_close_matches
from itertools import takewhile
from typing import Any, Literal

from streams.domain.contract import ContractError, in_one_line

KeyPath = tuple[str | int, ...]
Grade = Literal["error", "warning"]
_LONGEST_VALUE = 60
_LONGEST_PATH = 200
_LONGEST_LIST = 480


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column, both from 1, and for a scalar the text as it stands there."""

    line: int
    column: int
    written: str | None = None


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """One document of a file. `values` and `keys` say by key path where a value, or the key that
    names it, stands; a document that was not read from text has none of them.
    """

    file: str
    content: Any
    line: int = 1
    values: Mapping[KeyPath, Place] = field(default_factory=dict)
    keys: Mapping[KeyPath, Place] = field(default_factory=dict)

    def place(self, path: KeyPath, *, of_key: bool = False) -> Place:
        """Where the value at `path` stands (or its key); the nearest place around it otherwise."""
        for length in range(len(path), -1, -1):
            at = path[:length]
            # What is missing in a mapping is missing where the mapping's own key stands.
            first = self.keys if of_key or length < len(path) else self.values
            found = first.get(at) or self.values.get(at)
            if found is not None:
                return found
        return Place(self.line, 1)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in one place. `path` is a key path like `spec.scope.channels[1]`, empty for a
    whole document; `line` 0 stands for the whole file. `allowed` is a closed list, `nearest` the
    one of it that was probably meant.
    """

    file: str
    line: int
    column: int
    grade: Grade
    path: str
    text: str
    allowed: tuple[str, ...] = ()
    nearest: str | None = None

    @property
    def message(self) -> str:
        """Key path, what is wrong, what was meant and what is allowed, in one line."""
        said = f"{self.path}: {self.text}" if self.path else self.text
        if self.nearest is not None:
            said += f"; did you mean {self.nearest!r}?"
        if self.allowed:
            said += f"; allowed: {_listed(self.allowed)}"
        return said

    @property
    def place(self) -> str:
        """file:line:column, or the file alone."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class Unreadable(ContractError):
    """A file of which no document can be read at all; `problem` says where and why."""

    def __init__(self, file: str, text: str, line: int = 0, column: int = 1) -> None:
        self.problem = Problem(file, line, column, "error", "", text)
        super().__init__(f"{self.problem.place}: {text}")


class Findings:
    """What was found wrong so far, in the order in which it was looked for."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    @property
    def errors(self) -> list[Problem]:
        """Those with which a contract cannot be used."""
        return [one for one in self.problems if one.grade == "error"]

    def error(
        self,
        document: SourceDocument,
        path: KeyPath,
        text: str,
        *,
        given: object = None,
        allowed: Iterable[str] = (),
        candidates: Iterable[str] = (),
        at_key: bool = False,
    ) -> None:
        """Note an error at `path`.

        `given` is what was written, looked up among `allowed`, or among `candidates` that are too
        many to list.
        """
        self._note("error", document, path, text, given, tuple(allowed), candidates, at_key)

    def warning(
        self, document: SourceDocument, path: KeyPath, text: str, *, at_key: bool = False
    ) -> None:
        """Note what is allowed and probably not meant."""
        self._note("warning", document, path, text, None, (), (), at_key)

    def _note(
        self,
        grade: Grade,
        document: SourceDocument,
        path: KeyPath,
        text: str,
        given: object,
        allowed: tuple[str, ...],
        candidates: Iterable[str],
        at_key: bool,
    ) -> None:
        place = document.place(path, of_key=at_key)
        self.problems.append(
            Problem(
                file=document.file,
                line=place.line,
                column=place.column,
                grade=grade,
                path=path_text(path),
                text=text,
                allowed=allowed,
                nearest=_nearest(given, [*allowed, *candidates]),
            )
        )

    def raise_first(self) -> None:
        """Raise ContractError with the first error and how many more there are, if any is there."""
        errors = sorted(self.errors, key=lambda p: (p.file, p.line, p.column))
        if not errors:
            return
        first = errors[0]
        more = len(errors) - 1
        rest = f" (and {more} more: baton contract check {first.file})" if more else ""
        raise ContractError(f"{first.place}: {first.message}{rest}")


def path_text(path: KeyPath) -> str:
    """A key path as people write it: `spec.scope.channels[1]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    line = in_one_line(text)
    return line if len(line) <= _LONGEST_PATH else f"{line[:_LONGEST_PATH]}..."


def shown(value: object) -> str:
    """A scalar as it was given, short enough for a message; of anything else only its kind."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    try:
        text = in_one_line(str(value))
    except ValueError:  # more digits than Python turns into text
        return "a very long number"
    if len(text) > _LONGEST_VALUE:
        text = f"{text[:_LONGEST_VALUE]}..."
    return repr(text) if isinstance(value, str) else text


def _nearest(given: object, known: list[str]) -> str | None:
    if not isinstance(given, str) or not 0 < len(given) <= _LONGEST_VALUE:
        return None
    by_folded = {one.lower(): one for one in reversed(known)}
    if given.lower() in by_folded:
        return by_folded[given.lower()]
    wanted = given.lower()
    close = get_close_matches(wanted, list(by_folded), n=3, cutoff=0.6)

    def nearness(one: str) -> tuple[float, int]:
        # Of words as near, the one that begins alike: people rarely mistype the first letters.
        alike = takewhile(lambda pair: pair[0] == pair[1], zip(one, wanted, strict=False))
        return SequenceMatcher(None, one, wanted).ratio(), len(list(alike))

    return by_folded[max(close, key=nearness)] if close else None


def _listed(allowed: tuple[str, ...]) -> str:
    text = ""
    for number, one in enumerate(allowed):
        if len(text) + len(one) > _LONGEST_LIST:
            return f"{text}, and {len(allowed) - number} more"
        text += f", {one}" if text else one
    return text
