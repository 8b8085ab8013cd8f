"""Small synthetic logs for tests of adapters, and what comes of reading them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

from streams.domain.events import Event, epoch_ms
from streams.domain.wire import decode_event
from streams.sources.base import SourceOptions
from streams.sources.registry import read_sorted

OPTIONS = SourceOptions(contract="c-1", salt="pepper", date=date(2001, 2, 3))


class Reading(NamedTuple):
    """What a source made of a file."""

    raws: list[bytes]
    events: list[Event]
    problems: list[str]

    def told(self) -> list[tuple[str, int]]:
        """Type without the prefix and epoch seconds of each event, by time and id."""
        return [
            (str(type(e).__struct_config__.tag).removeprefix("baton."), epoch_ms(e.time) // 1000)
            for e in self.events
        ]


def read(source: str, path: Path, options: SourceOptions = OPTIONS) -> Reading:
    """Raises Rejection where a record is none that the stream takes."""
    raws, problems = read_sorted(source, path, options)
    events = [decode_event(raw, {options.contract}) for raw in raws]
    return Reading(raws, events, [problem.code for problem in problems])


def table(header: Iterable[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    """CSV of `rows`; cells that a row does not name are empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(header), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogatepass")
