"""Writes prometheus.yml and alertmanager.yml for docker-compose.yml, with its names.

Usage: python deploy/compose/generate.py [CONTRACTS ...]; a test compares what is committed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from streams.contract_files import load_contracts
from streams.export.alerting.alertmanager_config import alertmanager_config
from streams.export.alerting.options import RenderOptions
from streams.export.alerting.prometheus_config import prometheus_config

HERE = Path(__file__).resolve().parent
# Every address is that of a service in docker-compose.yml; notifications go to its `pages`.
OPTIONS = RenderOptions(
    workers=("worker:9464",),
    prometheus="prometheus:9090",
    alertmanager="alertmanager:9093",
    scrape_token_file="/run/secrets/pages-token",
    pagerduty_url="http://pages:9095/pagerduty",
    webhook_url="http://pages:9095",
)


def files(contracts: Sequence[Path] = ()) -> dict[str, str]:
    """The text of each file, by its name in this folder."""
    book = load_contracts(contracts or [HERE.parent / "contracts"])
    return {
        "alertmanager.yml": alertmanager_config(book, OPTIONS),
        "prometheus.yml": prometheus_config(OPTIONS),
    }


if __name__ == "__main__":
    for name, text in files([Path(each) for each in sys.argv[1:]]).items():
        (HERE / name).write_text(text, encoding="utf-8")
        print(HERE / name)
