"""The dashboard of one contract: each clause's value, target and what is left of its budget."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from streams.domain.billing.feed import is_billed
from streams.domain.contract import AT_MOST, DIMENSIONS, ContractBook, Dimension
from streams.export.dashboards import addresses, frame
from streams.export.dashboards.money import (
    at_risk_by_clause,
    comes_to,
    credits_previewed,
    running_total,
)
from streams.export.dashboards.panels import (
    COUNT,
    PLAIN,
    SECONDS,
    SHARE,
    TIME,
    Query,
    Said,
    lights,
    lines,
    money,
    number,
)
from streams.export.dashboards.promises import Promise, promises, waits_met
from streams.export.dashboards.queries import (
    RATE,
    clause_dimensions,
    clause_state,
    counted,
    key_legend,
    where,
    whole_contract,
)
from streams.export.dashboards.tables import Column, listing


def one_contract(book: ContractBook, contract: str, runbooks: str) -> Dashboard:
    """The contract `contract` of the book."""
    found = promises(book, contract)
    used = {name for one in found for name in one.clause.grouping}
    # These two are looked for everywhere; others only where a clause is judged by them.
    chosen = [name for name in DIMENSIONS if name in used | {"channel", "market"}]
    sheet = frame.Sheet(
        addresses.contract_uid(contract),
        f"Baton / {contract}",
        f"The contract {contract}, clause by clause: value, target, budget and breaches. Targets"
        " come from the metrics; the units and the list of clauses are those of the contract.",
    )
    sheet.row("Now", *_now(contract, found, chosen))
    if is_billed(book.versions(contract)):
        sheet.row("Money", *_money(contract, book.versions(contract)[-1].currency))
    for one in found:
        placed = _wait(one) if one.is_wait else _clause(one, chosen)
        sheet.row(_heading(one), *placed)
    this = f'contract="{contract}"'
    return sheet.finish(
        *(frame.chosen(name, this) for name in chosen),
        frame.clock(),
        marks=[
            frame.breaches(where(this)),
            frame.config_changes(this),
            frame.alerts(this),
        ],
        runbooks=runbooks,
    )


def _money(contract: str, currency: str) -> list[frame.Placed]:
    this = f'contract="{contract}"'
    return [
        (running_total(currency, this), 5, 5),
        (comes_to(currency, this), 5, 5),
        (credits_previewed(currency, this), 5, 5),
        (at_risk_by_clause(currency, this), 9, 5),
    ]


def _heading(one: Promise) -> str:
    clause = one.clause
    name = clause.indicator + (f" ({clause.reason})" if clause.reason else "")
    fixed = dict(clause.where)
    key = [
        f"{dimension} {fixed[dimension]}" if dimension in fixed else f"by {dimension}"
        for dimension in clause.grouping
    ]
    told = ", ".join(key) or "whole contract"
    return f"{clause.id}: {name}, {told}, {one.window} ({clause.severity})"


def _now(contract: str, found: list[Promise], chosen: list[Dimension]) -> list[frame.Placed]:
    this = f'contract="{contract}"'
    selector = where(this, clause_dimensions(chosen))
    whole = where(this, whole_contract())
    oldest = f"baton_oldest_open_handoff_timestamp_seconds{whole}"
    period = any(one.clause.period for one in found)
    width = 4 if period else 8
    placed: list[frame.Placed] = [
        (
            number(
                Said(
                    "Open breaches",
                    "Clauses and keys in breach, of those chosen above.",
                    runbook="clause-breached",
                ),
                COUNT,
                Query(counted("baton_breach_active", selector, where(this))),
            ),
            width,
            5,
        ),
        (
            number(
                Said("Waiting for a human", "Open escalations, as of the watermark."),
                COUNT,
                Query(f"sum(baton_open_handoffs{whole})"),
            ),
            width,
            5,
        ),
        (
            number(
                Said(
                    "Longest wait",
                    "Since the AI failed the customer who waits longest, by the clock above.",
                ),
                SECONDS,
                Query(f"$clock - min({oldest})"),
                none="nobody waits",
            ),
            width,
            5,
        ),
    ]
    if period:
        placed.append((_budgets(this, chosen), 12, 5))
    placed.append(
        (
            lights(
                Said(
                    "State of each clause",
                    "Met, at risk (the next miss breaches), breached, or not judged (fewer samples"
                    " than the minimum volume); the worst of the keys chosen above. A gap: no"
                    " worker reported it.",
                ),
                Query(clause_state(selector, where(this), waits_met(found)), "{{clause}}"),
            ),
            24,
            min(24, max(5, 2 + len(found))),
        )
    )
    return placed


def _budgets(this: str, chosen: list[Dimension]) -> Panel:
    selector = where(this, clause_dimensions(chosen))
    by = f"by ({', '.join(('clause', *chosen))})"
    breach = f"min {by} (baton_clause_projected_breach_timestamp_seconds{selector}) * 1000"
    return listing(
        Said(
            "Budgets of the calendar period",
            "Share left of the misses that the volume projected to the period's end allows, how"
            " many that is, and when, at the pace of the last day, it will be spent.",
            runbook="budget-projection",
        ),
        [
            Column("Left", f"min {by} (baton_clause_budget_left_ratio{selector})", SHARE),
            Column("Spent by", breach, TIME),
        ],
        {"clause": "Clause"} | {name: name.capitalize() for name in chosen},
        least="Left",
    )


def _clause(one: Promise, chosen: list[Dimension]) -> list[frame.Placed]:
    clause = one.clause
    dimensions = [name for name in chosen if name in clause.grouping]
    selector = where(one.matchers(), clause_dimensions(dimensions))
    by = f"by ({', '.join(clause.grouping)}) " if clause.grouping else ""
    legend = key_legend(clause.grouping)
    promise = "at most" if clause.indicator in AT_MOST else "at least"
    placed: list[frame.Placed] = [
        (
            lines(
                Said(
                    "Value and target",
                    f"`{clause.indicator}` {one.window}; the contract wants {promise} the dashed"
                    " line. Absent where it is unknown.",
                    runbook="clause-breached",
                ),
                _unit(one),
                Query(f"max {by}(baton_clause_value{selector})", legend),
                Query(f"max(baton_clause_target{where(one.matchers())})", "target", target=True),
                high=1 if _unit(one) == SHARE else None,
            ),
            10,
            8,
        )
    ]
    if one.burns:
        placed.append((_burn(one, selector, by, legend, promise), 7, 8))
    placed.append((_volume(one, selector, by, legend), 7 if one.burns else 14, 8))
    return placed


def _unit(one: Promise) -> str:
    match one.clause.indicator:
        case "cost_per_verified":
            return money(one.currency)
        case "compliance_exceptions":
            return PLAIN
        case _:
            return SHARE


def _burn(one: Promise, selector: str, by: str, legend: str, promise: str) -> Panel:
    target = f"max {by}(baton_clause_target{selector})"
    allowed = target if promise == "at most" else f"(1 - {target})"
    bad, events = (
        f"sum {by}(increase(baton_clause_{name}_total{selector}{RATE}))"
        for name in ("bad", "events")
    )
    return lines(
        Said(
            "Budget burn",
            "Misses as a multiple of what the target allows for the volume that came in: at 1 the"
            " budget is used up exactly at the end of its window. In processing time.",
            runbook="clause-burning",
        ),
        PLAIN,
        Query(f"({bad} / {events}) / {allowed}", legend),
    )


def _volume(one: Promise, selector: str, by: str, legend: str) -> Panel:
    key = f"{legend}: " if by else ""
    asked = [Query(f"max {by}(baton_clause_samples{selector})", f"{key}samples")]
    if one.clause.indicator != "cost_per_verified":
        left = f"min {by}(baton_clause_misses_left{selector})"
        asked.append(Query(left, f"{key}misses left"))
    least = f"max(baton_clause_minimum_volume{where(one.matchers())})"
    return lines(
        Said(
            "Misses left and samples",
            "How many more misses the volume of the window so far allows (below 0: over), beside"
            " that volume and, dashed, the volume from which the clause is judged.",
        ),
        COUNT,
        *asked,
        Query(least, "judged from", target=True),
    )


def _wait(one: Promise) -> list[frame.Placed]:
    grouping = one.clause.grouping
    key = where(one.wait_key())
    by = f"by ({', '.join(grouping)}) " if grouping else ""
    legend = key_legend(grouping)
    named = f"{legend}: " if grouping else ""
    this = where(one.matchers())
    return [
        (
            lines(
                Said(
                    "Waiting, and waiting too long",
                    "Customers who wait for a human, and those of them who have waited longer than"
                    " the contract's threshold: one is a breach.",
                    runbook="handoff-overdue",
                ),
                COUNT,
                Query(f"sum {by}(baton_open_handoffs{key})", f"{named}waiting"),
                Query(f"sum {by}(baton_overdue_handoffs{key})", f"{named}too long", target=True),
            ),
            10,
            8,
        ),
        (
            lines(
                Said(
                    "Longest wait",
                    "Since the AI failed the customer who waits longest, by the clock above.",
                ),
                SECONDS,
                Query(
                    f"$clock - min {by}(baton_oldest_open_handoff_timestamp_seconds{key})", legend
                ),
            ),
            7,
            8,
        ),
        (
            lines(
                Said("In breach", "Keys of this clause in breach, of those it is judged for."),
                COUNT,
                Query(counted("baton_breach_active", this, this), "keys in breach"),
            ),
            7,
            8,
        ),
    ]
