"""Dashboards as Grafana would ask them: panels, their queries, variables filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from streams.domain.contract import ContractBook
from streams.export.dashboards.frame import DATA_CLOCK
from streams.export.dashboards.rendering import render_dashboards

# What Grafana would put in, with everything chosen. The interval is at least four scrapes.
EVERYTHING = {
    "contract": ".*",
    "channel": ".*",
    "market": ".*",
    "journey": ".*",
    "supplier": ".*",
    "prompt_version": ".*",
    "model": ".*",
    "knowledge_version": ".*",
    "instance": ".*",
    "window": "1h",
    "clock": DATA_CLOCK,
    "__rate_interval": "1m",
}


@dataclass(frozen=True)
class Asked:
    """One query of a panel."""

    ref: str
    expr: str
    instant: bool
    legend: str
    format: str

    def filled(self, variables: Mapping[str, str] = EVERYTHING) -> str:
        """The expression with variables filled in. Raises KeyError for one that is unknown."""
        return re.sub(r"\$([a-z_]\w*)", lambda found: variables[found[1]], self.expr)


@dataclass(frozen=True)
class ShownPanel:
    """A panel that asks something."""

    dashboard: str
    json: Mapping[str, Any]

    @property
    def title(self) -> str:
        return str(self.json["title"])

    @property
    def kind(self) -> str:
        return str(self.json["type"])

    @property
    def asked(self) -> list[Asked]:
        return [
            Asked(
                target["refId"],
                target["expr"],
                bool(target.get("instant")),
                target.get("legendFormat", ""),
                target.get("format", "time_series"),
            )
            for target in self.json.get("targets", [])
        ]

    def __str__(self) -> str:
        return f"{self.dashboard}/{self.json['id']} {self.title}"


def rendered(book: ContractBook) -> dict[str, dict[str, Any]]:
    """uid -> dashboard, as read back from the bytes."""
    found = {name: json.loads(content) for name, content in render_dashboards(book).items()}
    return {dashboard["uid"]: dashboard for dashboard in found.values()}


def panels_of(dashboard: Mapping[str, Any]) -> Iterator[ShownPanel]:
    """Its panels, rows left out."""
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            yield ShownPanel(dashboard["uid"], panel)
