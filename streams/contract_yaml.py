"""YAML as a contract may use it: plain data, each key once, nothing that stands for something else.

YAML allows more than a contract needs, and some of it is dangerous: an alias in an alias in an
alias makes a few lines mean gigabytes, and of a key that stands twice the first is lost silently.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

from streams.domain.contract import in_one_line
from streams.domain.contract_source import KeyPath, Place, SourceDocument, Unreadable

MAX_DEPTH = 50
_INTO = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_OUT_OF = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


def parsed_documents(name: str, text: str) -> list[SourceDocument]:
    """The documents in `text`, each value and key with its place.

    Dates and times stay text. Raises Unreadable naming place and cause.
    """
    try:
        _check_shape(name, text)
        return [_document(name, node) for node in yaml.compose_all(text, Loader=_Loader)]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (0, 1) if mark is None else (mark.line + 1, mark.column + 1)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        if isinstance(error, ReaderError):
            before = text[: error.position]
            line = before.count("\n") + 1
            column = error.position - (before.rfind("\n") + 1) + 1
        if "cannot start any token" in problem and repr("\t") in problem:
            problem = "a tab where YAML wants spaces"
        raise Unreadable(name, f"not YAML: {in_one_line(problem)}", line, column) from None


class _Loader(yaml.SafeLoader):
    """SafeLoader that names the place where a value is none of its type, or a key stands twice."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except yaml.YAMLError:
            raise
        except Exception:
            # PyYAML takes a value at its form's word: 2026-13-45 raises ValueError, !!bool x
            # KeyError, !!timestamp x AttributeError.
            kind = node.tag.rpartition(":")[2]
            raise _problem(f"not a value of the type {kind!a}", node) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise _problem("merge keys (<<) are not read in contracts", key_node)
            if isinstance(key_node, yaml.ScalarNode):
                if (key_node.tag, key_node.value) in seen:
                    raise _problem(f"the key {key_node.value[:60]!a} stands here twice", key_node)
                seen.add((key_node.tag, key_node.value))
        return super().construct_mapping(node, deep)


# A time is read where a time is expected, with the place and the form that is expected there.
_TIME = "tag:yaml.org,2002:timestamp"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag != _TIME]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _problem(text: str, node: yaml.Node) -> ConstructorError:
    return ConstructorError(None, None, text, node.start_mark)


def _check_shape(name: str, text: str) -> None:
    """Refuse what would cost more than it says, before anything is built of it."""
    loader = _Loader(text)
    depth = 0
    try:
        while loader.check_event():
            event = loader.get_event()  # type: ignore[no-untyped-call]
            depth += isinstance(event, _INTO) - isinstance(event, _OUT_OF)
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
                raise ConstructorError(
                    None, None, "aliases (&, *) are not read in contracts", event.start_mark
                )
            if depth > MAX_DEPTH:
                raise ConstructorError(
                    None, None, f"nested more than {MAX_DEPTH} deep", event.start_mark
                )
    except (ValueError, OverflowError):
        # An escape like \UFFFFFFFF, which is no character.
        mark = loader.get_mark()
        raise Unreadable(
            name, "not YAML: an escape that is no character", mark.line + 1, mark.column + 1
        ) from None
    finally:
        loader.dispose()


def _document(name: str, node: yaml.Node) -> SourceDocument:
    loader = _Loader("")
    try:
        content = loader.construct_document(node)
    finally:
        loader.dispose()
    values: dict[KeyPath, Place] = {}
    keys: dict[KeyPath, Place] = {}
    for path, key, value in _places(node, ()):
        values[path] = _place(value)
        if key is not None:
            keys[path] = _place(key)
    return SourceDocument(name, content, node.start_mark.line + 1, values, keys)


def _places(
    node: yaml.Node, path: KeyPath, key: yaml.Node | None = None
) -> Iterator[tuple[KeyPath, yaml.Node | None, yaml.Node]]:
    """Every value under a node with its path and the key that names it, none for a list's."""
    yield path, key, node
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _places(item, (*path, number))
    elif isinstance(node, yaml.MappingNode):
        for named, item in node.value:
            if isinstance(named, yaml.ScalarNode):
                yield from _places(item, (*path, named.value), named)


def _place(node: yaml.Node) -> Place:
    written = node.value if isinstance(node, yaml.ScalarNode) else None
    return Place(node.start_mark.line + 1, node.start_mark.column + 1, written)
