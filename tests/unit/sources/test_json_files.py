"""Files of payloads that are not as they should be: what can be read is, and the rest is named."""

from __future__ import annotations

import gzip
from pathlib import Path

import orjson
import pytest

from streams.sources import json_files
from streams.sources.base import SourceProblem
from streams.sources.json_files import payloads

SMALL, LARGE = {"a": 1}, {"text": "x" * 200}


@pytest.fixture(autouse=True)
def short_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_files, "MAX_LINE_BYTES", 64)


def read(path: Path, raw: bytes) -> tuple[list[object], list[str]]:
    """Payloads, and the problems: code, place and what is said."""
    path.write_bytes(raw)
    found: list[object] = []
    problems: list[str] = []
    for each in payloads(path):
        if isinstance(each, SourceProblem):
            problems.append(f"{each.code} {each.where}: {each.message}")
        else:
            found.append(each.payload)
    return found, problems


def lines(*several: object) -> bytes:
    return b"\n".join(map(orjson.dumps, several))


@pytest.mark.parametrize("document", [[SMALL, LARGE, SMALL], [LARGE], LARGE])
def test_a_document_on_one_line_may_be_longer_than_any_line(
    document: object, tmp_path: Path
) -> None:
    expected = document if isinstance(document, list) else [document]
    assert read(tmp_path / "f", orjson.dumps(document)) == (expected, [])
    assert read(tmp_path / "f", gzip.compress(orjson.dumps(document))) == (expected, [])


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_line_that_is_too_long_is_left_out_and_those_behind_it_are_read(
    place: int, tmp_path: Path
) -> None:
    several = [SMALL, SMALL]
    several.insert(place, LARGE)
    found, problems = read(tmp_path / "f", lines(*several))
    assert found == [SMALL, SMALL]
    assert problems == [f"too_large f:{place + 1}: a line of more than 64 bytes; left out"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_utf_16_is_told_from_rubbish_with_what_to_do(encoding: str, tmp_path: Path) -> None:
    for text in ('[{"a":1}]', '{"a":1}\n{"a":1}'):
        found, (problem,) = read(tmp_path / "f", text.encode(encoding))
        assert found == []
        assert "iconv -t UTF-8 -f UTF-16" in problem


def test_a_line_in_another_encoding_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    found, (problem,) = read(tmp_path / "f", lines(SMALL) + b'\n{"a":"caf\xe9"}\n' + lines(SMALL))
    assert found == [SMALL, SMALL]
    assert problem.startswith("not_json f:2: the line is not UTF-8")
    assert "caf" not in problem


def test_documents_one_behind_the_other_are_said_to_be_made_lines(tmp_path: Path) -> None:
    indented = orjson.dumps(SMALL, option=orjson.OPT_INDENT_2)
    found, (problem,) = read(tmp_path / "f", indented + b"\n" + indented)
    assert found == []
    assert "jq -c" in problem


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"\xef\xbb\xbf", b"  \r\n"])
def test_an_empty_file_is_said_to_be(raw: bytes, tmp_path: Path) -> None:
    assert read(tmp_path / "f", raw) == ([], ["not_json f: the file is empty"])


def test_a_byte_order_mark_and_windows_ends_of_lines_are_nothing(tmp_path: Path) -> None:
    raw = b"\xef\xbb\xbf" + lines(SMALL, SMALL).replace(b"\n", b"\r\n")
    assert read(tmp_path / "f", raw) == ([SMALL, SMALL], [])
