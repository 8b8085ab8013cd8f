"""`python -m streams.export.dashboards [FOLDER]`: the dashboards of deploy/contracts."""

from __future__ import annotations

import sys
from pathlib import Path

from streams.contract_files import load_contracts
from streams.domain.contract import ContractError

_DEPLOY = Path("deploy")


def main() -> None:
    """Write them and say which; exits with one line where that cannot be done."""
    try:
        from streams.export.dashboards.rendering import write_dashboards
    except ModuleNotFoundError as error:
        sys.exit(f"{error}: pip install 'baton-streams[dashboards]'")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _DEPLOY / "grafana" / "dashboards"
    try:
        for written in write_dashboards(load_contracts([_DEPLOY / "contracts"]), folder):
            print(written)
    except (ContractError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
