"""The adapters by name, and their events as records ready for the topic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from streams.sources.acd import AcdSource
from streams.sources.base import Order, Source, SourceOptions, SourceProblem, SourceRecord
from streams.sources.exports import TABLE_EXPORTS
from streams.sources.incidents import IncidentSource
from streams.sources.json_files import PlatformFile
from streams.sources.platforms import PLATFORMS
from streams.sources.records import record_of
from streams.sources.sorting import SortedRecords
from streams.sources.trajectories import Tau2Source, TauBenchSource

_LOGS: tuple[Source, ...] = (AcdSource(), IncidentSource(), Tau2Source(), TauBenchSource())
_FILES: tuple[Source, ...] = tuple(map(PlatformFile, PLATFORMS.values()))
SOURCES: dict[str, Source] = {source.name: source for source in (*_LOGS, *_FILES, *TABLE_EXPORTS)}


def read_records(
    name: str, path: Path, options: SourceOptions
) -> Iterator[SourceRecord | SourceProblem]:
    """What the source `name` reads in `path`, in the order of the file.

    Every record has passed the decoder that the stream uses; what does not pass is a problem
    `not_canonical`. Raises ValueError for an unknown `name`; never for what the file holds.
    """
    source = SOURCES.get(name)
    if source is None:
        raise ValueError(f"no source {name!r}; there are: {', '.join(sorted(SOURCES))}")
    contracts = frozenset((options.contract,))
    for item in source.read(path, options):
        if isinstance(item, SourceProblem):
            yield item
        else:
            yield record_of(item, contracts, f"{path.name}:{item.id!a}")


def read_sorted(
    name: str, path: Path, options: SourceOptions, order: Order = "time"
) -> tuple[list[bytes], list[SourceProblem]]:
    """The records of `read_records` as bytes in `order`, and the problems in the order of the file.

    `time`: as if each had arrived the moment it happened, by (time, id). `recorded`: as they were
    written down, by (recorded, time, id): what the live stream would have seen. `file`: as
    exported, which may be grouped by conversation, and late.
    """
    problems: list[SourceProblem] = []
    with SortedRecords(order) as records:
        for item in read_records(name, path, options):
            if isinstance(item, SourceProblem):
                problems.append(item)
            else:
                records.add(item)
        return [record.raw for record in records], problems
