"""Contract documents from YAML files: the edge between the disk and domain/contract_terms.py."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from streams.bundled import bundled
from streams.contract_yaml import parsed_documents
from streams.domain.contract import ContractBook, ContractError, Terms
from streams.domain.contract_source import Findings, Problem, SourceDocument, Unreadable
from streams.domain.contract_terms import read_documents

MAX_BYTES = 256 * 1024


def bundled_contract(name: str) -> Path:
    """The file of a contract that comes with Baton. Raises ContractError where it does not."""
    path = bundled("contracts") / f"{name}.yaml"
    if path.is_file():
        return path
    raise ContractError(f"no contract {name!r} comes with Baton")


def load_contracts(paths: Iterable[Path]) -> ContractBook:
    """The book of all contracts in `paths` (files, or folders of *.yaml).

    Raises ContractError naming file, line, column and what to do.
    """
    # An SLO belongs to the contracts of its own file, so that two files may both have a
    # `voice-wait`.
    terms, problems = read_documents(source_documents(file) for file in contract_files(paths))
    findings = Findings()
    findings.problems = problems
    findings.raise_first()
    return ContractBook(terms)


def checked(paths: Iterable[Path]) -> tuple[list[Terms], list[Problem]]:
    """Sound terms and all problems of the files in `paths`; one that cannot be read is a problem.

    Raises ContractError where a path names no file.
    """
    read: list[list[SourceDocument]] = []
    unreadable: list[Problem] = []
    for file in dict.fromkeys(contract_files(paths)):
        try:
            read.append(source_documents(file))
        except Unreadable as error:
            unreadable.append(error.problem)
    terms, problems = read_documents(read)
    return terms, unreadable + problems


def contract_files(paths: Iterable[Path]) -> list[Path]:
    """The files in `paths`, of folders all *.yaml. Raises ContractError where there is none."""
    files: list[Path] = []
    for path in paths:
        try:
            found = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
            there = path.exists()
        except (OSError, ValueError) as error:
            raise ContractError(f"{path}: cannot be opened: {error}") from None
        if not there:
            raise ContractError(f"{path}: no such file or folder")
        files += found
    if not files:
        raise ContractError("no contract file was found; name one, or a folder with *.yaml in it")
    return files


def source_documents(file: Path) -> list[SourceDocument]:
    """The documents of one file. Raises Unreadable naming place and cause."""
    name = str(file)
    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(name, f"not UTF-8 at byte {error.start}") from None
    except OSError as error:
        raise Unreadable(name, f"cannot be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise Unreadable(name, f"more than {MAX_BYTES} bytes; no contract is as long as that")
    documents = parsed_documents(name, text)
    if not documents:
        raise Unreadable(name, "holds no document; a contract begins with `apiVersion: baton/v1`")
    return documents
