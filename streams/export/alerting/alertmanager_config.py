"""alertmanager.yml: who is paged for which contract and market, and what silences what.

Secrets are references to files alone. Alertmanager 0.25 has no such reference for a webhook's
address, so that is plain and its credentials are a file.
"""

from __future__ import annotations

from typing import Any

from streams.domain.contract import DIMENSIONS, ContractBook
from streams.export.alerting.options import RenderOptions
from streams.export.alerting.rules import comment, equals, yaml_text

DEADMAN = "deadman"
PIPELINE_PAGE = "baton-page"
PIPELINE_TICKET = "baton-ticket"
_SUMMARY = "{{ (index .Alerts 0).Annotations.summary }}"
_TEXT = (
    "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ .Annotations.description }}\n"
    "{{ .Annotations.runbook_url }} {{ .Annotations.dashboard_url }}\n{{ end }}"
)
_TITLE = (
    "Rendered by `baton contract render`; a test compares. One incident is one contract, clause and"
    " key, whatever alerts tell of it."
)


def alertmanager_config(book: ContractBook, options: RenderOptions) -> str:
    """The file, for Alertmanager 0.25 and later."""
    document = {
        "global": {
            "resolve_timeout": "5m",
            "smtp_smarthost": options.smarthost,
            "smtp_from": options.email_from,
            "smtp_auth_username": options.email_from,
            "smtp_auth_password_file": f"{options.secrets_dir}/smtp-password",
        },
        "route": _route(book, options),
        "receivers": _receivers(book, options),
        "inhibit_rules": _inhibitions(),
    }
    return "\n".join([*comment(_TITLE), yaml_text(document)])


def page_receiver(contract: str, market: str = "") -> str:
    """Who is paged for a contract, or for one market of it."""
    return f"{contract}-page-{market}" if market else f"{contract}-page"


def ticket_receiver(contract: str) -> str:
    """Who gets a contract's tickets."""
    return f"{contract}-ticket"


def markets_of(book: ContractBook, contract: str) -> list[str]:
    """Every market in the scope of any version, sorted."""
    scopes = [terms.scope.get("market", frozenset()) for terms in book.versions(contract)]
    return sorted(frozenset[str]().union(*scopes))


def _route(book: ContractBook, options: RenderOptions) -> dict[str, Any]:
    routes: list[dict[str, Any]] = [
        {
            "matchers": ['alertname="BatonWatchdog"'],
            "receiver": DEADMAN,
            "group_wait": "0s",
            "group_interval": options.group_interval,
            "repeat_interval": options.group_interval,
        },
        {
            "matchers": ['scope="pipeline"'],
            "receiver": PIPELINE_TICKET,
            "group_by": ["alertname"],
            "routes": [{"matchers": ['severity="page"'], "receiver": PIPELINE_PAGE}],
        },
    ]
    for contract in book.names:
        pages: dict[str, Any] = {
            "matchers": ['severity="page"'],
            "receiver": page_receiver(contract),
        }
        markets = [
            {"matchers": [equals("market", market)], "receiver": page_receiver(contract, market)}
            for market in markets_of(book, contract)
        ]
        if markets:
            pages["routes"] = markets
        routes.append(
            {
                "matchers": [f'contract="{contract}"'],
                "receiver": ticket_receiver(contract),
                "routes": [pages],
            }
        )
    return {
        "receiver": PIPELINE_TICKET,
        "group_by": ["contract", "clause", "severity", *DIMENSIONS],
        "group_wait": options.group_wait,
        "group_interval": options.group_interval,
        "repeat_interval": options.repeat_interval,
        "routes": routes,
    }


def _receivers(book: ContractBook, options: RenderOptions) -> list[dict[str, Any]]:
    make = _Receivers(options)
    receivers = [
        {"name": DEADMAN, "webhook_configs": [make.webhook("watchdog", resolved=False)]},
        make.page(PIPELINE_PAGE, "baton/pagerduty", "page/baton"),
        make.ticket(PIPELINE_TICKET, "baton"),
    ]
    for contract in book.names:
        receivers.append(
            make.page(page_receiver(contract), f"{contract}/pagerduty", f"page/{contract}")
        )
        receivers += (
            make.page(
                page_receiver(contract, market),
                f"{contract}/pagerduty-{market}",
                f"page/{contract}/{market}",
            )
            for market in markets_of(book, contract)
        )
        receivers.append(make.ticket(ticket_receiver(contract), contract))
    return receivers


class _Receivers:
    def __init__(self, options: RenderOptions) -> None:
        self._options = options

    def _secret(self, name: str) -> str:
        return f"{self._options.secrets_dir}/{name}"

    def webhook(self, path: str, *, resolved: bool = True) -> dict[str, Any]:
        credentials = {"credentials_file": self._secret("webhook-token")}
        return {
            "url": f"{self._options.webhook_url}/{path}",
            "send_resolved": resolved,
            "http_config": {"authorization": credentials},
        }

    def page(self, name: str, key: str, path: str) -> dict[str, Any]:
        pagerduty: dict[str, Any] = {
            "routing_key_file": self._secret(key),
            "send_resolved": True,
            "severity": "critical",
            "description": _SUMMARY,
            "class": "{{ .CommonLabels.clause }}",
            "component": "{{ .CommonLabels.contract }}",
            "links": [
                {"href": "{{ (index .Alerts 0).Annotations.runbook_url }}", "text": "runbook"},
                {"href": "{{ (index .Alerts 0).Annotations.dashboard_url }}", "text": "dashboard"},
            ],
        }
        if self._options.pagerduty_url:
            pagerduty["url"] = self._options.pagerduty_url
        return {
            "name": name,
            "pagerduty_configs": [pagerduty],
            "webhook_configs": [self.webhook(path)],
        }

    def ticket(self, name: str, owner: str) -> dict[str, Any]:
        return {
            "name": name,
            "slack_configs": [
                {
                    "api_url_file": self._secret(f"{owner}/slack"),
                    "channel": f"#{owner}-sla",
                    "send_resolved": True,
                    "title": _SUMMARY,
                    "text": _TEXT,
                }
            ],
            "email_configs": [
                {
                    "to": self._options.email_to,
                    "send_resolved": True,
                    "headers": {"Subject": _SUMMARY},
                    "html": "",
                    "text": _TEXT,
                }
            ],
        }


def _inhibitions() -> list[dict[str, Any]]:
    return [
        # What clauses and money are judged by is stale or absent: their alerts say nothing then.
        {
            "source_matchers": ['inhibits="clauses"'],
            "target_matchers": ['scope=~"clause|money"'],
        },
        # Who has been paged needs no ticket of the same promise.
        {
            "source_matchers": ['scope="clause"', 'severity="page"'],
            "target_matchers": ['scope="clause"', 'severity="ticket"'],
            "equal": ["contract", "clause", *DIMENSIONS],
        },
    ]
