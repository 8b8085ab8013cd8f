"""A log read once, record by record: what each conversation was told, and where time stood then.

DEFINITIONS.md section 1. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from streams.domain.contract import ContractBook
from streams.domain.events import (
    EARLIEST,
    LATEST,
    ComplianceClosed,
    ComplianceException,
    CostRecorded,
    CsatReceived,
    Data,
    ErasureRequested,
    Event,
    Tick,
    epoch_ms,
)
from streams.domain.memory import LATE_LIMIT_MS
from streams.domain.wire import FUTURE_TOLERANCE_MS, Rejection, decode_event
from streams.oracle.conversation import state_of
from streams.oracle.entries import Entries
from streams.oracle.erasures import Request
from streams.oracle.links import Drop
from streams.oracle.publication import Entry
from streams.oracle.residency import is_foreign

LARGEST_COST_MICROS = 10**14


@dataclass
class Reading:
    """The log by (contract, conversation), entries in log order, what it asked to erase by
    contract, and what it counted.
    """

    entries: Entries = field(default_factory=Entries)
    watermark: int | None = None
    events: int = 0
    dead_letters: Counter[str] = field(default_factory=Counter)
    requests: dict[str, list[Request]] = field(default_factory=lambda: defaultdict(list))
    first_watermark: int | None = None

    def reach(self, watermark: int) -> None:
        """Let W come to `watermark`."""
        self.watermark = watermark
        if self.first_watermark is None:
            self.first_watermark = watermark

    def drops(self) -> Iterator[Drop]:
        """When which customers' closes are dropped, as this partition says."""
        for asked in self.requests.values():
            for one in asked:
                at = self.first_watermark if one.watermark is None else one.watermark + 1
                if one.kind == "customer" and at is not None:
                    yield Drop(one.contract, one.subject, at, one.until)


def read_records(
    records: Iterable[bytes | int],
    book: ContractBook,
    *,
    lateness_ms: int,
    markets: Collection[str] = (),
) -> Reading:
    """Read the log in its order; an int is a tick, in ms, and so is a `baton.tick` event.

    `markets`: those of the workers that are judged, where they were started for some.
    """
    reading = Reading()
    clock: int | None = None
    for place, record in enumerate(records):
        if isinstance(record, int):
            clock = record if clock is None else max(clock, record)
            reading.reach(clock - lateness_ms)
            continue
        try:
            event = decode_event(record, book)
        except Rejection as rejection:
            reading.dead_letters[rejection.code] += 1
            continue
        if not _makes_sense(event):
            reading.dead_letters["schema_violation"] += 1
            continue
        time = epoch_ms(event.time)
        if isinstance(event, Tick):
            clock = time if clock is None else max(clock, time)
            reading.reach(clock - lateness_ms)
            continue
        if isinstance(event, ErasureRequested):
            reading.events += 1
            _ask(reading, place, event)
            continue
        data = getattr(event, "data", None)
        if markets and isinstance(data, Data) and is_foreign(data, markets, book):
            reading.dead_letters["foreign_market"] += 1
            continue
        if clock is not None and time > clock + FUTURE_TOLERANCE_MS:
            reading.dead_letters["future_time"] += 1
            continue
        if reading.watermark is not None and reading.watermark - time >= LATE_LIMIT_MS:
            reading.dead_letters["too_late"] += 1
            continue
        if not isinstance(data, Data):
            # A configuration change or an act of governance: about no conversation.
            reading.events += 1
            continue
        reading.events += 1
        if not data.test:
            entry = Entry(reading.watermark, state_of(event, time), place)
            reading.entries.add((data.contract, data.conversation_id), entry)
    return reading


def _ask(reading: Reading, place: int, event: ErasureRequested) -> None:
    data, watermark = event.data, reading.watermark
    reading.requests[data.contract].append(
        Request(
            place,
            watermark,
            data.contract,
            data.subject_kind,
            data.subject_key,
            epoch_ms(event.time),
        )
    )


def _makes_sense(event: Event) -> bool:
    """Whether a rating lies on its scale, a due date is a time that can be written down and a cost
    is one that can be added up.
    """
    match event:
        case CsatReceived(data=d):
            return d.scale_min < d.scale_max and d.scale_min <= d.score <= d.scale_max
        case ComplianceException(data=d) | ComplianceClosed(data=d):
            return d.due_at is None or EARLIEST <= d.due_at <= LATEST
        case CostRecorded(data=d):
            return abs(d.amount_micros) <= LARGEST_COST_MICROS
    return True
