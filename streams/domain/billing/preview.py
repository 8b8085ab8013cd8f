"""What an open period would come to if it closed now: as it is computed, published and read back.
BILLING.md 7.9. The batch computation shares this record and its bytes.
"""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from streams.domain.billing.records import Adjustment, adjustment_data, cloud_event, digest
from streams.domain.billing.statement import Statement
from streams.domain.facts import rfc3339

PREVIEW = "baton.billing.preview"
# What a line says only when it is booked, or what the preview says of all of them.
_OF_THE_BOOKING = frozenset(("contract", "period", "sequence", "booked_at", "currency"))


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a period would come to if it, and those before it, closed at `at` (ms): `total_micros`,
    of which `booked_micros` are booked, in `records` items whose chain ends in `head`; `lines` are
    what its close would book. `at_risk_micros` are what its credits would take, by clause, before
    the cap: 0 where the clause is kept.
    """

    contract: str
    period: str
    at: int
    currency: str
    records: int
    head: str
    booked_micros: int
    total_micros: int
    at_risk_micros: dict[str, int]
    lines: tuple[Adjustment, ...]

    @property
    def id(self) -> str:
        """Deterministic: one a contract, period and moment."""
        return digest([self.contract, "preview", self.period, self.at])


def encode_preview(preview: Preview) -> bytes:
    """The preview as a structured CloudEvent; equal previews give equal bytes."""
    return cloud_event(
        preview.id,
        PREVIEW,
        preview.at,
        preview.contract,
        {
            "contract": preview.contract,
            "period": preview.period,
            "currency": preview.currency,
            "records": preview.records,
            "head": preview.head,
            "booked_micros": preview.booked_micros,
            "total_micros": preview.total_micros,
            "at_risk_micros": dict(sorted(preview.at_risk_micros.items())),
            "lines": [_line(line) for line in preview.lines],
        },
    )


def _line(line: Adjustment) -> dict[str, Any]:
    told = adjustment_data(line)
    kept = {name: value for name, value in told.items() if name not in _OF_THE_BOOKING}
    return {"kind": line.kind, "time": rfc3339(line.time), **kept}


class PublishedPreview(msgspec.Struct, frozen=True):
    """A preview as it is read: when, `data` as published, and its bytes."""

    time: str
    data: dict[str, Any]
    raw: bytes


def read_preview(raw: bytes, contract: str, period: str) -> PublishedPreview:
    """Raises ValueError saying why it is no preview of that period."""
    try:
        event = orjson.loads(raw)
        data = event["data"]
        if event["type"] != PREVIEW or (data["contract"], data["period"]) != (contract, period):
            raise ValueError(f"is no preview of {contract}, {period}")
        amounts = [data["booked_micros"], data["total_micros"], data["records"]]
        lines = [(line["kind"], line["amount_micros"]) for line in data["lines"]]
        if not all(isinstance(one, int) for one in (*amounts, *(micros for _, micros in lines))):
            raise ValueError("has amounts that are no integers")
        return PublishedPreview(str(event["time"]), data, raw)
    except (KeyError, TypeError, orjson.JSONDecodeError) as error:
        raise ValueError(f"is no preview: {error}") from None


def problems_of_preview(preview: PublishedPreview, statement: Statement) -> list[str]:
    """Everything in which a preview does not fit the items that it says it is made of, and its own
    sums; empty where it does. `statement` is that of the same period, as far as it is known.
    """
    data, found = preview.data, []
    records = data["records"]
    if records > len(statement.records):
        found.append(f"it is of {records} items, of which {len(statement.records)} are there")
    elif records and statement.digests[records - 1] != data["head"]:
        found.append(f"its {records} items are not those of the statement: their chain differs")
    else:
        booked = sum(entry["amount_micros"] for entry in statement.entries[:records])
        if booked != data["booked_micros"]:
            found.append(f"it says {data['booked_micros']} micro-units are booked, {booked} are")
    total = data["booked_micros"] + sum(line["amount_micros"] for line in data["lines"])
    if total != data["total_micros"]:
        found.append(f"its total is {data['total_micros']}, its lines come to {total}")
    return found
