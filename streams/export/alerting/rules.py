"""Rules as data, and how a file of them is written: deterministic YAML with the reasons in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any, Literal

import yaml

Severity = Literal["page", "ticket", "none"]
GENERATED = "Rendered by `baton contract render`; a test compares. Change the contract instead."


@dataclass(frozen=True, slots=True)
class Recording:
    """`record` is level:metric:operations."""

    record: str
    expr: str

    def document(self) -> dict[str, Any]:
        """As Prometheus reads it."""
        return {"record": self.record, "expr": self.expr}


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `hold` is how long its condition must stand, `keep` how long it goes on firing.

    `labels` hold severity, contract, clause and scope; `annotations` summary, description,
    runbook_url and dashboard_url.
    """

    name: str
    expr: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    hold: str = "0s"
    keep: str = ""

    def document(self) -> dict[str, Any]:
        """As Prometheus reads it."""
        said: dict[str, Any] = {"alert": self.name, "expr": self.expr}
        if self.hold != "0s":
            said["for"] = self.hold
        if self.keep:
            said["keep_firing_for"] = self.keep
        return said | {"labels": dict(self.labels), "annotations": dict(self.annotations)}


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together; `comments` say why they are as they are."""

    name: str
    rules: tuple[Recording | Alert, ...]
    comments: tuple[str, ...] = ()
    interval: str = ""

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """The alerts among its rules."""
        return tuple(rule for rule in self.rules if isinstance(rule, Alert))


@dataclass(slots=True)
class RuleFile:
    """One file of rules."""

    title: str
    groups: list[Group] = field(default_factory=list)

    @property
    def group_names(self) -> tuple[str, ...]:
        """The names of its groups, in their order."""
        return tuple(group.name for group in self.groups)

    def text(self) -> str:
        """The file."""
        lines = [*comment(self.title), *comment(GENERATED), "groups:"]
        for group in self.groups:
            for each in group.comments:
                lines += comment(each, "  ")
            said: dict[str, Any] = {"name": group.name}
            if group.interval:
                said["interval"] = group.interval
            said["rules"] = [rule.document() for rule in group.rules]
            lines += ["  " + line if line else line for line in yaml_text([said]).splitlines()]
        return "\n".join(lines) + "\n"


def equals(label: str, value: str) -> str:
    """A matcher of PromQL and of Alertmanager: label="value", whatever the value holds."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{label}="{escaped}"'


def comment(text: str, indent: str = "") -> list[str]:
    """The text as comment lines."""
    return [f"{indent}# {line}" for line in wrap(text, 110 - len(indent))]


class _Dumper(yaml.SafeDumper):
    pass


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def yaml_text(document: Any) -> str:
    """The document as YAML, keys in their order; the same for the same document."""
    return yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True, indent=2
    )
