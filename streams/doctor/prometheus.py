"""Prometheus: whether it scrapes the workers, has the contracts' rules, tells an Alertmanager."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from streams.doctor.asking import Asking, NoAnswer
from streams.doctor.finding import Finding, named, ok, warn, wrong
from streams.domain.contract import ContractBook
from streams.export.alerting.contract_rules import contract_rules
from streams.export.alerting.options import RenderOptions
from streams.export.alerting.pipeline_rules import pipeline_rules

_JOB = "baton"  # as rules and dashboards name it
_APART_S = 5.0
_RENDER = "baton contract render CONTRACTS --out deploy   # mount deploy/prometheus and reload"


async def look(
    asking: Asking, url: str, book: ContractBook | None, now_s: Callable[[], float]
) -> list[Finding]:
    """Findings `prometheus`, and `prometheus.scraping|rules|alerting|clock` where it answers."""
    try:
        version = (await asking.json(url, "/api/v1/status/buildinfo"))["data"]["version"]
        targets = (await asking.json(url, "/api/v1/targets?state=active"))["data"]
        rules = (await asking.json(url, "/api/v1/rules"))["data"]
        told = (await asking.json(url, "/api/v1/alertmanagers"))["data"]
        time = (await asking.json(url, "/api/v1/query?query=time()"))["data"]["result"]
    except NoAnswer as error:
        return [_absent(url, str(error))]
    except (KeyError, TypeError):
        return [_absent(url, "what answers is not Prometheus's API")]
    return [
        ok("prometheus", f"Prometheus {version} at {url}"),
        scraping(targets["activeTargets"]),
        loaded(rules["groups"], book),
        _alerting(told["activeAlertmanagers"]),
        _clock(float(time[1]), now_s()),
    ]


def _absent(url: str, why: str) -> Finding:
    return wrong(
        "prometheus",
        f"no Prometheus answers at {url}: {why}",
        "nothing is watched, and nobody is paged by it",
        f"curl -s {url}/-/ready",
    )


def scraping(targets: Iterable[Mapping[str, Any]]) -> Finding:
    """What /api/v1/targets says of the workers."""
    check = "prometheus.scraping"
    ours = [each for each in targets if each["labels"].get("job") == _JOB]
    if not ours:
        return wrong(
            check,
            f"it scrapes no job named {_JOB!r}",
            "every rule and dashboard reads series of that job",
            "baton contract render --worker HOST:9464   # or a scrape job of that name",
        )
    down = {each["scrapeUrl"]: each["lastError"] for each in ours if each["health"] == "down"}
    if down:
        address, why = next(iter(sorted(down.items())))
        refused = "401" in why
        return wrong(
            check,
            f"{len(down)} of {len(ours)} workers cannot be scraped; {address}: {why}",
            "what they judge is not seen, and BatonDown pages",
            "authorization.credentials_file in prometheus.yml   # the token of --pages-token-file;"
            " baton contract render --scrape-token-file"
            if refused
            else f"curl -s {address} | head   # from where Prometheus runs",
        )
    fresh = [each for each in ours if each["health"] == "unknown"]
    if fresh:
        return warn(
            check,
            f"{len(fresh)} of {len(ours)} workers were not scraped yet",
            "a scrape comes every 15 s",
            "look again in a minute",
        )
    return ok(check, f"{len(ours)} workers are scraped")


def loaded(groups: Iterable[Mapping[str, Any]], book: ContractBook | None) -> Finding:
    """What /api/v1/rules says, beside what the contracts give."""
    check = "prometheus.rules"
    found = {group["name"]: group for group in groups}
    broken = [
        f"{rule['name']}: {rule.get('lastError', '')}"
        for group in found.values()
        for rule in group["rules"]
        if rule.get("health") == "err"
    ]
    if broken:
        return wrong(check, f"rules that fail: {named(broken)}", "they cannot fire", f"{_RENDER}")
    wanted = _wanted(book)
    missing = wanted.keys() - found.keys()
    if missing:
        return wrong(
            check,
            f"rule groups that are not loaded: {named(missing)}",
            "what they watch is watched by nobody",
            _RENDER,
        )
    changed = [
        name
        for name, alerts in wanted.items()
        if alerts != [rule["name"] for rule in found[name]["rules"] if rule["type"] == "alerting"]
    ]
    if changed:
        return warn(
            check,
            f"rule groups of other terms: {named(changed)}",
            "they were rendered from other contracts, or by another version of Baton",
            _RENDER,
        )
    return ok(check, f"{len(wanted)} groups of rules are loaded")


def _wanted(book: ContractBook | None) -> dict[str, list[str]]:
    options = RenderOptions()
    files = [pipeline_rules(options)]
    if book is not None:
        files += [contract_rules(book, name, options) for name in book.names]
    return {
        group.name: [alert.name for alert in group.alerts]
        for file in files
        for group in file.groups
    }


def _alerting(alertmanagers: Iterable[Mapping[str, Any]]) -> Finding:
    check, urls = "prometheus.alerting", [each["url"] for each in alertmanagers]
    if urls:
        return ok(check, f"alerts go to {named(urls)}")
    return wrong(
        check,
        "it has no Alertmanager to tell",
        "alerts fire and nobody is paged",
        "baton contract render --alertmanager HOST:9093   # `alerting` in prometheus.yml",
    )


def _clock(theirs_s: float, ours_s: float) -> Finding:
    check, apart = "prometheus.clock", theirs_s - ours_s
    if abs(apart) <= _APART_S:
        return ok(check, f"its clock and this machine's are {abs(apart):.1f} s apart")
    return warn(
        check,
        f"its clock is {abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} this machine's",
        "ages of open handoffs and heartbeats are reckoned by it: pages come early or late",
        "chronyc tracking   # here and where Prometheus runs",
    )
