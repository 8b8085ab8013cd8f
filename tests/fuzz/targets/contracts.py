"""Contract YAML, ServiceContract and OpenSLO documents: what is read, found wrong and compared."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import orjson

from streams.contract_files import bundled_contract, load_contracts, source_documents
from streams.domain.contract import ContractError
from streams.domain.contract_diff import changes_between
from streams.domain.contract_source import Unreadable
from streams.domain.contract_terms import read_documents
from streams.domain.facts import rfc3339
from tests.fuzz.files import scratch
from tests.fuzz.messages import assert_plain, assert_said

FORM = "text"


NAMES = (
    "telco-2026",
    "real-data",
    "asean-care-2026",
    "retail-per-resolution-2026",
    "retail-bank-2026",
)


@cache
def samples() -> tuple[bytes, ...]:
    """The contracts that come with Baton, and one of a single clause."""
    whole = tuple(bundled_contract(name).read_bytes() for name in NAMES)
    return (*whole, *(b"---\n".join(text.split(b"---\n")[:3]) for text in whole[:2]))


def check(data: bytes) -> None:
    """A book of contracts, or a ContractError that names the file; a problem has its place."""
    path = scratch("contract.yaml", data)
    _check_problems(path)
    try:
        book = load_contracts([path])
    except ContractError as error:
        assert_plain(str(error))
        return
    for name in book.names:
        versions = book.versions(name)
        for terms in versions:
            # What stands in outputs must fit there.
            orjson.dumps([terms.version, [clause.target_ppm for clause in terms.clauses]])
            rfc3339(terms.effective_from_ms)
            for change in changes_between(versions[0], terms):
                assert_said(change.text)


def _check_problems(path: Path) -> None:
    try:
        documents = source_documents(path)
    except Unreadable as error:
        assert_plain(error.problem.message)
        return
    _, problems = read_documents([documents])
    for problem in problems:
        assert_plain(problem.message)
        assert problem.line > 0
        assert problem.column > 0
