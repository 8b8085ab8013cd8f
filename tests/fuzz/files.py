"""Files for parsers that open them by name, in memory where there is such a file system."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from datetime import date
from functools import cache
from pathlib import Path

from streams.sources.base import SourceOptions, SourceProblem
from streams.sources.registry import read_records
from tests.fuzz.messages import assert_silent

_MEMORY = Path("/dev/shm")
OPTIONS = SourceOptions(contract="telco-2026", salt="pepper", date=date(2026, 6, 1))


@cache
def _folder() -> Path:
    path = Path(tempfile.mkdtemp(prefix="baton-fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def scratch(name: str, data: bytes) -> Path:
    """A file of that name that holds `data`, until the next call with that name."""
    path = _folder() / name
    path.write_bytes(data)
    return path


def check_source(source: str, data: bytes) -> None:
    """Reading `data` with an adapter gives records and problems that quote nothing of it."""
    for item in read_records(source, scratch(f"{source}.log", data), OPTIONS):
        if isinstance(item, SourceProblem):
            assert_silent(f"{item.where}: {item.message}")
