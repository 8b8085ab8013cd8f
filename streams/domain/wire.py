"""Bytes to canonical events, or a rejection that names what is wrong without quoting it."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from typing import Any, Literal

import msgspec

from streams.domain import events as ev
from streams.domain.events import APART, EARLIEST, LATEST, MARKETS, AnyEvent, Event, Tick

RejectionCode = Literal[
    "too_large",
    "invalid_encoding",
    "malformed_json",
    "unknown_type",
    "schema_violation",
    "unknown_contract",
    "key_mismatch",
    "future_time",
    "too_late",
    "empty_record",
]

MAX_EVENT_BYTES = 262_144
FUTURE_TOLERANCE_MS = 300_000


class _Every:
    def __contains__(self, name: object) -> bool:
        return True


# For those who write events: which contracts there are is for the workers to say.
EVERY_CONTRACT: Container[str] = _Every()

_DECODER: msgspec.json.Decoder[Event] = msgspec.json.Decoder(AnyEvent)
# msgspec quotes last: the value, whose own quotes may stand in it, or a pattern.
_QUOTED = re.compile(r"['\"].*", re.DOTALL)
_PATH = re.compile(r" - at `(key in )?(?P<path>[^`]*)`$")


class Rejection(Exception):
    """A record that is not a usable event. `code` is for machines; `message` never holds
    payload.
    """

    def __init__(self, code: RejectionCode, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def decode_event(raw: bytes | None, contracts: Container[str]) -> Event:
    """The event in one structured-mode CloudEvent. Raises Rejection.

    Decoding and validation are one pass; numbers are strict JSON (no NaN), text strict
    UTF-8 in every field that is read.
    """
    if not raw:
        raise Rejection("empty_record", "the record has no value")
    if len(raw) > MAX_EVENT_BYTES:
        raise Rejection("too_large", f"{len(raw)} bytes; at most {MAX_EVENT_BYTES} are read")
    try:
        event = _DECODER.decode(raw)
    except msgspec.ValidationError as error:
        raise _violation(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise malformed(raw) from None
    kind = type(event)
    data: Any = None if kind is Tick else event.data  # type: ignore[attr-defined]
    if kind not in APART and data.market is not None and data.market not in MARKETS:
        raise Rejection("schema_violation", "$.data.market: Expected `str` matching regex")
    if not EARLIEST <= event.time <= LATEST:
        raise Rejection("schema_violation", "$.time: Expected a year from 1 to 9000")
    if data is not None and data.contract not in contracts:
        raise Rejection("unknown_contract", "data.contract names no contract this worker serves")
    fault = _FAULTS.get(kind)
    if fault is not None:
        found = fault(data)
        if found is not None:
            raise Rejection("schema_violation", found)
    return event


def _scale_fault(data: ev.CsatReceivedData) -> str | None:
    if data.scale_max <= data.scale_min:
        return "$.data.scale_max: Expected more than scale_min"
    if not data.scale_min <= data.score <= data.scale_max:
        return "$.data.score: Expected a score from scale_min to scale_max"
    return None


def _due_fault(data: ev.ComplianceData) -> str | None:
    if data.due_at is None or EARLIEST <= data.due_at <= LATEST:
        return None
    return "$.data.due_at: Expected a year from 1 to 9000"


# What no type says: what is wrong with the data of an event, if anything.
_FAULTS: dict[type[Event], Callable[[Any], str | None]] = {
    ev.CsatReceived: _scale_fault,
    ev.ComplianceException: _due_fault,
    ev.ComplianceClosed: _due_fault,
}


def _violation(text: str) -> Rejection:
    at = _PATH.search(text)
    path = at["path"] if at else "$"
    expected = _QUOTED.sub("", text[: at.start()] if at else text).strip()
    if path == "$.type" or (path == "$" and "`type`" in text):
        return Rejection("unknown_type", "$.type is missing or is no canonical event type")
    return Rejection("schema_violation", f"{path}: {expected}")


def malformed(raw: bytes) -> Rejection:
    """Why bytes that are no JSON are none."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return Rejection("invalid_encoding", f"not UTF-8 at byte {error.start}")
    return Rejection("malformed_json", "not a JSON document")
