"""A simulation for machines (JSON) and for people (tables)."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import orjson
from rich.console import Group
from rich.table import Table
from rich.text import Text

from streams.domain.billing.records import Adjustment
from streams.domain.clause_words import value_text
from streams.domain.commercial import Price
from streams.domain.contract import AMOUNTS, Clause
from streams.domain.facts import rfc3339
from streams.domain.money import amount_text, decimal_text
from streams.domain.time_zone import local_text
from streams.oracle.simulation import Charged, ClausePeriod, Settlement, Simulation

_NOTE = (
    "Billed as `baton invoice` does (BILLING.md): every period is closed as if nothing more had"
    " happened after the log; fixed fees and minimums are those of whole periods."
)


def simulation_json(simulation: Simulation) -> bytes:
    """The simulation as one JSON document; equal simulations give equal bytes.

    Amounts are integer micro-units, shares parts per million, ratios numerator and denominator.
    """
    return orjson.dumps(
        {
            "contract": simulation.contract,
            "currency": simulation.currency,
            "time_zone": simulation.time_zone,
            "log_from": rfc3339(simulation.begin),
            "log_to": rfc3339(simulation.end),
            "clauses": [_clause_json(one) for one in simulation.clauses],
            "settlements": [_settlement_json(one) for one in simulation.settlements],
        },
        option=orjson.OPT_INDENT_2,
    )


def _clause_json(one: ClausePeriod) -> dict[str, object]:
    return {
        "clause": one.clause.id,
        "indicator": one.clause.indicator,
        "contract_version": one.version,
        "period": one.span.name,
        "target_ppm": one.clause.target_ppm,
        "minimum_volume": one.clause.minimum_volume,
        "value": None
        if one.worst is None
        else {
            "key": dict(one.worst.key),
            "numerator": one.worst.numerator,
            "denominator": one.worst.denominator,
            "enough": one.enough,
        },
        "worst_window": None
        if one.window is None
        else {"numerator": one.window[0], "denominator": one.window[1]},
        "breaches_opened": one.opened,
        "breached_ms": one.breached_ms,
        "band": None
        if one.band is None
        else {"beyond_ppm": one.band.beyond_ppm, "share_ppm": one.band.share_ppm},
        "credit_micros": one.credit_micros,
    }


def _settlement_json(one: Settlement) -> dict[str, object]:
    return {
        "period": one.span.name,
        "complete": one.complete,
        "resolutions": [
            {
                "channel": charged.price.channel,
                "journey": charged.price.journey,
                "query_type": charged.price.query_type,
                "price_micros": charged.price.amount_micros,
                "count": charged.count,
                "amount_micros": charged.amount_micros,
                "agent_micros": charged.agent_micros,
            }
            for charged in one.charged
        ],
        "not_billed": dict(one.not_billed),
        "lines": [_line_json(line) for line in one.lines],
        "fixed_fee_micros": one.fixed_fee_micros,
        "fees_micros": one.fees_micros,
        "credits_micros": -one.of("service_credit"),
        "credited_micros": one.credited_micros,
        "earned_back_micros": one.of("earn_back"),
        "net_micros": one.total_micros,
    }


def _line_json(line: Adjustment) -> dict[str, object]:
    return {
        "line": line.kind,
        "clause": line.clause,
        "clause_period": line.clause_period,
        "service_period": line.service_period,
        "correction": line.charge_class is not None,
        "amount_micros": line.amount_micros,
        "base_micros": line.base_micros,
        "quantity": line.quantity,
        "numerator": line.numerator,
        "denominator": line.denominator,
        "key": line.key,
        "formula": line.formula,
    }


def simulation_table(simulation: Simulation) -> Group:
    """The simulation for a terminal; a value that nobody can know is `unknown`."""
    begins, ends = (local_text(t, simulation.time_zone) for t in (simulation.begin, simulation.end))
    parts: list[Table | Text] = [
        Text(f"{simulation.contract}: log from {begins} to {ends} ({simulation.time_zone})"),
        _clauses(simulation),
        _fees(simulation),
        _lines(simulation),
        _totals(simulation),
        Text(_NOTE),
    ]
    return Group(*parts)


def _table(title: str, names: tuple[str, ...], numbers: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for name in names:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def _clauses(simulation: Simulation) -> Table:
    table = _table(
        "Clauses by period",
        ("clause", "period", "key"),
        ("promised", "value", "of n", "worst window", "breaches", "in breach", "credit"),
    )
    for one in simulation.clauses:
        clause = one.clause
        if not _has_content(one, simulation):
            continue
        table.add_row(
            clause.id,
            one.span.name,
            _key(one),
            _promised(clause),
            _value(one),
            str(one.worst.denominator) if one.worst else "-",
            "-" if one.window is None else _share(clause, *one.window),
            str(one.opened),
            _minutes(one.breached_ms),
            amount_text(one.credit_micros, simulation.currency) if one.band else "-",
        )
    return table


def _has_content(one: ClausePeriod, simulation: Simulation) -> bool:
    """Whether there is anything to tell; a log's first milliseconds may touch a period before."""
    alone = sum(other.clause.id == one.clause.id for other in simulation.clauses) == 1
    return alone or one.worst is not None or one.opened > 0 or one.breached_ms > 0


def _key(one: ClausePeriod) -> str:
    if one.worst is None:
        return ", ".join(f"{name}={value}" for name, value in one.clause.where) or "all"
    return ", ".join(f"{name}={value}" for name, value in one.worst.key) or "all"


def _promised(clause: Clause) -> str:
    if clause.indicator == "escalation_wait":
        return "no wait over"
    sign = "<=" if clause.at_most else ">="
    return f"{sign} {value_text(clause.indicator, clause.target_ppm)}"


def _value(one: ClausePeriod) -> str:
    if one.clause.indicator == "escalation_wait":
        return "-"
    if one.worst is None:
        return "unknown"
    told = _share(one.clause, one.worst.numerator, one.worst.denominator)
    return told if one.enough else f"{told} (too few)"


def _share(clause: Clause, numerator: int, denominator: int) -> str:
    if denominator == 0:
        return str(numerator)
    if clause.indicator in AMOUNTS:
        return decimal_text(int(round(Fraction(numerator * clause.scale, denominator), -2)))
    return f"{100 * numerator / denominator:.1f} %"


def _minutes(span_ms: int) -> str:
    return f"{span_ms // 60_000:,} min"


def _fees(simulation: Simulation) -> Table:
    table = _table(
        "Resolutions",
        ("period", "for"),
        ("price", "resolutions", "fee", "client saves", "provider keeps", "agents"),
    )
    for settlement in simulation.settlements:
        for charged in settlement.charged:
            money = _money(simulation.currency)
            saved, kept = _compared(charged)
            table.add_row(
                settlement.span.name,
                _priced(charged.price),
                money(charged.price.amount_micros),
                str(charged.count),
                money(charged.amount_micros),
                "-" if saved is None else money(saved),
                "-" if kept is None else money(kept),
                "-" if charged.price.agent_ppm is None else money(charged.agent_micros),
            )
        for reason, count in settlement.not_billed:
            name = f"not billed: {reason.replace('_', ' ')}"
            table.add_row(settlement.span.name, name, "-", str(count), "-", "-", "-", "-")
    return table


def _compared(charged: Charged) -> tuple[int | None, int | None]:
    """What the client saves and the provider keeps beyond its cost and its agents' share."""
    former, cost = charged.price.client_former_micros, charged.price.provider_micros
    return (
        None if former is None else charged.count * former - charged.amount_micros,
        None
        if cost is None
        else charged.amount_micros - charged.agent_micros - charged.count * cost,
    )


def _lines(simulation: Simulation) -> Table:
    table = _table("Lines", ("period", "line", "clause", "of"), ("value", "amount"))
    for settlement in simulation.settlements:
        for line in settlement.lines:
            name = line.kind.replace("_", " ")
            if line.charge_class is not None:
                name = f"correction of {line.service_period}: {name}"
            value = "-"
            if line.numerator is not None and line.denominator is not None:
                value = f"{line.numerator} / {line.denominator}"
            table.add_row(
                settlement.span.name,
                name,
                line.clause or "-",
                line.clause_period or "-",
                value,
                amount_text(line.amount_micros, simulation.currency),
            )
    return table


def _priced(price: Price) -> str:
    return (
        ", ".join(
            f"{name} {value}"
            for name, value in (
                ("query type", price.query_type),
                ("journey", price.journey),
                ("channel", price.channel),
            )
            if value is not None
        )
        or "any"
    )


def _money(currency: str) -> Callable[[int], str]:
    return lambda micros: amount_text(micros, currency)


def _totals(simulation: Simulation) -> Table:
    table = _table(
        "Settlement",
        ("period",),
        ("fixed fee", "fees", "credits", "credited", "share of fees", "earned back", "to pay"),
    )
    money = _money(simulation.currency)
    for one in simulation.settlements:
        if not (one.charged or one.lines or one.total_micros) and len(simulation.settlements) > 1:
            continue
        share = "-"
        if one.fees_micros > 0:
            share = f"{100 * one.credited_micros / one.fees_micros:.2f} %"
        table.add_row(
            one.span.name if one.complete else f"{one.span.name} (part)",
            money(one.fixed_fee_micros),
            money(one.fees_micros),
            money(-one.of("service_credit")),
            money(one.credited_micros),
            share,
            money(one.of("earn_back")),
            money(one.total_micros),
        )
    return table
