"""Which events a worker of certain markets must have refused. DEFINITIONS.md section 1."""

from __future__ import annotations

from collections.abc import Collection

from streams.domain.contract import ContractBook
from streams.domain.events import Data


def is_foreign(data: Data, markets: Collection[str], book: ContractBook) -> bool:
    """Whether an event about a contact is of none of `markets` (ISO 3166-1), or may be of another:
    it states none, and some version of its contract admits others.
    """
    if data.market is not None:
        return data.market not in markets
    scopes = [terms.scope.get("market") for terms in book.versions(data.contract)]
    return any(not scope or set(scope) - set(markets) for scope in scopes)
