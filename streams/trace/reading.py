"""A log read for one conversation: what each record about it came to. DEFINITIONS.md section 1.

Records of others are passed over, so that a log of any size needs the memory of one conversation.
All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field, replace
from itertools import chain, count
from typing import Literal

import msgspec

from streams.domain.contract import ContractBook
from streams.domain.events import Data, ErasureRequested, Event, Tick, epoch_ms
from streams.domain.memory import LATE_LIMIT_MS
from streams.domain.wire import FUTURE_TOLERANCE_MS, Rejection, decode_event
from streams.oracle.conversation import Statement, state_of
from streams.oracle.erasures import Request
from streams.oracle.publication import Entry
from streams.trace.requests import ESCAPE, REQUEST, TICK, RequestReader

# `duplicate`: the same source and id again; `repeats`: another event that says the same at the same
# millisecond. Neither changes anything.
Fate = Literal["used", "duplicate", "repeats", "test", "rejected"]


class _NamedData(msgspec.Struct, gc=False):
    contract: str | None = None
    conversation_id: str | None = None


class _Named(msgspec.Struct, gc=False):
    id: str | None = None
    data: _NamedData | None = None


_NAMED = msgspec.json.Decoder(_Named)
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """One record about the conversation, at its place in the log.

    `number` counts such records; `origin` says where it stands. `watermark` as it stood when the
    record was read. Without `event` it could not be used: `code` and `message` say why. `same_id`:
    another event had its source and id, and said something else.
    """

    number: int
    origin: str
    watermark: int | None
    fate: Fate
    event: Event | None = None
    statement: Statement | None = None
    late: bool = False
    same_id: bool = False
    code: str = ""
    message: str = ""

    @property
    def entry(self) -> Entry | None:
        """What the judge makes of it; None for a record that he does not use."""
        if self.statement is None or self.fate in ("test", "rejected"):
            return None
        return Entry(self.watermark, self.statement, self.number)


@dataclass
class ConversationLog:
    """All records of one conversation of one contract, in log order, and what its partition was
    asked to erase of the contract; their places are the records' numbers.
    """

    records: list[ReadRecord] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    _by_id: dict[tuple[str, str], Statement] = field(default_factory=dict)
    _said: set[tuple[Statement, bytes]] = field(default_factory=set)

    def add(self, record: ReadRecord) -> None:
        """Take the record, whose fate is `used` as far as it alone can tell."""
        event, statement = record.event, record.statement
        if record.fate == "used" and event is not None and statement is not None:
            name = (event.source, event.id)
            known = self._by_id.get(name)
            # To the judge private messages of a moment are one statement; a reader is told each.
            said = (statement, _ENCODER.encode(getattr(event, "data", None)))
            if said in self._said:
                fate: Fate = "duplicate" if known == statement else "repeats"
                record = replace(record, fate=fate)
            elif known is not None:
                record = replace(record, same_id=True)
            self._by_id.setdefault(name, statement)
            self._said.add(said)
        self.records.append(record)


class ConversationReader:
    """Reads a log record by record and keeps those about one conversation, by contract.

    `conversation` is its id. What names no contract that can be read is kept under "".
    """

    def __init__(self, book: ContractBook, lateness_ms: int, conversation: str) -> None:
        self._book = book
        self._lateness_ms = lateness_ms
        self._conversation = conversation
        self._needle = conversation.encode()
        self._requests = RequestReader(book, lateness_ms)
        self._clock: int | None = None
        self._numbers = count(1)
        self.logs: dict[str, ConversationLog] = {}

    @property
    def watermark(self) -> int | None:
        """The time up to which the log has been read; None before the first tick."""
        return None if self._clock is None else self._clock - self._lateness_ms

    def tick(self, time: int) -> None:
        """Time has come to `time`."""
        self._clock = time if self._clock is None else max(self._clock, time)
        self._requests.tick(time)

    def record(self, raw: bytes | None, origin: str, key: bytes | None = None) -> None:
        """Read one record in structured mode; `key` is the record's own, where it has one."""
        if not self._may_concern(raw, key):
            return
        try:
            event = decode_event(raw, self._book)
            if isinstance(event, Tick):
                self.tick(epoch_ms(event.time))
                return
            if isinstance(event, ErasureRequested):
                self._requests.asked(event, next(self._numbers))
                return
            data = getattr(event, "data", None)
            if not isinstance(data, Data) or data.conversation_id != self._conversation:
                return
            if key is not None and key != self._needle:
                raise Rejection("key_mismatch", "the record's key is not data.conversation_id")
            self._keep(self._judged(event, data, origin), data.contract)
        except Rejection as rejection:
            self.rejected(raw, origin, rejection, key)

    def rejected(
        self, raw: bytes | None, origin: str, rejection: Rejection, key: bytes | None = None
    ) -> None:
        """Keep a record that cannot be used, if it names the conversation in value or key."""
        contract, conversation, event_id = _names_in(raw)
        if conversation != self._conversation and (conversation is not None or key != self._needle):
            return
        said = f"event {event_id}: {rejection.message}" if event_id else rejection.message
        self._keep(
            ReadRecord(
                next(self._numbers),
                origin,
                self.watermark,
                "rejected",
                code=rejection.code,
                message=said,
            ),
            contract or "",
        )

    def _may_concern(self, raw: bytes | None, key: bytes | None) -> bool:
        if key is not None and key == self._needle:
            return True
        if not raw:
            return False
        return self._needle in raw or TICK in raw or REQUEST in raw or ESCAPE in raw

    def _judged(self, event: Event, data: Data, origin: str) -> ReadRecord:
        time, watermark, clock = epoch_ms(event.time), self.watermark, self._clock
        if clock is not None and time > clock + FUTURE_TOLERANCE_MS:
            raise Rejection(
                "future_time",
                f"{time - clock} ms ahead of the clock; at most {FUTURE_TOLERANCE_MS}",
            )
        if watermark is not None and watermark - time >= LATE_LIMIT_MS:
            raise Rejection(
                "too_late",
                f"{watermark - time} ms behind the watermark; less than {LATE_LIMIT_MS} are taken",
            )
        late = watermark is not None and time <= watermark
        fate: Fate = "test" if data.test else "used"
        number = next(self._numbers)
        return ReadRecord(number, origin, watermark, fate, event, state_of(event, time), late)

    def _keep(self, record: ReadRecord, contract: str) -> None:
        self.logs.setdefault(contract, ConversationLog()).add(record)

    def of(self, contract: str) -> ConversationLog:
        """The conversation of one contract, and beside it the records that name the conversation
        and no contract that is served.
        """
        told = self.logs[contract]
        nameless = [log.records for name, log in self.logs.items() if name not in self._book]
        records = sorted([*told.records, *chain(*nameless)], key=lambda one: one.number)
        return replace(told, records=records, requests=self._requests.by_contract[contract])

    def contracts(self, book: Container[str]) -> list[str]:
        """The contracts of the book in which the conversation is known, sorted."""
        return sorted(
            name
            for name, log in self.logs.items()
            if name in book and any(record.entry is not None for record in log.records)
        )


def _names_in(raw: bytes | None) -> tuple[str | None, str | None, str | None]:
    """Contract, conversation and event id of a record, as far as they can be read."""
    try:
        named = _NAMED.decode(raw or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, None, None
    data = named.data or _NamedData()
    return data.contract, data.conversation_id, named.id
