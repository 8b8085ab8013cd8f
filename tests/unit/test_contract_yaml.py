"""Contract files as text: what YAML allows and a contract does not, each with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.contract_files import MAX_BYTES, load_contracts
from streams.contract_yaml import parsed_documents
from streams.domain.contract import ContractError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", r"f:3:1: not YAML: the key 'a' stands here twice"),
        ("a: &x 1\nb: *x\n", r"f:1:4: not YAML: aliases"),
        ("a: {<<: {b: 1}}\n", r"f:1:5: not YAML: merge keys"),
        ("a: 2026-13-45\n", r"f:1:4: not YAML: not a value of the type 'timestamp'"),
        ("a: !!bool x\n", r"f:1:4: not YAML: not a value of the type 'bool'"),
        (f"a: {'9' * 5000}\n", r"f:1:4: not YAML: not a value of the type 'int'"),
        ('a: 1\nb: "\\U00110000"\n', r"f:2: not YAML: an escape that is no character"),
        ("a: 1\nb: \x00\n", r"f:2: not YAML: special characters are not allowed"),
        ("a: " + "[" * 60, r"f:1:53: not YAML: nested more than 50 deep"),
        ("a: !!python/name:os.system\n", r"f:1:4: not YAML: could not determine a constructor"),
    ],
)
def test_what_a_contract_may_not_hold_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ContractError, match=f"^{message}"):
        parsed_documents("f", text)


def test_documents_come_with_the_line_they_begin_in() -> None:
    assert parsed_documents("f", "a: 1\n---\nb: [x, {c: 2}]\n") == [
        ("f:1", {"a": 1}),
        ("f:3", {"b": ["x", {"c": 2}]}),
    ]


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
