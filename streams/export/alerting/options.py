"""What differs between installations of the same rules: intervals, addresses, where secrets lie."""

from __future__ import annotations

from dataclasses import dataclass

RUNBOOKS = "https://github.com/baton-streams/baton/blob/main/deploy/runbooks"


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """Durations are Prometheus's (15s, 2m). `workers` and `alertmanager` are host:port.

    `secrets_dir` is a folder on Alertmanager's host; only references to files in it are written.
    `scrape_token_file` (on Prometheus's host) opens workers' pages; empty for open ones.
    """

    scrape_interval: str = "15s"
    stale_after: str = "2m"
    group_wait: str = "10s"
    group_interval: str = "1m"
    repeat_interval: str = "4h"
    workers: tuple[str, ...] = ("127.0.0.1:9464",)
    prometheus: str = "127.0.0.1:9090"
    alertmanager: str = "127.0.0.1:9093"
    secrets_dir: str = "/etc/alertmanager/secrets"
    scrape_token_file: str = ""
    pagerduty_url: str = ""
    webhook_url: str = "http://127.0.0.1:9095"
    smarthost: str = "127.0.0.1:25"
    email_from: str = "baton@example.invalid"
    email_to: str = "sla-desk@example.invalid"
    runbooks_url: str = RUNBOOKS
    grafana_url: str = "http://127.0.0.1:3000"

    def runbook(self, page: str) -> str:
        """The address of a page of deploy/runbooks/ (its name without .md)."""
        return f"{self.runbooks_url}/{page}.md"

    def dashboard(self, uid: str) -> str:
        """The address of a dashboard."""
        return f"{self.grafana_url}/d/{uid}"
