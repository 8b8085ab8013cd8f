"""prometheus.yml: what is scraped, which rules are evaluated, who is told."""

from __future__ import annotations

from typing import Any

from streams.export.alerting.options import RenderOptions
from streams.export.alerting.rules import comment, yaml_text

_TITLE = (
    "Rendered by `baton contract render`; a test compares. Addresses and intervals are its options."
)


def prometheus_config(options: RenderOptions) -> str:
    """The file, for Prometheus 2.42 and later."""
    baton: dict[str, Any] = {"job_name": "baton", "static_configs": [_targets(*options.workers)]}
    if options.scrape_token_file:
        baton["authorization"] = {"credentials_file": options.scrape_token_file}
    document = {
        "global": {
            "scrape_interval": options.scrape_interval,
            "evaluation_interval": options.scrape_interval,
        },
        "rule_files": ["rules/*.yaml"],
        "alerting": {"alertmanagers": [{"static_configs": [_targets(options.alertmanager)]}]},
        "scrape_configs": [
            baton,
            {"job_name": "prometheus", "static_configs": [_targets(options.prometheus)]},
            {"job_name": "alertmanager", "static_configs": [_targets(options.alertmanager)]},
        ],
    }
    return "\n".join([*comment(_TITLE), yaml_text(document)])


def _targets(*addresses: str) -> dict[str, list[str]]:
    return {"targets": list(addresses)}
