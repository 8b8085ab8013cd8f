"""Payloads of a platform in a table: rows of CSV or Parquet, as warehouses and sinks keep them.

A row is a payload. A column `a.b` is the field b of a; text that is a JSON object or list is that.
A column of one of WHOLE that holds such text is the payload itself, and the rest of its row is what
the sink wrote beside it. Rows are read one after the other, a Parquet file in batches.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from streams.sources.base import SourceProblem
from streams.sources.tables import MAX_LINE, UNREADABLE, open_binary

# How sinks name the column that holds a record's value.
WHOLE = ("payload", "body", "value", "record_value", "raw", "json")
_BATCH_ROWS = 1_000
_PARQUET = b"PAR1"
_JSON_STARTS = ("{", "[")

Numbered = Iterator[tuple[object, str] | SourceProblem]


def is_parquet(path: Path) -> bool:
    """Whether a file begins as Parquet does. Raises OSError."""
    with path.open("rb") as file:
        return file.read(4) == _PARQUET


def is_delimited(path: Path) -> bool:
    """Whether a file is called a delimited one: .csv or .tsv, plain or .gz."""
    return path.name.lower().removesuffix(".gz").endswith((".csv", ".tsv"))


def delimited_payloads(path: Path) -> Numbered:
    """Payloads of a CSV file with `file:line`. Never raises for what the file holds."""
    try:
        with open_binary(path) as raw:
            text = io.TextIOWrapper(raw, "utf-8-sig", errors="surrogateescape", newline="")
            yield from _delimited(text, path.name)
    except UNREADABLE as error:
        yield _unreadable(error, path)


def parquet_payloads(path: Path) -> Numbered:
    """Payloads of a Parquet file with `file:row`. Never raises for what the file holds."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        yield SourceProblem(
            "no_parquet",
            "reading Parquet needs pyarrow: pip install 'baton-streams[parquet]'",
            path.name,
        )
        return
    row = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                for cells in batch.to_pylist():
                    row += 1
                    yield _payload(cells), f"{path.name}:{row}"
    except (*UNREADABLE, pyarrow.ArrowException) as error:
        yield _unreadable(error, path)


def _delimited(text: Iterable[str], file: str) -> Numbered:
    lines = _lines(text)
    first = next(lines, "")
    delimiter = max(",\t;", key=first.count)
    reader = csv.reader(_chained(first, lines), delimiter=delimiter)
    try:
        header = [cell.strip() for cell in next(reader, [])]
    except csv.Error:
        header = []
    if not any(header):
        yield SourceProblem("missing_column", "no header with the names of fields", f"{file}:1")
        return
    while True:
        where = f"{file}:{reader.line_num + 1}"
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield SourceProblem("bad_row", "not a delimited row; left out", where)
            continue
        if not cells:
            continue
        if len(cells) != len(header):
            told = f"{len(cells)} cells under {len(header)} headers; left out"
            yield SourceProblem("ragged_row", told, where)
            continue
        yield _payload(dict(zip(header, cells, strict=True))), where


def _lines(text: Iterable[str]) -> Iterator[str]:
    readline = text.readline  # type: ignore[attr-defined]
    while line := readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise ValueError("a line is longer than any row")
        yield line


def _chained(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _payload(cells: Mapping[str, Any]) -> object:
    """The payload that a row is, or holds."""
    for name in cells:
        if name.lower() in WHOLE:
            whole = _value(cells[name])
            if isinstance(whole, dict | list):
                return whole
    payload: dict[str, Any] = {}
    for name, cell in cells.items():
        value = _value(cell)
        if value is None or value == "":
            continue
        *outer, last = name.split(".")
        node = payload
        for step in outer:
            inner = node.setdefault(step, {})
            if not isinstance(inner, dict):
                break
            node = inner
        else:
            node[last] = value
    return payload


def _value(cell: Any) -> Any:
    """A cell as JSON would have it; text that is an object or list as that."""
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "surrogateescape")
    if isinstance(cell, str):
        if cell.lstrip().startswith(_JSON_STARTS):
            try:
                return orjson.loads(cell)
            except (orjson.JSONDecodeError, UnicodeEncodeError):
                return cell
        return cell
    if isinstance(cell, dict):
        return {str(name): _value(each) for name, each in cell.items()}
    if isinstance(cell, list | tuple):
        # A map of Parquet is a list of pairs.
        if cell and all(isinstance(each, tuple) and len(each) == 2 for each in cell):
            return {str(name): _value(each) for name, each in cell}
        return [_value(each) for each in cell]
    if isinstance(cell, datetime):
        # Parquet keeps times without a zone in UTC by custom.
        return (cell if cell.tzinfo is not None else cell.replace(tzinfo=UTC)).isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, Decimal):
        return int(cell) if cell == cell.to_integral_value() else float(cell)
    return cell if isinstance(cell, bool | int | float) or cell is None else str(cell)


def _unreadable(error: Exception, path: Path) -> SourceProblem:
    return SourceProblem(
        "unreadable_file",
        f"cannot be read ({type(error).__name__}); what follows is lost",
        path.name,
    )
