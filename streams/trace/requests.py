"""The requests of erasure in one partition of a log. DEFINITIONS.md section 12.

All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from streams.domain.contract import ContractBook
from streams.domain.events import ErasureRequested, Event, Tick, epoch_ms
from streams.domain.wire import Rejection, decode_event
from streams.oracle.erasures import Request
from streams.oracle.links import Drop

TICK = b"baton.tick"
REQUEST = b"baton.governance.erasure_requested"
# How a JSON text can hold a name without its letters standing in it.
ESCAPE = b"\\"


class RequestReader:
    """Reads what goes to every partition, time and requests, and passes over all else."""

    def __init__(self, book: ContractBook, lateness_ms: int) -> None:
        self._book = book
        self._lateness_ms = lateness_ms
        self._clock: int | None = None
        self._first: int | None = None
        self.by_contract: dict[str, list[Request]] = defaultdict(list)

    @property
    def watermark(self) -> int | None:
        """The time up to which the partition has been read; None before the first tick."""
        return None if self._clock is None else self._clock - self._lateness_ms

    def tick(self, time: int) -> None:
        """Time has come to `time`."""
        self._clock = time if self._clock is None else max(self._clock, time)
        if self._first is None:
            self._first = self.watermark

    def record(self, raw: bytes | None) -> None:
        """Read one record in structured mode."""
        if not raw or not (TICK in raw or REQUEST in raw or ESCAPE in raw):
            return
        try:
            event: Event = decode_event(raw, self._book)
        except Rejection:
            return
        if isinstance(event, Tick):
            self.tick(epoch_ms(event.time))
        elif isinstance(event, ErasureRequested):
            self.asked(event, 0)

    def asked(self, event: ErasureRequested, place: int) -> None:
        """Take a request that stands at this place of the partition."""
        data = event.data
        until = epoch_ms(event.time)
        self.by_contract[data.contract].append(
            Request(
                place,
                self.watermark,
                data.contract,
                data.subject_kind,
                data.subject_key,
                until,
            )
        )

    def drops(self, contract: str) -> Iterator[Drop]:
        """When which customers' closes are dropped."""
        for one in self.by_contract.get(contract, ()):
            at = self._first if one.watermark is None else one.watermark + 1
            if one.kind == "customer" and at is not None:
                yield Drop(contract, one.subject, at, one.until)


def all_drops(readers: Iterable[RequestReader], contract: str) -> list[Drop]:
    """The drops of several partitions."""
    return [drop for reader in readers for drop in reader.drops(contract)]
