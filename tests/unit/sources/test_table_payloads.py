"""The same payloads give the same events, whichever file they stand in."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.events import Event
from streams.sources.base import SourceOptions, SourceProblem
from streams.sources.json_files import Found, payloads
from streams.sources.platforms import PLATFORMS
from streams.sources.registry import SOURCES

SAMPLES = Path(__file__).parent / "platforms"
OPTIONS = SourceOptions("telco-2026", "a-salt", channel="chat")


def samples() -> Iterator[Any]:
    for name in PLATFORMS:
        for path in sorted((SAMPLES / name.replace("-", "_")).glob("*.json")):
            yield pytest.param(name, path, id=f"{name}-{path.stem}")


def documents(path: Path) -> list[Any]:
    found = orjson.loads(path.read_bytes())
    return found if isinstance(found, list) else [found]


def read(name: str, path: Path) -> tuple[list[Event], list[str]]:
    events, problems = [], []
    for item in SOURCES[name].read(path, OPTIONS):
        if isinstance(item, SourceProblem):
            problems.append(item.code)
        else:
            events.append(item)
    return events, problems


def as_lines(found: list[Any], path: Path) -> Path:
    path.write_bytes(b"\n".join(map(orjson.dumps, found)))
    return path


def as_csv_of_values(found: list[Any], path: Path) -> Path:
    path = path.with_suffix(".csv")
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["offset", "value"])
        rows.writerows([n, orjson.dumps(each).decode()] for n, each in enumerate(found))
    return path


def as_packed_csv(found: list[Any], path: Path) -> Path:
    plain = as_csv_of_values(found, path)
    packed = plain.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    return packed


def as_parquet_of_values(found: list[Any], path: Path) -> Path:
    pyarrow = pytest.importorskip(
        "pyarrow", reason="pyarrow, the extra `parquet`, is not installed"
    )
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"value": [orjson.dumps(each) for each in found]})
    parquet.write_table(table, path.with_suffix(".parquet"), row_group_size=2)
    return path.with_suffix(".parquet")


WAYS = [as_lines, as_csv_of_values, as_packed_csv, as_parquet_of_values]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "sample"), list(samples()))
def test_every_platform_s_samples_are_the_same_events_in_every_file(
    way: Callable[[list[Any], Path], Path], name: str, sample: Path, tmp_path: Path
) -> None:
    assert read(name, way(documents(sample), tmp_path / "payloads")) == read(name, sample)


def test_columns_with_dots_are_fields_within_fields_and_empty_cells_are_none(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('event;conversation.id;conversation.labels;note\nmade;7;"[""a""]";\n')
    (found,) = payloads(path)
    assert isinstance(found, Found)
    assert found.payload == {"event": "made", "conversation": {"id": "7", "labels": ["a"]}}
    assert found.where == "rows.csv:2"


def test_a_spoiled_row_is_a_problem_with_its_line_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a,b\n1,2\n1,2,3\n\n4,\xff5\n")
    items = list(payloads(path))
    assert [(i.payload, i.where) for i in items if isinstance(i, Found)] == [
        ({"a": "1", "b": "2"}, "rows.csv:2"),
        ({"a": "4", "b": "\udcff5"}, "rows.csv:5"),
    ]
    assert [(i.code, i.where) for i in items if isinstance(i, SourceProblem)] == [
        ("ragged_row", "rows.csv:3")
    ]


def test_nested_columns_of_parquet_are_nested_fields(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip(
        "pyarrow", reason="pyarrow, the extra `parquet`, is not installed"
    )
    parquet = pytest.importorskip("pyarrow.parquet")
    from datetime import datetime

    rows = [
        {"id": 1, "at": datetime(2026, 6, 1, 12), "by": {"role": "bot"}, "tags": ["x"]},
        {"id": 2, "at": None, "by": None, "tags": []},
    ]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "rows.parquet")
    found = [
        item.payload for item in payloads(tmp_path / "rows.parquet") if isinstance(item, Found)
    ]
    assert found == [
        {"id": 1, "at": "2026-06-01T12:00:00+00:00", "by": {"role": "bot"}, "tags": ["x"]},
        {"id": 2, "tags": []},
    ]


@pytest.mark.parametrize("cut", [4, 40, -10])
def test_a_damaged_parquet_file_is_a_problem(cut: int, tmp_path: Path) -> None:
    whole = as_parquet_of_values([{"a": 1}] * 10, tmp_path / "rows").read_bytes()
    path = tmp_path / "cut.parquet"
    path.write_bytes(whole[:cut])
    problems = [item for item in payloads(path) if isinstance(item, SourceProblem)]
    assert [problem.code for problem in problems] == ["unreadable_file"]


@given(content=st.binary(max_size=300), name=st.sampled_from(["x.csv", "x.tsv.gz", "x.parquet"]))
def test_whatever_a_file_holds_is_read_or_told(
    content: bytes, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(b"PAR1" + content if name.endswith("parquet") else content)
    for item in payloads(path):
        assert isinstance(item, Found | SourceProblem)
