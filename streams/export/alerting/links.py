"""The dashboards that alerts link to."""

from __future__ import annotations

import hashlib

PIPELINE = "baton-pipeline"
_PREFIX = "baton-c-"
# Grafana refuses longer ones.
_LONGEST_UID = 40
_PLAIN_NAME = _LONGEST_UID - len(_PREFIX)


def contract_uid(contract: str) -> str:
    """The uid of a contract's dashboard; of long names the start and 8 hex digits of SHA-256."""
    if len(contract) <= _PLAIN_NAME:
        return _PREFIX + contract
    digest = hashlib.sha256(contract.encode()).hexdigest()[:8]
    return f"{_PREFIX}{contract[: _PLAIN_NAME - 9]}-{digest}"
