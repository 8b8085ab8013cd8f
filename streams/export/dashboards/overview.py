"""The dashboard of all contracts: who is kept, who is about to be broken, who is waiting."""

from __future__ import annotations

from collections.abc import Iterator

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from streams.domain.contract import AMOUNTS, ContractBook
from streams.export.dashboards import addresses, frame
from streams.export.dashboards.money import (
    by_currency,
    comes_to,
    credits_previewed,
    running_total,
)
from streams.export.dashboards.panels import (
    COUNT,
    SECONDS,
    SHARE,
    TIME,
    Query,
    Said,
    bar_list,
    lights,
    lines,
    number,
    tiles,
)
from streams.export.dashboards.promises import Promise, all_promises, selectors, waits_met
from streams.export.dashboards.queries import (
    CONTRACT,
    any_of,
    clause_state,
    counted,
    where,
    whole_contract,
    worst_key,
)
from streams.export.dashboards.tables import Column, listing

_ALL = where(CONTRACT)
_WHOLE = where(CONTRACT, whole_contract())
_KEY = {
    "contract": "Contract",
    "clause": "Clause",
    "severity": "Severity",
    "channel": "Channel",
    "market": "Market",
    "journey": "Journey",
    "supplier": "Supplier",
}


def overview(book: ContractBook, runbooks: str) -> Dashboard:
    """All contracts."""
    found = all_promises(book)
    state = clause_state(_ALL, _ALL, waits_met(found, CONTRACT))
    sheet = frame.Sheet(
        addresses.OVERVIEW,
        "Baton / Contracts",
        "Every contract at once: which clauses are met, at risk or breached, what is left of their"
        " budgets, and who is waiting. Targets come from the metrics.",
    )
    sheet.row("Now", *_now(book, state))
    sheet.row("Clauses", *_clauses(book, state))
    if placed := list(_money(book)):
        sheet.row("Money", *placed)
    sheet.row("Customers", *_customers())
    return sheet.finish(
        frame.contracts(),
        frame.windows(book),
        frame.clock(),
        marks=[frame.breaches(_ALL), frame.alerts(CONTRACT)],
        runbooks=runbooks,
    )


def _now(book: ContractBook, state: str) -> list[frame.Placed]:
    linked = _with_uid(f"max by (contract) ({state})", "(.*)", addresses.contract_uid("$1"))
    for name in book.names:
        uid = addresses.contract_uid(name)
        if not uid.endswith(name):  # shortened
            linked = _with_uid(linked, name, uid)
    waiting = f"$clock - min(baton_oldest_open_handoff_timestamp_seconds{_WHOLE})"
    return [
        (
            tiles(
                Said(
                    "Contracts",
                    "The worst state of any clause of the contract. At risk: the next miss"
                    " breaches. Not judged: fewer samples than the contract's minimum volume."
                    " Click to open the contract.",
                ),
                Query(linked, "{{contract}}"),
                link="/d/${__field.labels.dashboard}?${__url_time_range}",
            ),
            8,
            5,
        ),
        (
            number(
                Said(
                    "Open breaches",
                    "Clauses and keys in breach now. 0 only while a worker reports.",
                    runbook="clause-breached",
                ),
                COUNT,
                Query(f"sum({counted('baton_breach_active', _ALL, _ALL, 'contract')})"),
            ),
            4,
            5,
        ),
        (
            number(
                Said("Waiting for a human", "Open escalations, as of the watermark."),
                COUNT,
                Query(f"sum(baton_open_handoffs{_WHOLE})"),
            ),
            4,
            5,
        ),
        (
            number(
                Said(
                    "Longest wait",
                    "Since the AI failed the customer who waits longest; reckoned to the clock"
                    " chosen above (for a replay of old data: data).",
                ),
                SECONDS,
                Query(waiting),
                none="nobody waits",
            ),
            4,
            5,
        ),
        (
            number(
                Said(
                    "Freshness",
                    "Age of the newest tick that has passed through the whole pipeline, of the"
                    " partition that is furthest behind. A stale pipeline says nothing about the"
                    " contract. Reckoned to the clock chosen above.",
                    runbook="pipeline-stale",
                ),
                SECONDS,
                Query("$clock - min(baton_heartbeat_timestamp_seconds)"),
            ),
            4,
            5,
        ),
    ]


def _with_uid(expr: str, contract: str, uid: str) -> str:
    """The series with the uid of its contract's dashboard as a label, for the link."""
    return f'label_replace({expr}, "dashboard", "{uid}", "contract", "{contract}")'


def _clauses(book: ContractBook, state: str) -> list[frame.Placed]:
    placed: list[frame.Placed] = [
        (
            lights(
                Said(
                    "State of each clause",
                    "Met, at risk (the next miss breaches), breached, or not judged (too few"
                    " samples); the worst of the clause's keys. A gap: no worker reported it.",
                ),
                Query(state, "{{contract}} {{clause}}"),
            ),
            24,
            _lanes(len(all_promises(book))),
        ),
        (_worst_keys(book), 24, min(16, 3 + sum(not p.is_wait for p in all_promises(book)))),
    ]
    calendar = any(one.clause.period for one in all_promises(book))
    width = 6 if calendar else 8
    if calendar:
        placed.append(
            (
                bar_list(
                    Said(
                        "Budget left",
                        "Share left of the misses that the volume projected to the period's end"
                        " allows: 1 untouched, below 0 overspent. The key that is worst off.",
                        runbook="budget-projection",
                    ),
                    SHARE,
                    Query(
                        f"min by (contract, clause) (baton_clause_budget_left_ratio{_ALL})",
                        "{{contract}} {{clause}}",
                    ),
                    budget=True,
                    low=None,
                ),
                width,
                8,
            )
        )
    placed.append(
        (
            lines(
                Said("Open breaches by contract", "Clauses and keys in breach."),
                COUNT,
                Query(counted("baton_breach_active", _ALL, _ALL, "contract"), "{{contract}}"),
                stacked=True,
            ),
            width,
            8,
        )
    )
    placed.append(
        (
            lines(
                Said("Breaches opened", "New breaches by clause, in processing time."),
                COUNT,
                Query(
                    "sum by (contract, clause)"
                    f" (increase(baton_breaches_total{_ALL}[$__rate_interval])) > 0",
                    "{{contract}} {{clause}}",
                ),
                bars=True,
                stacked=True,
                many=True,
            ),
            12 if calendar else 16,
            8,
        )
    )
    return placed


def _money(book: ContractBook) -> Iterator[frame.Placed]:
    for currency, names in by_currency(book):
        chosen = (any_of("contract", names), CONTRACT)
        yield running_total(currency, *chosen), 8, 5
        yield comes_to(currency, *chosen), 8, 5
        yield credits_previewed(currency, *chosen), 8, 5


def _lanes(clauses: int) -> int:
    return min(24, max(5, 2 + clauses))


def _worst_keys(book: ContractBook) -> Panel:
    found = all_promises(book)
    shares = [one for one in found if one.clause.indicator not in AMOUNTS and not one.is_wait]
    figures = [("Value", "baton_clause_value"), ("Target", "baton_clause_target")] if shares else []
    columns = [
        Column("Misses left", worst_key("baton_clause_misses_left", _ALL)),
        *(Column(heading, _either(metric, shares), SHARE) for heading, metric in figures),
        Column("Samples", worst_key("baton_clause_samples", _ALL)),
        Column("Judged from", worst_key("baton_clause_minimum_volume", _ALL)),
    ]
    if any(one.clause.period for one in found):
        projected = "baton_clause_projected_breach_timestamp_seconds"
        columns += [
            Column("Budget left", worst_key("baton_clause_budget_left_ratio", _ALL), SHARE),
            Column("Spent by", f"({worst_key(projected, _ALL)}) * 1000", TIME),
        ]
    return listing(
        Said(
            "The worst key of each clause",
            "Where a clause has the fewest misses left: its value beside its target (shares), its"
            " samples beside the volume from which it is judged. Spent by: when, at the pace of the"
            " last day, the period's budget will be. Clauses on single waits and on cost have no"
            " misses and are not here.",
        ),
        columns,
        _KEY,
        least="Misses left",
    )


def _either(metric: str, among: list[Promise]) -> str:
    """The metric for the worst keys of these clauses, whatever contract they are of."""
    return "\nor\n".join(f"({worst_key(metric, selector)})" for selector in selectors(among))


def _customers() -> list[frame.Placed]:
    window = ('window="$window"', CONTRACT, whole_contract())
    taken = where('indicator="escalation_within"', *window)
    safe = where('kind="safe"', *window)
    return [
        (
            lines(
                Said("Waiting for a human", "Open escalations, as of the watermark."),
                COUNT,
                Query(f"sum by (contract) (baton_open_handoffs{_WHOLE})", "{{contract}}"),
            ),
            8,
            8,
        ),
        (
            lines(
                Said(
                    "Taken over in time",
                    "Share of decided escalations that a qualified human took over within the"
                    " channel's threshold, over the chosen window of event time.",
                ),
                SHARE,
                Query(f"max by (contract) (baton_indicator_ratio{taken})", "{{contract}}"),
                high=1,
            ),
            8,
            8,
        ),
        (
            lines(
                Said(
                    "Contained or handed over safely",
                    "Safe containment over the chosen window of event time; absent where unknown.",
                ),
                SHARE,
                Query(
                    f"max by (contract) (baton_containment_ratio{safe})",
                    "{{contract}}",
                ),
                high=1,
            ),
            8,
            8,
        ),
    ]
