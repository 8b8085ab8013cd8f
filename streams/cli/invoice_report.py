"""A statement as a table, CSV or a page: exact decimals; equal statements give equal bytes."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from html import escape
from typing import Any

import orjson
from rich.table import Table

from streams.domain.billing.statement import Statement
from streams.domain.money import amount_text, decimal_text

COLUMNS = (
    "sequence", "type", "id", "time", "booked_at", "period", "service_period", "charge_class",
    "contract_version", "conversation_id", "life", "episode", "charge", "revision", "channel",
    "market", "journey", "supplier", "query_type", "resolved_by", "evidence", "quantity",
    "amount_micros", "estimate_micros", "currency", "agreed_micros", "client_former_micros",
    "provider_micros", "agent_micros", "reason", "reverses_id", "evidence_id", "clause",
    "clause_period", "base_micros", "numerator", "denominator", "samples", "threshold_ppm",
    "band_ppm", "weight_ppm", "at_risk_ppm", "key", "formula",
)  # fmt: skip
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def statement_csv(statement: Statement) -> bytes:
    """One row a record, in sequence."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in statement.entries:
        writer.writerow([_cell(entry.get(name)) for name in COLUMNS])
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    # What a spreadsheet would take for a formula came from a supplier's system.
    risky = isinstance(value, str) and value.startswith(_FORMULA_STARTS)
    return f"'{value}" if risky else str(value)


def unguarded(cell: str) -> str:
    """What statement_csv wrote the cell for."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA_STARTS) else cell


def rows_of(statement: Statement) -> list[tuple[str, int, int]]:
    """The statement in short: (what, how many, amount in micro-units), sorted, zero amounts too."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for entry in statement.entries:
        status = str(entry["type"]).removeprefix("baton.billing.")
        if status in ("provisional", "void"):
            what = f"not billed: {entry['reason']}" if status == "void" else "claims announced"
        elif status in ("final", "reversal"):
            what = f"{entry['resolved_by']}, {entry['channel']}, {entry['journey']}"
            what = f"{entry['charge'].replace('_', ' ')}: {what}"
            what = f"reversed {what}" if status == "reversal" else what
        else:
            what = status.replace("_", " ")
            what += f": {entry['clause']} {entry['clause_period']}" if entry["clause"] else ""
        if entry["charge_class"]:
            what = f"correction of {entry['service_period']}: {what}"
        counts[what][0] += 1
        counts[what][1] += entry["amount_micros"]
    return [(what, number, amount) for what, (number, amount) in sorted(counts.items())]


def comparison_of(statement: Statement) -> list[tuple[str, int]]:
    """The three prices over what is billed, and what lies between them: (words, micro-units), with
    how many have none; those are in no sum but that of the agreed prices.
    """
    agreed = former_sum = cost_sum = 0
    saving = margin = share = unknown_former = unknown_cost = 0
    for entry in statement.entries:
        if entry["type"] not in ("baton.billing.final", "baton.billing.reversal"):
            continue
        sign = 1 if entry["type"] == "baton.billing.final" else -1
        if entry["charge"] != "resolution":
            continue
        former, cost = entry["client_former_micros"], entry["provider_micros"]
        agreed += sign * entry["agreed_micros"]
        share += sign * entry["agent_micros"]
        if former is None:
            unknown_former += sign
        else:
            former_sum += sign * former
            saving += sign * (former - entry["agreed_micros"])
        if cost is None:
            unknown_cost += sign
        else:
            cost_sum += sign * cost
            margin += sign * (entry["agreed_micros"] - entry["agent_micros"] - cost)
    return [
        ("agreed prices", agreed),
        (f"client's former cost ({unknown_former} without)", former_sum),
        (f"provider's cost ({unknown_cost} without)", cost_sum),
        (f"client's saving ({unknown_former} without a former cost)", saving),
        (f"provider's margin ({unknown_cost} without a cost)", margin),
        ("human agents' share", share),
    ]


def total_of(statement: Statement) -> int:
    """What is to be paid, in micro-units."""
    return sum(entry["amount_micros"] for entry in statement.entries)


def _state(statement: Statement) -> str:
    """Whether it is closed, and by whom that is signed."""
    if statement.seal is None:
        return "open: more may be booked, and its close will add to it"
    said = orjson.loads(statement.seal)
    key = said.get("data", {}).get("key_id")
    signed = f"signed with key {key}" if key else "unsigned"
    return f"closed at {said.get('time')}, {signed}"


def _due(statement: Statement) -> str:
    return "booked so far" if statement.seal is None else "to be paid"


def statement_table(statement: Statement) -> Table:
    """The statement in short, for a terminal."""
    state = "open" if statement.seal is None else "closed"
    table = Table(title=f"{statement.contract}, {statement.period} ({state})")
    table.add_column("what")
    table.add_column("records", justify="right")
    table.add_column(statement.currency, justify="right")
    for what, number, amount in rows_of(statement):
        table.add_row(what, f"{number:,}", decimal_text(amount, 2))
    table.add_section()
    total = decimal_text(total_of(statement), 2)
    table.add_row(_due(statement), f"{len(statement.records):,}", total)
    table.add_section()
    for words, amount in comparison_of(statement):
        table.add_row(words, "", decimal_text(amount, 2))
    head = f"\nhead of the chain: {statement.digests[-1]}" if statement.digests else ""
    table.caption = f"{_state(statement)}{head}"
    return table


def statement_html(statement: Statement) -> bytes:
    """The statement as one page that needs nothing else."""
    title = escape(f"{statement.contract}, {statement.period}")
    total = escape(amount_text(total_of(statement), statement.currency))
    short = "".join(
        f"<tr><td>{escape(what)}</td><td>{number}</td>"
        f"<td>{escape(decimal_text(amount, 2))}</td></tr>"
        for what, number, amount in rows_of(statement)
    )
    compared = "".join(
        f"<tr><td>{escape(words)}</td><td>{escape(decimal_text(amount, 2))}</td></tr>"
        for words, amount in comparison_of(statement)
    )
    head = escape(statement.digests[-1] if statement.digests else "")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        "<style>body{font:16px sans-serif;max-width:60rem;margin:2rem auto}"
        "td,th{padding:.2rem .6rem;text-align:left}td:nth-child(n+2){text-align:right}</style>"
        f"</head><body><h1>{title}</h1><p>{_due(statement).capitalize()}:"
        f" <strong>{total}</strong>; {escape(_state(statement))}</p>"
        "<table><thead><tr><th>What</th><th>Records</th>"
        f"<th>{escape(statement.currency)}</th></tr></thead>"
        f"<tbody>{short}</tbody></table><h2>Prices</h2><table><tbody>{compared}</tbody></table>"
        f"<p>Head of the chain: <code>{head}</code></p>"
        "</body></html>\n"
    ).encode()
