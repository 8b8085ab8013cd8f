"""YAML as a contract may use it: plain data, each key once, nothing that stands for something else.

YAML allows more than a contract needs, and some of it is dangerous: an alias in an alias in an
alias makes a few lines mean gigabytes, and of a key that stands twice the first is lost silently.
"""

from __future__ import annotations

from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

from streams.domain.contract import ContractError, in_one_line

MAX_DEPTH = 50
_INTO = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_OUT_OF = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


def parsed_documents(name: str, text: str) -> list[tuple[str, Any]]:
    """The documents in `text`, each with its place (`name:line`).

    Raises ContractError naming place and cause.
    """
    try:
        _check_shape(name, text)
        return [
            (f"{name}:{node.start_mark.line + 1}", _construct(node))
            for node in yaml.compose_all(text, Loader=_Loader)
        ]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = name if mark is None else f"{name}:{mark.line + 1}:{mark.column + 1}"
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        if isinstance(error, ReaderError):
            place = f"{name}:{text.count(chr(10), 0, error.position) + 1}"
        raise ContractError(f"{place}: not YAML: {in_one_line(problem)}") from None


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
        line = loader.get_mark().line + 1
        raise ContractError(f"{name}:{line}: not YAML: an escape that is no character") from None
    finally:
        loader.dispose()


def _construct(node: yaml.Node) -> Any:
    loader = _Loader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()
