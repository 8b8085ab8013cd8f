"""The two formats: one line as OpenMeter's and as Lago's event. Sources: deploy/metering/README.md.

No amount is ever a JSON number, which readers take for a binary float: micro-units as integer text
and the currency's unit as decimal text, both exact at any size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import orjson

from streams.domain.facts import SOURCE, rfc3339
from streams.domain.money import MICROS, minor_digits
from streams.export.metering.lines import Line, LineError

# What an OpenMeter meter selects events by, and a Lago billable metric is called.
EVENT_TYPE = "baton.billing.amount"
METRIC_CODE = "baton_billing_amount"
SystemName = Literal["openmeter", "lago"]


class Refusal(NamedTuple):
    """What a system said against a batch: places in it that it has already, and that it refuses
    with a reason. Both empty: it does not say which.
    """

    known: frozenset[int] = frozenset()
    wrong: Mapping[int, str] = {}


class System(Protocol):
    """How one metering system takes events over HTTP."""

    name: SystemName
    content_type: str
    most_at_once: int
    limit_micros: int

    def event(self, line: Line, account: str) -> dict[str, Any]:
        """The line as an event of the subject or subscription `account`. Raises LineError where the
        system could not hold its amount.
        """
        ...

    def body(self, events: Sequence[Mapping[str, Any]]) -> bytes:
        """A request of these events."""
        ...

    def took(self, status: int, body: bytes, size: int) -> bool:
        """Whether this is how it says that it has taken a batch of so many events. Any other
        success is somebody else's.
        """
        ...

    def refusal(self, body: bytes) -> Refusal:
        """What a body that came with a status 4xx says."""
        ...


class OpenMeter:
    """CloudEvents in a batch; the same `source` and `id` within 32 days are taken once."""

    name: SystemName = "openmeter"
    content_type = "application/cloudevents-batch+json"
    most_at_once = 100
    # Decimal128 with 19 decimals: what is larger would be null in its sums.
    limit_micros = 10**19

    def event(self, line: Line, account: str) -> dict[str, Any]:
        """No attribute beyond CloudEvents' own: version 3 of its API refuses extensions."""
        _check(line, self.limit_micros, "OpenMeter")
        return {
            "specversion": "1.0",
            "id": line.id,
            "source": SOURCE,
            "type": EVENT_TYPE,
            "subject": account,
            "time": rfc3339(line.time),
            "datacontenttype": "application/json",
            "data": {"amount_micros": str(line.amount_micros), **_properties(line)},
        }

    def body(self, events: Sequence[Mapping[str, Any]]) -> bytes:
        """A JSON array."""
        return orjson.dumps(list(events))

    def took(self, status: int, body: bytes, size: int) -> bool:
        """204 of version 1 of its API, 202 of version 3."""
        return status in (202, 204)

    def refusal(self, body: bytes) -> Refusal:
        """It tells of the request as a whole."""
        return Refusal()


class Lago:
    """At most 100 events in a batch, of which it takes all or none; a `transaction_id` that it has
    is an error there (with ClickHouse: overwritten by the same `transaction_id` and `timestamp`).
    """

    name: SystemName = "lago"
    content_type = "application/json"
    most_at_once = 100
    # Decimal(38, 26) of the currency's unit: what is larger would be 0 in its sums.
    limit_micros = 10**12 * MICROS

    def event(self, line: Line, account: str) -> dict[str, Any]:
        """Flat properties; the amount in the currency's smallest unit too, for dynamic charges."""
        _check(line, self.limit_micros, "Lago")
        seconds, millis = divmod(line.time, 1000)
        cents = line.amount_micros * 10 ** minor_digits(line.currency)
        return {
            "transaction_id": line.id,
            "external_subscription_id": account,
            "code": METRIC_CODE,
            "timestamp": f"{seconds}.{millis:03d}",
            "precise_total_amount_cents": plain_decimal(cents),
            "properties": _properties(line),
        }

    def body(self, events: Sequence[Mapping[str, Any]]) -> bytes:
        """An object with the list."""
        return orjson.dumps({"events": list(events)})

    def took(self, status: int, body: bytes, size: int) -> bool:
        """200 with the events."""
        try:
            return status == 200 and len(orjson.loads(body)["events"]) == size
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return False

    def refusal(self, body: bytes) -> Refusal:
        """`error_details` has a field's errors by the event's place in the batch."""
        try:
            details = orjson.loads(body)["error_details"]
            known, wrong = set(), {}
            for place, errors in details.items():
                if errors == {"transaction_id": ["value_already_exist"]}:
                    known.add(int(place))
                else:
                    wrong[int(place)] = orjson.dumps(errors).decode()
            return Refusal(frozenset(known), wrong)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
            return Refusal()


SYSTEMS: Mapping[SystemName, System] = {"openmeter": OpenMeter(), "lago": Lago()}


def plain_decimal(micros: int) -> str:
    """Millionths as plain decimal text, exact and at its shortest: `-0.99`, `1250`."""
    whole, rest = divmod(abs(micros), MICROS)
    decimals = f".{rest:06d}".rstrip("0").rstrip(".") if rest else ""
    return f"{'-' if micros < 0 else ''}{whole}{decimals}"


def _properties(line: Line) -> dict[str, str]:
    return {
        "amount": plain_decimal(line.amount_micros),
        "currency": line.currency,
        "quantity": str(line.quantity),
        "kind": line.kind,
        "contract": line.contract,
        **line.about,
    }


def _check(line: Line, limit: int, name: str) -> None:
    if abs(line.amount_micros) >= limit:
        raise LineError(f"has an amount of more digits than {name} keeps")
