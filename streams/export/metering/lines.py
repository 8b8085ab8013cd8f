"""The billing topics' records as lines that a metering system can add up.

A line is what one record moves: an amount, and how many resolutions it bills. Announcements, what
is not billed, and seals move nothing and are none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from streams.domain.billing.periods import BillingCalendar
from streams.domain.billing.records import CORRECTION, ItemStatus, LineKind
from streams.domain.calendar_period import period_named
from streams.domain.contract import ContractBook
from streams.domain.events import EARLIEST, LATEST, Instant, epoch_ms

_TYPE = "baton.billing."
MOVES_NOTHING: frozenset[str] = frozenset(("provisional", "void", "period_closed"))
KINDS: tuple[str, ...] = (
    *(status for status in get_args(ItemStatus) if status not in MOVES_NOTHING),
    *get_args(LineKind),
)
# What else is told of a line, where it has it. No conversation: `id` finds it on the topic.
ABOUT: tuple[str, ...] = (
    "charge", "channel", "market", "journey", "supplier", "query_type", "resolved_by", "evidence",
    "clause", "clause_period", "reason", "reverses_id",
)  # fmt: skip
_OTHER = "other"


class LineError(ValueError):
    """A record that cannot be exported; the message says why, and nothing of what is in it."""


class Line(msgspec.Struct, frozen=True):
    """One line. `time` (ms since 1970 UTC) lies in its billing period, [start, end); `id` is the
    record's; `quantity` counts resolutions billed, -1 for one taken back.
    """

    id: str
    kind: str
    contract: str
    time: int
    amount_micros: int
    currency: str
    quantity: int
    about: Mapping[str, str]


class _Data(msgspec.Struct):
    contract: str
    contract_version: int
    period: str
    service_period: str
    booked_at: Instant
    amount_micros: int
    currency: str
    charge_class: str | None = None
    quantity: int | None = None
    charge: str | None = None
    channel: str | None = None
    market: str | None = None
    journey: str | None = None
    supplier: str | None = None
    query_type: str | None = None
    resolved_by: str | None = None
    evidence: str | None = None
    clause: str | None = None
    clause_period: str | None = None
    reason: str | None = None
    reverses_id: str | None = None


class _Of(msgspec.Struct):
    contract: str


class _Event(msgspec.Struct):
    id: str
    type: str
    time: Instant
    data: msgspec.Raw


_EVENT = msgspec.json.Decoder(_Event)
_DATA = msgspec.json.Decoder(_Data)
_OF = msgspec.json.Decoder(_Of)


class LineReader:
    """Reads the records of one contract. Raises ContractError as BillingCalendar does."""

    def __init__(self, book: ContractBook, contract: str) -> None:
        self.contract = contract
        calendar = BillingCalendar(book, contract)
        self._zone = calendar.zone
        self._spans: dict[str, tuple[int, int]] = {}
        self._query_types = {
            price.query_type
            for terms in calendar.versions
            if terms.commercial is not None
            for price in terms.commercial.prices
        }

    def read(self, raw: bytes | None) -> Line | None:
        """The line of a record; None where it moves nothing or is of another contract.

        Raises LineError for what is no record of the billing topics, or of a kind that is not
        known: what it moves would be missing from the bill.
        """
        try:
            event = _EVENT.decode(raw or b"")
            if _OF.decode(event.data).contract != self.contract:
                return None
            kind = event.type.removeprefix(_TYPE)
            if kind in MOVES_NOTHING:
                return None
            if kind not in KINDS:
                raise LineError("is of a kind that this version does not know; update Baton")
            data = _DATA.decode(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise LineError("is no record of the billing topics") from None
        return Line(
            id=event.id,
            kind=kind,
            contract=data.contract,
            time=self._booked(event.time, data),
            amount_micros=data.amount_micros,
            currency=data.currency,
            # An adjustment's counts what its amount was computed from, not resolutions.
            quantity=(data.quantity or 0) if kind in get_args(ItemStatus) else 0,
            about=self._about(data),
        )

    def _booked(self, time: Any, data: _Data) -> int:
        """When it counts, for a system whose periods are closed at their start and open at their
        end: a correction when it was booked, all else at its own time, moved into its period.
        """
        moment = data.booked_at if data.charge_class == CORRECTION else time
        if not EARLIEST <= moment <= LATEST:
            raise LineError("has a time that is out of range")
        start, end = self._span(data.period)
        return min(max(epoch_ms(moment), start), end - 1)

    def _span(self, period: str) -> tuple[int, int]:
        found = self._spans.get(period)
        if found is None:
            try:
                named = period_named(period, self._zone)
            except ValueError:
                raise LineError("has a period that is none") from None
            found = self._spans[period] = (named.start_ms, named.end_ms)
        return found

    def _about(self, data: _Data) -> dict[str, str]:
        told = {name: value for name in ABOUT if (value := getattr(data, name)) is not None}
        if told.get("query_type") not in (*self._query_types, None):
            told["query_type"] = _OTHER  # a platform's own words stay with the parties
        told["contract_version"] = str(data.contract_version)
        told["period"] = data.period
        told["service_period"] = data.service_period
        told["charge_class"] = data.charge_class or "none"
        return told
