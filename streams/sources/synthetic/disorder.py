"""From what happened to what a log holds: late, twice, out of order, and among unusable records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import orjson

from streams.domain.facts import rfc3339
from streams.domain.wire import RejectionCode
from streams.sources.synthetic.chance import Chance, Quantiles
from streams.sources.synthetic.day import ALLOWED_LATENESS_MS, HOUR_MS, SyntheticDay
from streams.sources.synthetic.journey import Occurrence

DIRT: dict[str, RejectionCode] = {
    "malformed_json": "malformed_json",
    "wrong_encoding": "invalid_encoding",
    "unknown_type": "unknown_type",
    "wrong_enum": "schema_violation",
    "missing_field": "schema_violation",
    "future_time": "future_time",
    "not_a_number": "malformed_json",
    "unknown_contract": "unknown_contract",
    "too_large": "too_large",
}
"""Kinds of planted records and the code each must be rejected with.

`future_time` decodes; its time is refused (DEFINITIONS.md section 1).
"""

_EVENTS_PER_CONTACT = 20
_OVERSIZE_BYTES = 1_000_000
_FUTURE_MS = 400 * 24 * HOUR_MS
# Per mille of the longest delay.
_DELAY = Quantiles((0, 4), (500, 20), (900, 120), (990, 600), (1000, 1000))

_SOURCES = {
    "contact": "/northcall/bot",
    "message": "/northcall/bot",
    "ai": "/northcall/bot",
    "handoff": "/northcall/acd",
    "resolution": "/telco/crm",
    "qa": "/northcall/quality",
    "csat": "/northcall/quality",
    "compliance": "/northcall/quality",
    "config": "/northcall/releases",
    "cost": "/northcall/metering",
    "business": "/telco/crm",
    "governance": "/telco/privacy",
}
_BOT_TYPES = ("handoff.requested", "resolution.claimed")

Arrival = tuple[int, bytes]


@lru_cache(maxsize=1 << 16)
def _second(seconds: int) -> str:
    return rfc3339(seconds * 1000)[:-4]


def stamp(time_ms: int) -> str:
    """As facts.rfc3339, remembering the part down to the second, which neighbours share."""
    seconds, millis = divmod(time_ms, 1000)
    return f"{_second(seconds)}{millis:03d}Z"


def dirt_kinds(day: SyntheticDay) -> list[str]:
    """The kinds of the day's unusable records, one each first; only one is of 1 MB."""
    if not day.dirt_ppm:
        return []
    kinds = list(DIRT)
    wanted = day.interactions * _EVENTS_PER_CONTACT * day.dirt_ppm // 1_000_000
    again = [kind for kind in kinds if kind != "too_large"]
    return kinds + [again[i % len(again)] for i in range(max(0, wanted - len(kinds)))]


class Transport:
    """Gives events ids, turns them into lines and decides when each arrives."""

    def __init__(self, day: SyntheticDay) -> None:
        self._day = day
        self._chance = Chance(day.seed, 3)
        self._longest = day.disorder_seconds * 1000
        self._planted = 0

    def deliver(
        self, name: str, events: Iterable[Occurrence], dirt: Iterable[str] = ()
    ) -> Iterator[Arrival]:
        """(arrival in ms, line) of every record of these events, in no order; ids are `{name}-{n}`.

        `dirt` are kinds of unusable records to write beside them.
        """
        chance, day = self._chance, self._day
        spoilt = iter(dirt)
        ordered = sorted(events, key=lambda event: event[0])
        for number, (time, kind, data) in enumerate(ordered, start=1):
            document = _document(f"{name}-{number}", kind, time, name, data)
            body = orjson.dumps(document)
            arrival = time + chance.value(_DELAY) * self._longest // 1000
            if chance.hit(day.late_ppm):
                arrival = time + ALLOWED_LATENESS_MS + chance.between(90_000, 1_200_000)
            yield arrival, _recorded(body, arrival)
            if chance.hit(day.duplicate_ppm):
                again = arrival + self._second_delay()
                yield again, _recorded(body, again)
            ruin = next(spoilt, None)
            if ruin is not None:
                self._planted += 1
                document["id"] = f"dirt-{self._planted}"
                yield arrival + 40, _recorded(_spoil(ruin, document, time), arrival + 40, ruin)

    def _second_delay(self) -> int:
        """How long after the first a duplicate arrives: nine in ten within the lateness."""
        if self._chance.hit(900_000):
            return self._chance.between(50, max(50, ALLOWED_LATENESS_MS - self._longest - 2_000))
        return self._chance.between(ALLOWED_LATENESS_MS, 4 * ALLOWED_LATENESS_MS)


def _document(id_: str, kind: str, time: int, subject: str, data: dict[str, Any]) -> dict[str, Any]:
    source = "/northcall/bot" if kind in _BOT_TYPES else _SOURCES[kind.partition(".")[0]]
    return {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "type": f"baton.{kind}",
        "time": stamp(time),
        "subject": subject,
        "data": data,
    }


def _recorded(body: bytes, arrival: int, ruin: str = "") -> bytes:
    line = b'%b,"recordedtime":"%b"}' % (body[:-1], stamp(arrival).encode())
    return line[:-30] if ruin == "malformed_json" else line


def _spoil(kind: str, document: dict[str, Any], time: int) -> bytes:
    data = dict(document["data"])
    spoilt = {**document, "data": data}
    if kind == "unknown_type":
        spoilt["type"] = "baton.contact.teleported"
    elif kind == "wrong_enum":
        data["channel"] = "telepathy"
    elif kind == "missing_field":
        del data["conversation_id"]
    elif kind == "future_time":
        spoilt["time"] = stamp(time + _FUTURE_MS)
    elif kind == "unknown_contract":
        data["contract"] = "telco-1999"
    elif kind == "too_large":
        data["padding"] = "x" * _OVERSIZE_BYTES
    elif kind == "not_a_number":
        spoilt["type"] = "baton.cost.recorded"
        spoilt["data"] = {**data, "component": "llm", "currency": "SGD", "amount_micros": None}
        return orjson.dumps(spoilt).replace(b'"amount_micros":null', b'"amount_micros":NaN')
    body = orjson.dumps(spoilt)
    if kind == "wrong_encoding":
        return body.replace(b'"supplier":"', b'"supplier":"\xff', 1)
    return body
