"""Real logs as canonical events: where they lie and how a test reads them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest

from streams.domain.events import Event
from streams.domain.wire import decode_event
from streams.sources.base import SourceOptions, SourceProblem
from streams.sources.registry import read_records

FOLDER = Path(
    os.environ.get("BATON_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data"
)
# The bank's log names no day.
OPTIONS = SourceOptions(contract="real-data", salt="test", date=date(1999, 8, 1))


class Log(NamedTuple):
    """A log as the stream would decode it, in the order of the file."""

    path: Path
    raws: list[bytes]
    events: list[Event]
    problems: list[SourceProblem]

    def problem_counts(self) -> Counter[str]:
        return Counter(problem.code for problem in self.problems)


ReadLog = Callable[[str, str], Log]


def read_real_log(source: str, file: str) -> Log:
    """`file` of the data folder read with a source; skips the test where the file is absent.

    Raises Rejection for a record that the stream would refuse.
    """
    path = FOLDER / file
    if not path.exists():
        pytest.skip(f"{path} is absent; set BATON_DATA to the folder of the real data")
    raws: list[bytes] = []
    problems: list[SourceProblem] = []
    for item in read_records(source, path, OPTIONS):
        if isinstance(item, SourceProblem):
            problems.append(item)
        else:
            raws.append(item.raw)
    return Log(path, raws, [decode_event(raw, {"real-data"}) for raw in raws], problems)
