"""Contract YAML, ServiceContract and OpenSLO documents: contract_files.py, contract_document.py."""

from __future__ import annotations

from functools import cache

import orjson

from streams.contract_files import bundled_contract, load_contracts
from streams.domain.contract import ContractError
from streams.domain.facts import rfc3339
from tests.fuzz.files import scratch
from tests.fuzz.messages import assert_plain

FORM = "text"


@cache
def samples() -> tuple[bytes, ...]:
    """The contracts that come with Baton, and one of a single clause."""
    names = ("telco-2026", "real-data")
    whole = tuple(bundled_contract(name).read_bytes() for name in names)
    return (*whole, *(b"---\n".join(text.split(b"---\n")[:3]) for text in whole))


def check(data: bytes) -> None:
    """A book of contracts, or a ContractError that names the file."""
    path = scratch("contract.yaml", data)
    try:
        book = load_contracts([path])
    except ContractError as error:
        assert_plain(str(error))
        return
    for name in book.names:
        for terms in book.versions(name):
            # What stands in outputs must fit there.
            orjson.dumps([terms.version, [clause.target_ppm for clause in terms.clauses]])
            rfc3339(terms.effective_from_ms)
