"""Contract documents from YAML files: the edge between the disk and domain/contract_document.py."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from streams.contract_yaml import parsed_documents
from streams.domain.contract import ContractBook, ContractError
from streams.domain.contract_document import terms_from_documents

MAX_BYTES = 256 * 1024


def bundled_contract(name: str) -> Path:
    """The file of a contract that comes with Baton. Raises ContractError where it does not."""
    package = Path(__file__).parent
    for folder in (package / "_contracts", package.parent / "deploy" / "contracts"):
        path = folder / f"{name}.yaml"
        if path.is_file():
            return path
    raise ContractError(f"no contract {name!r} comes with Baton")


def load_contracts(paths: Iterable[Path]) -> ContractBook:
    """The book of all contracts in `paths` (files, or folders of *.yaml).

    Raises ContractError naming file, line and what to do.
    """
    files: list[Path] = []
    for path in paths:
        try:
            if path.is_dir():
                files += sorted(path.glob("*.yaml"))
            elif path.is_file():
                files.append(path)
            else:
                raise ContractError(f"{path}: no such file or folder")
        except (OSError, ValueError) as error:
            raise ContractError(f"{path}: cannot be opened: {error}") from None
    if not files:
        raise ContractError("no contract file was found; name one, or a folder with *.yaml in it")
    # An SLO belongs to the contracts of its own file, so that two files may both have a
    # `voice-wait`.
    return ContractBook(terms for file in files for terms in terms_from_documents(_documents(file)))


def _documents(file: Path) -> list[tuple[str, Any]]:
    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ContractError(f"{file}: not UTF-8 at byte {error.start}") from None
    except OSError as error:
        raise ContractError(f"{file}: cannot be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise ContractError(f"{file}: more than {MAX_BYTES} bytes; no contract is as long as that")
    return parsed_documents(str(file), text)
