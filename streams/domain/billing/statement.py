"""A period's records as they are read back, and whether they are what was booked and sealed.
BILLING.md section 8. Amounts in micro-units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from streams.domain.billing.chain import Chain
from streams.domain.billing.records import Booked, Seal, encode_booked, encode_seal

_Kinds = type | tuple[type, ...]
_TEXT_OR_NONE: _Kinds = (str, type(None))
_NUMBER_OR_NONE: _Kinds = (int, type(None))
_PARTS: dict[str, _Kinds] = {
    "contract": str, "period": str, "currency": str, "records": list, "digests": list,
    "seal": (dict, type(None)),
}  # fmt: skip
_ITEMS = frozenset(f"baton.billing.{one}" for one in ("provisional", "final", "void", "reversal"))
# What is summed, compared or shown of them.
_OF_ALL: dict[str, _Kinds] = {
    "id": str, "type": str, "time": str, "contract_version": int, "service_period": str,
    "charge_class": _TEXT_OR_NONE, "amount_micros": int, "currency": str,
}  # fmt: skip
_OF_ITEMS: dict[str, _Kinds] = {
    "conversation_id": str, "life": str, "episode": int, "charge": str, "channel": str,
    "journey": str, "query_type": _TEXT_OR_NONE, "resolved_by": str, "agreed_micros": int,
    "agent_micros": int, "client_former_micros": _NUMBER_OR_NONE,
    "provider_micros": _NUMBER_OR_NONE, "reason": _TEXT_OR_NONE,
}  # fmt: skip
_OF_ADJUSTMENTS: dict[str, _Kinds] = {"clause": _TEXT_OR_NONE, "clause_period": _TEXT_OR_NONE}


@dataclass(frozen=True, slots=True)
class Statement:
    """One period of one contract: canonical records in sequence, their digests h1 to hn, and the
    seal, None while the period is not closed.
    """

    contract: str
    period: str
    currency: str
    records: tuple[bytes, ...]
    digests: tuple[str, ...]
    seal: bytes | None

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The records as they are read: id, type, time and what `data` says."""
        return [_entry(record) for record in self.records]


def statement_of(
    contract: str, period: str, currency: str, booked: Iterable[Booked | Seal]
) -> Statement:
    """The statement of one period from what was booked, in the order of its booking."""
    chain = Chain(contract, period)
    records: list[bytes] = []
    digests: list[str] = []
    seal = None
    for one in booked:
        if one.period != period:
            continue
        if isinstance(one, Seal):
            seal = encode_seal(one)
            continue
        records.append(encode_booked(one))
        digests.append(chain.append_bytes(records[-1]))
    return Statement(contract, period, currency, tuple(records), tuple(digests), seal)


def statement_json(statement: Statement) -> bytes:
    """The statement as the other party keeps it; equal statements give equal bytes."""
    return orjson.dumps(
        {
            "contract": statement.contract,
            "period": statement.period,
            "currency": statement.currency,
            "status": "open" if statement.seal is None else "closed",
            "seal": None if statement.seal is None else orjson.loads(statement.seal),
            "digests": list(statement.digests),
            "records": [orjson.loads(record) for record in statement.records],
        },
        option=orjson.OPT_INDENT_2,
    )


def read_statement(raw: bytes) -> Statement:
    """The inverse of statement_json. Raises ValueError saying what is not there, and where."""
    try:
        told = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"is no JSON: {error}") from None
    no_statement = "is no statement of `baton invoice --format json`"
    if not isinstance(told, dict):
        raise ValueError(no_statement)
    for name, kind in _PARTS.items():
        if name not in told or not isinstance(told[name], kind):
            raise ValueError(f"{no_statement}: {name} is missing, or is something else")
    for number, record in enumerate(told["records"], start=1):
        wrong = unreadable(record)
        if wrong is not None:
            raise ValueError(f"{no_statement}: record {number}: {wrong}")
    seal = told["seal"]
    return Statement(
        contract=told["contract"],
        period=told["period"],
        currency=told["currency"],
        records=tuple(orjson.dumps(one) for one in told["records"]),
        digests=tuple(told["digests"]),
        seal=None if seal is None else orjson.dumps(seal),
    )


def unreadable(record: Any) -> str | None:
    """Why a record is none that a statement could have, whatever it says; None where it could."""
    if not isinstance(record, dict) or not isinstance(record.get("data"), dict):
        return "is no event with data"
    said = {**record["data"], **{name: record.get(name) for name in ("id", "type", "time")}}
    item = said["type"] in _ITEMS
    for name, kind in (_OF_ALL | _OF_ITEMS if item else _OF_ALL | _OF_ADJUSTMENTS).items():
        if name not in said or not isinstance(said[name], kind) or isinstance(said[name], bool):
            return f"{name} is missing, or is something else"
    return None


def problems_of(statement: Statement) -> list[str]:
    """Everything that keeps a statement from being what was booked and sealed, naming the record;
    empty where it is sound. Signatures: signing.py.
    """
    found: list[str] = []
    chain = Chain(statement.contract, statement.period)
    finals: dict[str, int] = {}
    reversed_ids: set[str] = set()
    total = 0
    broken = False
    for number, record in enumerate(statement.records, start=1):
        entry = _entry(record)
        name = f"record {number} ({entry.get('id', 'without id')})"
        head = chain.append_bytes(record)
        kept = statement.digests[number - 1] if number <= len(statement.digests) else None
        # After the first changed record every digest differs, and says no more.
        if not broken and kept != head:
            found.append(f"{name}: is not the record that was chained; its digest differs")
            broken = True
        if entry.get("sequence") != number:
            found.append(f"{name}: has sequence {entry.get('sequence')}")
        if (entry.get("contract"), entry.get("period")) != (statement.contract, statement.period):
            found.append(f"{name}: is of another contract or period")
        amount = entry.get("amount_micros")
        total += amount if isinstance(amount, int) else 0
        found += [f"{name}: {text}" for text in _reversal(entry, finals, reversed_ids)]
    if len(statement.digests) != len(statement.records):
        found.append(f"{len(statement.records)} records under {len(statement.digests)} digests")
    if statement.seal is not None:
        seal = _entry(statement.seal)
        for field, computed in (
            ("records", len(statement.records)),
            ("total_micros", total),
            ("head", chain.head),
        ):
            if seal.get(field) != computed:
                found.append(f"the seal says {field} {seal.get(field)}, the records {computed}")
    return found


def _reversal(
    entry: Mapping[str, Any], finals: dict[str, int], reversed_ids: set[str]
) -> Iterable[str]:
    original, amount = entry.get("reverses_id"), entry.get("amount_micros", 0)
    if entry.get("type") == "baton.billing.final":
        finals[entry["id"]] = amount
    if original is None:
        return
    if original in reversed_ids:
        yield f"reverses {original} a second time"
    reversed_ids.add(original)
    if original in finals and finals[original] != -amount:
        yield f"reverses {original} with another amount"


def differing(ours: Statement, theirs: Statement) -> list[str]:
    """Ids of the records of `theirs` that are not ours, and of ours that are not there."""
    here = {_entry(record)["id"]: record for record in ours.records}
    there = {_entry(record)["id"]: record for record in theirs.records}
    changed: Sequence[str] = [name for name, record in there.items() if here.get(name) != record]
    return [*changed, *(name for name in here if name not in there)]


def _entry(record: bytes) -> dict[str, Any]:
    event = orjson.loads(record)
    data = event.get("data")
    about = {name: event.get(name) for name in ("id", "type", "time")}
    return {**about, **(data if isinstance(data, dict) else {})}
