"""Records of the billing topics, one after the other, into events for one account of a system."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import NamedTuple

from streams.export.metering.delivery import Entry
from streams.export.metering.lines import LineError, LineReader
from streams.export.metering.systems import System

_REMEMBERED = 100_000


class Placed(NamedTuple):
    """A record and where it stands: file:line or topic/partition@offset."""

    where: str
    raw: bytes | None
    offset: int = 0


class Unexportable(RuntimeError):
    """A record that no event can be made of; the message says which and why.

    `before` are the entries of the records before it, `offset` is its own.
    """

    def __init__(self, record: Placed, why: str, before: list[Entry]) -> None:
        self.before = before
        self.offset = record.offset
        super().__init__(f"{record.where}: {why}")


class Exporter:
    """Makes events of lines, but for those in `left_out`, and counts what it saw.

    A record that was published twice, as after a crash of an at-least-once worker, is one, if its
    repetition is among the next 100,000.
    """

    def __init__(
        self, reader: LineReader, system: System, account: str, left_out: Collection[str] = ()
    ) -> None:
        self.system = system
        self._reader = reader
        self._account = account
        self._left_out = left_out
        self._seen: dict[str, None] = {}
        self.counts: Counter[str] = Counter()
        self.amount_micros = 0

    def entries(self, records: Iterable[Placed]) -> list[Entry]:
        """The events to send for these records. Raises Unexportable."""
        found: list[Entry] = []
        for record in records:
            try:
                line = self._reader.read(record.raw)
                if line is None:
                    self.counts["without a line"] += 1
                    continue
                if line.id in self._left_out:
                    self.counts["left out"] += 1
                    continue
                event = self.system.event(line, self._account)
            except LineError as error:
                raise Unexportable(record, str(error), found) from None
            if line.id in self._seen:
                continue
            self._seen[line.id] = None
            if len(self._seen) > _REMEMBERED:
                del self._seen[next(iter(self._seen))]
            self.counts["lines"] += 1
            self.counts["resolutions"] += line.quantity
            self.amount_micros += line.amount_micros
            found.append(Entry(record.where, line.id, event, record.offset))
        return found
