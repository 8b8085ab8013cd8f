"""`python -m streams.export.dashboards [FOLDER]`: the dashboards of deploy/contracts."""

from __future__ import annotations

import sys
from pathlib import Path

from streams.contract_files import load_contracts
from streams.export.dashboards.rendering import write_dashboards

_DEPLOY = Path("deploy")

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _DEPLOY / "grafana" / "dashboards"
    for written in write_dashboards(load_contracts([_DEPLOY / "contracts"]), folder):
        print(written)
