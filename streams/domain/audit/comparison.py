"""Whether two samples are one: every episode on which they disagree, and in what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from streams.domain.audit.record import Sample

Fault = Literal["missing", "extra", "altered", "repeated"]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """`missing`: drawn and not in the sample; `extra`: in it and not drawn; `altered`: it says
    something else in `fields`; `repeated`: it is in it twice, and differs.
    """

    fault: Fault
    id: str
    conversation: str
    fields: tuple[str, ...] = ()


def disagreements(given: Iterable[Sample], wanted: Iterable[Sample]) -> list[Disagreement]:
    """Where the sample that was given is not the one that should have been drawn, by id.

    The same record more than once is one, as on a topic that is written at least once.
    """
    return sorted(_found(given, wanted), key=lambda one: (one.id, one.fault))


def _found(given: Iterable[Sample], wanted: Iterable[Sample]) -> Iterator[Disagreement]:
    due = {sample.id: sample for sample in wanted}
    seen: dict[str, Sample] = {}
    for one in given:
        earlier = seen.setdefault(one.id, one)
        if earlier != one:
            fields = tuple(_differences(one, earlier))
            yield Disagreement("repeated", one.id, one.subject, fields)
    for name, one in seen.items():
        if name not in due:
            yield Disagreement("extra", name, one.subject)
        elif one != due[name]:
            fields = tuple(_differences(one, due[name]))
            yield Disagreement("altered", name, one.subject, fields)
    for name, one in due.items():
        if name not in seen:
            yield Disagreement("missing", name, one.subject)


def _differences(one: Sample, other: Sample) -> Iterator[str]:
    """The paths of fields that differ; of a list, where it first does."""
    yield from _walk(msgspec.to_builtins(one), msgspec.to_builtins(other), "")


def _walk(one: Any, other: Any, path: str) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted({*one, *other}):
            yield from _walk(one.get(name), other.get(name), f"{path}.{name}" if path else name)
    elif isinstance(one, list) and isinstance(other, list):
        for number, (mine, theirs) in enumerate(zip(one, other, strict=False)):
            if mine != theirs:
                yield f"{path}[{number}]"
                return
        if len(one) != len(other):
            yield f"{path}[{min(len(one), len(other))}]"
    elif one != other:
        yield path
