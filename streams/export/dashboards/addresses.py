"""Where dashboards and runbooks are found: alerts link to dashboards, dashboards to runbooks."""

from __future__ import annotations

from urllib.parse import urlencode

from streams.export.alerting.links import PIPELINE, contract_uid
from streams.export.alerting.options import RUNBOOKS

__all__ = [
    "CONTAINMENT",
    "HANDOFFS",
    "MONEY",
    "OUTCOMES",
    "OVERVIEW",
    "PIPELINE",
    "RUNBOOKS",
    "contract_uid",
    "dashboard_path",
]

OVERVIEW = "baton-overview"
HANDOFFS = "baton-handoffs"
CONTAINMENT = "baton-containment"
OUTCOMES = "baton-outcomes"
MONEY = "baton-money"


def dashboard_path(uid: str, **variables: str) -> str:
    """The path of a dashboard on any Grafana, with values for its variables."""
    chosen = urlencode({f"var-{name}": value for name, value in variables.items()})
    return f"/d/{uid}" + (f"?{chosen}" if chosen else "")
