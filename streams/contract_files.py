"""Contract documents from YAML files: the edge between the disk and domain/contract_document.py."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from streams.domain.contract import ContractBook, ContractError
from streams.domain.contract_document import terms_from_documents


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
        if path.is_dir():
            files += sorted(path.glob("*.yaml"))
        elif path.is_file():
            files.append(path)
        else:
            raise ContractError(f"{path}: no such file or folder")
    if not files:
        raise ContractError("no contract file was found; name one, or a folder with *.yaml in it")
    # An SLO belongs to the contracts of its own file, so that two files may both have a
    # `voice-wait`.
    return ContractBook(terms for file in files for terms in terms_from_documents(_documents(file)))


def _documents(file: Path) -> list[tuple[str, Any]]:
    try:
        text = file.read_text(encoding="utf-8")
        found = []
        for node in yaml.compose_all(text, Loader=yaml.SafeLoader):
            line = node.start_mark.line + 1
            found.append((f"{file}:{line}", _construct(node)))
        return found
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else str(file)
        raise ContractError(f"{where}: not YAML: {getattr(error, 'problem', error)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(f"{file}: cannot be read: {error}") from None


def _construct(node: yaml.Node) -> Any:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()
