"""Where dashboards and runbooks are found: alerts link to dashboards, dashboards to runbooks."""

from __future__ import annotations

import hashlib
from urllib.parse import urlencode

OVERVIEW = "baton-overview"
HANDOFFS = "baton-handoffs"
CONTAINMENT = "baton-containment"
OUTCOMES = "baton-outcomes"
PIPELINE = "baton-pipeline"

# Grafana refuses longer ones.
LONGEST_UID = 40
_PREFIX = "baton-c-"
# Names up to here keep their uid readable, and a link can be made from the label alone.
PLAIN_NAME = LONGEST_UID - len(_PREFIX)

RUNBOOKS = "https://github.com/baton-streams/baton/blob/main/deploy/runbooks"


def contract_uid(contract: str) -> str:
    """The uid of a contract's dashboard; of long names the start and 8 hex digits of SHA-256."""
    if len(contract) <= PLAIN_NAME:
        return _PREFIX + contract
    digest = hashlib.sha256(contract.encode()).hexdigest()[:8]
    return f"{_PREFIX}{contract[: PLAIN_NAME - 9]}-{digest}"


def dashboard_path(uid: str, **variables: str) -> str:
    """The path of a dashboard on any Grafana, with values for its variables."""
    chosen = urlencode({f"var-{name}": value for name, value in variables.items()})
    return f"/d/{uid}" + (f"?{chosen}" if chosen else "")
