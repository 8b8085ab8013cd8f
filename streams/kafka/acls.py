"""The permissions each role needs, from deploy/kafka/acls.yaml, as kafka-acls.sh commands."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Literal

import msgspec
import yaml

from streams.bundled import bundled

_FLAGS = {
    "topic": "--topic",
    "group": "--group",
    "transactional_id": "--transactional-id",
}
Resource = Literal["topic", "group", "transactional_id"]
Pattern = Literal["literal", "prefixed"]


class _Allowed(msgspec.Struct, forbid_unknown_fields=True):
    operations: list[str]
    topic: str | None = None
    group: str | None = None
    transactional_id: str | None = None
    pattern: Pattern = "literal"


class _Role(msgspec.Struct, forbid_unknown_fields=True):
    role: str
    does: str
    allow: list[_Allowed]
    principal_of: str | None = None


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    roles: list[_Role]


class Permission(msgspec.Struct, frozen=True):
    """One operation on the resources of a name, or of all that begin with it."""

    resource: Resource
    name: str
    pattern: Pattern
    operation: str


def roles() -> Mapping[str, str]:
    """What each role does, by its name."""
    return {role.role: role.does for role in _document().roles}


def permissions(role: str, *, prefix: str, app_id: str) -> tuple[Permission, ...]:
    """What a role must be allowed, in the order of the list. Raises KeyError for no role."""
    found = {each.role: each for each in _document().roles}[role]
    return tuple(
        Permission(resource, name.format(prefix=prefix, app_id=app_id), allowed.pattern, operation)
        for allowed in found.allow
        for resource, name in _resources(allowed)
        for operation in allowed.operations
    )


def principal_of(role: str, principals: Mapping[str, str], beginning: str) -> str:
    """Kafka's principal of a role: as said, else User:<beginning><role>.

    A role that belongs to another's principal by default takes what is said of that one.
    """
    if role in principals:
        return principals[role]
    other = {each.role: each.principal_of for each in _document().roles}[role]
    if other is not None:
        return principal_of(other, principals, beginning)
    return f"User:{beginning}{role}"


def commands(role: str, principal: str, *, prefix: str, app_id: str, broker: str) -> Iterator[str]:
    """The kafka-acls.sh commands that allow it to `principal`, ready for a shell."""
    operations: defaultdict[tuple[Resource, str, Pattern], list[str]] = defaultdict(list)
    for each in permissions(role, prefix=prefix, app_id=app_id):
        operations[(each.resource, each.name, each.pattern)].append(each.operation)
    names: defaultdict[tuple[Resource, Pattern, tuple[str, ...]], list[str]] = defaultdict(list)
    for (resource, name, pattern), some in operations.items():
        names[(resource, pattern, tuple(some))].append(name)
    for (resource, pattern, some_of_one), of_these in names.items():
        words = ["kafka-acls.sh", "--bootstrap-server", broker]
        words += ["--command-config", "admin.properties", "--add", "--allow-principal", principal]
        for operation in some_of_one:
            words += ["--operation", operation]
        words += ["--resource-pattern-type", pattern]
        for name in of_these:
            words += [_FLAGS[resource], name]
        yield shlex.join(words)


def _resources(allowed: _Allowed) -> Iterator[tuple[Resource, str]]:
    if allowed.topic is not None:
        yield "topic", allowed.topic
    if allowed.group is not None:
        yield "group", allowed.group
    if allowed.transactional_id is not None:
        yield "transactional_id", allowed.transactional_id


@cache
def _document() -> _Document:
    file = bundled("kafka") / "acls.yaml"
    return msgspec.convert(yaml.safe_load(file.read_text(encoding="utf-8")), _Document)
