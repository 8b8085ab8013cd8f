"""Rows of delimited text files, plain, gzipped or zipped, under an adapter's names for columns."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple, TextIO, cast

from streams.sources.base import SourceProblem

# What opening or decompressing a damaged, encrypted or absent file raises.
UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    NotImplementedError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
)


# Longer than any row; a packed file may hold gigabytes without a line's end.
MAX_LINE = 1024 * 1024


class Columns(NamedTuple):
    """The columns an adapter reads: role -> headers it may stand under; the first found wins."""

    required: Mapping[str, tuple[str, ...]]
    optional: Mapping[str, tuple[str, ...]] = {}


class Row(NamedTuple):
    """One row: `cells` by role, trimmed; roles of absent optional columns are missing."""

    where: str
    line: int
    cells: Mapping[str, str]


def read_rows(path: Path, encoding: str, columns: Columns) -> Iterator[Row | SourceProblem]:
    """The rows of `path` (or of the first *.csv in a zip), a problem for each that is unreadable.

    The delimiter is the one of comma, tab and semicolon that the header has most of.
    """
    try:
        with ExitStack() as stack:
            yield from _rows(_open(path, encoding, stack), path.name, columns)
    except UNREADABLE as error:
        yield SourceProblem(
            "unreadable_file",
            f"cannot be read ({type(error).__name__}); rows after this are lost",
            path.name,
        )


def open_binary(path: Path) -> IO[bytes]:
    """The bytes of `path`, unpacked if it is gzipped (by its first bytes, not its name)."""
    with path.open("rb") as start:
        packed = start.read(2) == b"\x1f\x8b"
    if packed:
        # GzipFile is a BufferedIOBase; typeshed does not call it an IO.
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def _open(path: Path, encoding: str, stack: ExitStack) -> TextIO:
    if zipfile.is_zipfile(path):
        archive = stack.enter_context(zipfile.ZipFile(path))
        members = sorted(n for n in archive.namelist() if n.lower().endswith(".csv"))
        if not members:
            raise ValueError("the archive holds no *.csv")
        raw: IO[bytes] = stack.enter_context(archive.open(members[0]))
    else:
        raw = stack.enter_context(open_binary(path))
    # surrogateescape: a stray byte spoils its own cell, not the file.
    text = io.TextIOWrapper(raw, encoding=encoding, errors="surrogateescape", newline="")
    return stack.enter_context(text)


def _lines(text: TextIO) -> Iterator[str]:
    while line := text.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise ValueError("a line is longer than any row")
        yield line


def _rows(text: TextIO, file: str, columns: Columns) -> Iterator[Row | SourceProblem]:
    lines = _lines(text)
    first = next(lines, "")
    delimiter = max(",\t;", key=first.count)
    reader = csv.reader(itertools.chain([first], lines), delimiter=delimiter)
    try:
        header = [cell.strip() for cell in next(reader, [])]
    except csv.Error:
        header = []
    places: dict[str, int] = {}
    for role, names in (*columns.required.items(), *columns.optional.items()):
        place = next((header.index(name) for name in names if name in header), None)
        if place is not None:
            places[role] = place
        elif role in columns.required:
            yield SourceProblem(
                "missing_column", f"the header has no column {' or '.join(names)}", f"{file}:1"
            )
    if any(role not in places for role in columns.required):
        return
    while True:
        line = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield SourceProblem("bad_row", "not a delimited row; left out", f"{file}:{line}")
            continue
        if not record:
            continue
        if len(record) != len(header):
            yield SourceProblem(
                "ragged_row",
                f"{len(record)} cells under {len(header)} headers; left out",
                f"{file}:{line}",
            )
            continue
        cells = {role: record[place].strip() for role, place in places.items()}
        yield Row(f"{file}:{line}", line, cells)
