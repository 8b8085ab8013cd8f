"""A statement put together from the records of both billing topics, and what is wrong with them.
BILLING.md section 8. Amounts in micro-units.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from streams.domain.billing.chain import Chain
from streams.domain.billing.statement import Statement, problems_of, unreadable

_SEAL = "baton.billing.period_closed"
_ITEM_TYPES = {
    f"baton.billing.{status}": status for status in ("provisional", "final", "void", "reversal")
}


class Gathered(NamedTuple):
    """A statement and everything that keeps it from being what was booked and sealed, each naming
    the record and where it stands; `periods` are those that the topics have of the contract.
    """

    statement: Statement | None
    problems: list[str]
    periods: list[str]


def gathered(contract: str, period: str, records: Iterable[tuple[str, bytes]]) -> Gathered:
    """The statement of one period from (where it stands, value) of records, each topic's in order.

    A record that comes again byte for byte is one: it was written at least once.
    """
    by_sequence: dict[int, tuple[str, bytes]] = {}
    problems: list[str] = []
    periods: set[str] = set()
    seals: dict[bytes, str] = {}
    currency = ""
    for where, raw in records:
        event = _read(raw)
        if event is None:
            problems.append(f"{where}: is no CloudEvent with data")
            continue
        data = event["data"]
        if data.get("contract") != contract:
            continue
        periods.add(str(data.get("period")))
        if data.get("period") != period:
            continue
        name = f"{where} ({event.get('id', 'without id')})"
        problems += [f"{name}: {wrong}" for wrong in _unfit(event, data, raw)]
        currency = str(data.get("currency"))
        if event.get("type") == _SEAL:
            seals[raw] = name
            continue
        sequence, wrong = data.get("sequence"), unreadable(event)
        if wrong is not None:
            problems.append(f"{name}: {wrong}; it is left out")
        elif not isinstance(sequence, int):
            problems.append(f"{name}: has no sequence")
        elif sequence not in by_sequence:
            by_sequence[sequence] = (name, raw)
        elif by_sequence[sequence][1] != raw:
            first = by_sequence[sequence][0]
            problems.append(f"{name}: has sequence {sequence}, as {first} has")
    if not by_sequence and not seals:
        return Gathered(None, problems, sorted(periods))
    last = max(by_sequence, default=0)
    missing = [number for number in range(1, last + 1) if number not in by_sequence]
    problems += [f"record {number}: is missing" for number in missing[:20]]
    if len(missing) > 20:
        problems.append(f"{len(missing) - 20} more records are missing")
    if len(seals) > 1:
        problems.append(f"the period is sealed {len(seals)} times: {', '.join(seals.values())}")
    ordered = [by_sequence[number][1] for number in sorted(by_sequence)]
    chain = Chain(contract, period)
    digests = tuple(chain.append_bytes(raw) for raw in ordered)
    seal = next(iter(seals), None)
    statement = Statement(contract, period, currency, tuple(ordered), digests, seal)
    # With a record missing every later sequence is off: that has been said.
    if not missing:
        problems += [one for one in problems_of(statement) if one not in problems]
    return Gathered(statement, problems, sorted(periods))


def _read(raw: bytes) -> dict[str, Any] | None:
    try:
        event = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    held = isinstance(event, dict) and isinstance(event.get("data"), dict)
    return event if held else None


def _unfit(event: dict[str, Any], data: dict[str, Any], raw: bytes) -> Iterable[str]:
    if orjson.dumps(event) != raw:
        yield "its bytes are not canonical"
    parts = _identity(event, data)
    if parts is None:
        yield f"is of no known type: {event.get('type')}"
        return
    if event.get("id") != hashlib.sha256(orjson.dumps(parts)).hexdigest()[:32]:
        yield "its id is not that of what it says"
    status = _ITEM_TYPES.get(str(event.get("type")))
    if status is not None and data.get("amount_micros") != _amount(status, data):
        yield "its amount is not that of its price and status"


def _identity(event: dict[str, Any], data: dict[str, Any]) -> list[Any] | None:
    """What a record's id is made of; None for a type that no statement has."""
    kind = str(event.get("type"))
    if kind in _ITEM_TYPES:
        names = ("contract", "contract_version", "conversation_id", "life", "episode", "charge")
        return [*map(data.get, names), _ITEM_TYPES[kind], data.get("revision")]
    if kind == _SEAL:
        return [data.get("contract"), "period_closed", data.get("period")]
    if not kind.startswith("baton.billing."):
        return None
    line = kind.removeprefix("baton.billing.")
    return [
        data.get("contract"),
        line,
        data.get("clause") or "",
        data.get("clause_period") or "",
        data.get("service_period"),
        data.get("period") if line == "rounding" else "",
        data.get("revision"),
    ]


def _amount(status: str, data: dict[str, Any]) -> Any:
    if status in ("provisional", "void"):
        return 0
    agreed, agent = data.get("agreed_micros"), data.get("agent_micros")
    if not isinstance(agreed, int) or not isinstance(agent, int):
        return None
    amount = agent if data.get("charge") == "agent_share" else agreed - agent
    return amount if status == "final" else -amount
