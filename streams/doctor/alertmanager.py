"""Alertmanager: whether it answers, and whether the contracts' pages reach somebody in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from streams.doctor.asking import Asking, NoAnswer
from streams.doctor.finding import Finding, named, ok, warn, wrong
from streams.domain.contract import ContractBook
from streams.export.alerting.alertmanager_config import page_receiver, ticket_receiver

_RENDER = "baton contract render CONTRACTS --out deploy   # then reload deploy/alertmanager"


async def look(asking: Asking, url: str, book: ContractBook | None) -> list[Finding]:
    """Findings `alertmanager`, and `alertmanager.receivers|watchdog` where it answers."""
    try:
        status = await asking.json(url, "/api/v2/status")
        version, text = status["versionInfo"]["version"], status["config"]["original"]
        config = yaml.safe_load(text)
        found = [
            ok("alertmanager", f"Alertmanager {version} at {url}"),
            receivers(config, book),
            await _watchdog(asking, url),
        ]
    except NoAnswer as error:
        return [_absent(url, str(error))]
    except (KeyError, TypeError, yaml.YAMLError):
        return [_absent(url, "what answers is not Alertmanager's API")]
    return found


def _absent(url: str, why: str) -> Finding:
    return wrong(
        "alertmanager",
        f"no Alertmanager answers at {url}: {why}",
        "alerts fire and nobody is paged",
        f"curl -s {url}/-/ready",
    )


def receivers(config: Mapping[str, Any], book: ContractBook | None) -> Finding:
    """Whether its configuration has who is to be told of each contract, and by some means."""
    check = "alertmanager.receivers"
    there = {each["name"]: each for each in config.get("receivers", ())}
    names = [] if book is None else book.names
    wanted = [f(name) for name in names for f in (page_receiver, ticket_receiver)]
    missing = [name for name in wanted if name not in there]
    if missing:
        return wrong(
            check,
            f"no receiver {named(missing)}",
            "its alerts take the default route: who answers for the contract is not told",
            _RENDER,
        )
    silent = [name for name in wanted if len(there[name]) == 1]
    if silent:
        return wrong(
            check,
            f"receivers that tell nobody: {named(silent)}",
            "an alert that reaches them ends there",
            _RENDER,
        )
    return ok(check, f"{len(there)} receivers, each contract's among them")


async def _watchdog(asking: Asking, url: str) -> Finding:
    check = "alertmanager.watchdog"
    alerts = await asking.json(url, '/api/v2/alerts?filter=alertname%3D"BatonWatchdog"')
    if alerts:
        return ok(check, "the dead man's switch arrives")
    return warn(
        check,
        "BatonWatchdog, which always fires, has not arrived",
        "then no other alert arrives either",
        "promtool query instant http://PROMETHEUS:9090 'ALERTS{alertname=\"BatonWatchdog\"}'"
        "   # deploy/runbooks/watchdog.md",
    )
