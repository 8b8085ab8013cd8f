"""A vendor's file: what an honest one claims of a statement, twelve ways to be wrong, odd CSV."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from streams.domain.money import MICROS

Row = dict[str, str]
Place = tuple[str, str, int]


class Planted(NamedTuple):
    """A wrong row, or one that is not there: which kind it is to be found as."""

    kind: str
    conversation: str


def records_of(statement: Path) -> list[dict[str, Any]]:
    """The items of a statement in JSON, each with its type."""
    told = json.loads(statement.read_bytes())["records"]
    return [
        {"type": one["type"].removeprefix("baton.billing."), **one["data"]}
        for one in told
        if "conversation_id" in one["data"]
    ]


def honest_rows(statement: Path) -> list[Row]:
    """Every resolution that is billed net, with all that a claim can say of it."""
    net: Counter[Place] = Counter()
    about: dict[Place, dict[str, Any]] = {}
    for one in records_of(statement):
        if one["type"] in ("final", "reversal"):
            place = (one["conversation_id"], one["life"], one["episode"])
            net[place] += one["amount_micros"]
            about[place] = one
    return [
        {
            "conversation": place[0],
            "life": place[1],
            "episode": str(place[2]),
            "amount": f"{amount // MICROS}.{amount % MICROS:06d}",
            "currency": about[place]["currency"],
            "version": str(about[place]["contract_version"]),
            **{
                name: about[place][name] or ""
                for name in ("channel", "journey", "query_type", "resolved_by")
            },
        }
        for place, amount in net.items()
        if amount
    ]


def wronged(statement: Path, rows: list[Row]) -> list[Planted]:
    """Make twelve of the rows wrong, each in another way, all kinds among them."""
    planted: list[Planted] = []
    statuses: dict[Place, list[str]] = defaultdict(list)
    for one in records_of(statement):
        statuses[one["conversation_id"], one["life"], one["episode"]].append(one["type"])

    def also(kind: str, row: Row) -> None:
        planted.append(Planted(kind, row["conversation"]))

    asked = max(range(21, len(rows)), key=lambda number: bool(rows[number]["query_type"]))
    for number, (name, value) in enumerate(
        (("version", "77"), ("channel", "fax"), ("journey", "other"), ("resolved_by", "nobody"))
    ):
        rows[number][name] = value
        also("wrong_terms", rows[number])
    rows[asked]["query_type"] = "something-else"
    also("wrong_terms", rows[asked])
    # One micro-unit more, and in another money.
    whole, _, micros = rows[4]["amount"].partition(".")
    rows[4]["amount"] = f"{whole}.{int(micros) + 1:06d}"
    also("wrong_amount", rows[4])
    rows[5]["currency"] = "XOF"
    also("wrong_currency", rows[5])
    rows.append(dict(rows[6]))
    also("duplicate", rows[6])
    # One that was never billed and, where there is one, one that was reversed.
    unbilled = [p for last in ("reversal", "void") for p, t in statuses.items() if t[-1] == last]
    for place in (unbilled[0], unbilled[-1]):
        named = {"conversation": place[0], "life": place[1], "episode": str(place[2])}
        rows.append({**rows[7], **named})
        also("not_billable", rows[-1])
    rows.append({**rows[8], "conversation": "nobody-ever"})
    also("unknown", rows[-1])
    also("missing", rows.pop(9))
    assert len(planted) == 12
    return planted


def in_csv(rows: list[Row], *, reverse_columns: bool = False, **form: Any) -> str:
    """The rows as CSV, in a dialect of the csv module."""
    names = list(rows[0])
    text = io.StringIO()
    writer = csv.DictWriter(text, names[::-1] if reverse_columns else names, **form)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
