"""Contract files as text: what YAML allows and a contract does not, each with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.contract_files import MAX_BYTES, load_contracts
from streams.contract_yaml import parsed_documents
from streams.domain.contract import ContractError
from streams.domain.contract_source import Place


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", r"f:3:1: not YAML: the key 'a' stands here twice"),
        ("a: &x 1\nb: *x\n", r"f:1:4: not YAML: aliases"),
        ("a: {<<: {b: 1}}\n", r"f:1:5: not YAML: merge keys"),
        ("a: !!timestamp x\n", r"f:1:4: not YAML: not a value of the type 'timestamp'"),
        ("a: !!bool x\n", r"f:1:4: not YAML: not a value of the type 'bool'"),
        (f"a: {'9' * 5000}\n", r"f:1:4: not YAML: not a value of the type 'int'"),
        ('a: 1\nb: "\\U00110000"\n', r"f:2:[0-9]+: not YAML: an escape that is no character"),
        ("a: 1\nb: \x00\n", r"f:2:4: not YAML: special characters are not allowed"),
        ("a: " + "[" * 60, r"f:1:53: not YAML: nested more than 50 deep"),
        ("a: !!python/name:os.system\n", r"f:1:4: not YAML: could not determine a constructor"),
    ],
)
def test_what_a_contract_may_not_hold_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ContractError, match=f"^{message}"):
        parsed_documents("f", text)


def test_values_and_keys_come_with_line_and_column() -> None:
    first, second = parsed_documents("f", "a: 1\n---\nb: [x, {c: 2}]\n")
    assert (first.content, first.line) == ({"a": 1}, 1)
    assert (second.content, second.line) == ({"b": ["x", {"c": 2}]}, 3)
    assert second.place(("b", 1, "c")) == Place(3, 12, "2")
    assert second.place(("b", 1, "c"), of_key=True) == Place(3, 9, "c")


def test_what_is_missing_is_missing_where_the_key_around_it_stands() -> None:
    (document,) = parsed_documents("f", "a:\n  b:\n    c: 1\n")
    place = document.place(("a", "b", "nothing", "there"))
    assert (place.line, place.column) == (2, 3)


def test_times_stay_text_and_no_is_still_false() -> None:
    (document,) = parsed_documents("f", "[2026-01-01, 2026-01-01 00:00:00, NO, 12]")
    assert document.content == ["2026-01-01", "2026-01-01 00:00:00", False, 12]


def test_a_file_longer_than_any_contract_is_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / "long.yaml"
    path.write_text("a: [" + "x," * MAX_BYTES)
    with pytest.raises(ContractError, match=rf"long\.yaml: more than {MAX_BYTES} bytes"):
        load_contracts([path])


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: caf\xe9\n")
    with pytest.raises(ContractError, match=r"latin\.yaml: not UTF-8 at byte 6"):
        load_contracts([path])


def test_a_name_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(ContractError, match="cannot be opened"):
        load_contracts([Path("x" * 5000)])
