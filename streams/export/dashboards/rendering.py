"""All dashboards of a book of contracts as the files that Grafana is provisioned with."""

from __future__ import annotations

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from streams.domain.contract import ContractBook
from streams.export.dashboards.addresses import RUNBOOKS
from streams.export.dashboards.containment import containment
from streams.export.dashboards.contract import one_contract
from streams.export.dashboards.handoffs import handoffs
from streams.export.dashboards.money import money_dashboard
from streams.export.dashboards.outcomes import outcomes
from streams.export.dashboards.overview import overview
from streams.export.dashboards.pipeline import pipeline


def render_dashboards(book: ContractBook, runbooks: str = RUNBOOKS) -> dict[str, bytes]:
    """File name -> JSON of each dashboard; the same book gives the same bytes.

    `runbooks` is the address of the folder with deploy/runbooks' pages.
    """
    made = [
        overview(book, runbooks),
        handoffs(book, runbooks),
        containment(book, runbooks),
        outcomes(book, runbooks),
        pipeline(runbooks),
        *(one for one in (money_dashboard(book, runbooks),) if one is not None),
        *(one_contract(book, name, runbooks) for name in book.names),
    ]
    return {f"{one.uid}.json": _encoded(one) for one in made}


def write_dashboards(book: ContractBook, folder: Path, runbooks: str = RUNBOOKS) -> list[Path]:
    """Write them into a folder, and remove those of contracts that are no more.

    Returns what was written. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rendered = render_dashboards(book, runbooks)
    for stale in set(folder.glob("baton-*.json")) - {folder / name for name in rendered}:
        stale.unlink()
    for name, content in rendered.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in rendered]


def _encoded(one: Dashboard) -> bytes:
    text = json.dumps(one, cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False)
    return text.encode() + b"\n"
