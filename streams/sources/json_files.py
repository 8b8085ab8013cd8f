"""Payloads of a platform in a file: lines, one list, one document, or a table; gzip too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import orjson

from streams.domain.events import Event
from streams.sources.adapter import Platform
from streams.sources.base import SourceOptions, SourceProblem
from streams.sources.table_payloads import (
    delimited_payloads,
    is_delimited,
    is_parquet,
    parquet_payloads,
)
from streams.sources.tables import UNREADABLE, open_binary

# A list or document is read whole; a packed one may hold far more than memory does.
MAX_DOCUMENT_BYTES = 512 * 1024 * 1024
# Longer than any payload that a broker would take.
MAX_LINE_BYTES = 16 * 1024 * 1024
_UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"[\0", b"{\0")
_RECODE = "write it as UTF-8, with iconv -t UTF-8 -f"


class Found(NamedTuple):
    """One payload of a file, and where it stands."""

    payload: object
    where: str


@dataclass(frozen=True, slots=True)
class PlatformFile:
    """A file of a platform's payloads as a Source."""

    platform: Platform

    @property
    def name(self) -> str:
        """The platform's name."""
        return self.platform.name

    def read(self, path: Path, options: SourceOptions) -> Iterator[Event | SourceProblem]:
        """Events in the order of the payloads; one in several is given each time."""
        for found in payloads(path):
            if isinstance(found, SourceProblem):
                yield found
            else:
                yield from self.platform.read(found.payload, options, found.where)


def payloads(path: Path) -> Iterator[Found | SourceProblem]:
    """The payloads in `path`: JSON lines, a list, one document, or the rows of CSV or Parquet.

    Never raises.
    """
    try:
        if is_parquet(path):
            yield from map(_numbered, parquet_payloads(path))
        elif is_delimited(path):
            yield from map(_numbered, delimited_payloads(path))
        else:
            yield from _payloads(path)
    except UNREADABLE as error:
        yield SourceProblem(
            "unreadable_file",
            f"cannot be read ({type(error).__name__}); what follows is lost",
            path.name,
        )


def _numbered(item: tuple[object, str] | SourceProblem) -> Found | SourceProblem:
    return item if isinstance(item, SourceProblem) else Found(*item)


def _payloads(path: Path) -> Iterator[Found | SourceProblem]:
    with open_binary(path) as file:
        line, number = b"", 0
        while not line.strip():
            line = file.readline(MAX_LINE_BYTES + 1)
            number += 1
            if not line:
                yield SourceProblem("not_json", "the file is empty", path.name)
                return
            if line.startswith(_UTF_16):
                yield SourceProblem("not_json", f"the file is UTF-16; {_RECODE} UTF-16", path.name)
                return
            line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        # A line that is not at its end yet is the beginning of a long document, or of a long line.
        if line.lstrip().startswith(b"[") or not _is_json(line):
            yield from _document(line, file.read(MAX_DOCUMENT_BYTES + 1), path)
            return
        while line:
            if len(line) > MAX_LINE_BYTES:
                yield _too_long(f"{path.name}:{number}")
                while line and not line.endswith(b"\n"):
                    line = file.readline(MAX_LINE_BYTES + 1)
            elif line.strip():
                yield _line(line, f"{path.name}:{number}")
            line = file.readline(MAX_LINE_BYTES + 1)
            number += 1


def _line(raw: bytes, where: str) -> Found | SourceProblem:
    if len(raw) > MAX_LINE_BYTES:
        return _too_long(where)
    try:
        return Found(orjson.loads(raw), where)
    except orjson.JSONDecodeError:
        pass
    try:
        raw.decode()
    except UnicodeDecodeError:
        return SourceProblem(
            "not_json", f"the line is not UTF-8; left out: {_RECODE} ISO-8859-1, or so", where
        )
    return SourceProblem("not_json", "the line is no JSON; left out", where)


def _too_long(where: str) -> SourceProblem:
    return SourceProblem(
        "too_large", f"a line of more than {MAX_LINE_BYTES} bytes; left out", where
    )


def _document(first: bytes, rest: bytes, path: Path) -> Iterator[Found | SourceProblem]:
    if len(rest) > MAX_DOCUMENT_BYTES:
        yield SourceProblem(
            "too_large", f"more than {MAX_DOCUMENT_BYTES} bytes; split the file", path.name
        )
        return
    raw = first + rest
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        # Perhaps lines of which the first is spoiled, or a list on every line.
        read = [
            _line(line, f"{path.name}:{n}")
            for n, line in enumerate(raw.splitlines(), 1)
            if line.strip()
        ]
        if any(isinstance(each, Found) for each in read):
            yield from read
        else:
            yield SourceProblem(
                "not_json",
                "neither JSON lines nor a JSON document (of documents one behind the other"
                " `jq -c .` makes lines)",
                path.name,
            )
        return
    if isinstance(document, list):
        for at, payload in enumerate(document):
            yield Found(payload, f"{path.name}:[{at}]")
    else:
        yield Found(document, path.name)


def _is_json(raw: bytes) -> bool:
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    return True
