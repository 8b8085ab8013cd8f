"""Which events a worker may take that is started for certain markets. DEFINITIONS.md section 1."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from streams.domain.contract import ContractBook
from streams.domain.wire import Rejection


class Residency:
    """The markets of a worker, ISO 3166-1 codes, at least one."""

    def __init__(self, markets: Collection[str], book: ContractBook) -> None:
        self._markets = frozenset(markets)
        # Of these an event that states no market can be of none but ours.
        self._ours = frozenset(
            name
            for name in book.names
            if all(
                _markets_of(terms.scope) and _markets_of(terms.scope) <= self._markets
                for terms in book.versions(name)
            )
        )

    def check(self, event: Any) -> None:
        """Raise Rejection (`foreign_market`) for an event about a contact that is of another
        market, or that may be.
        """
        data = event.data
        if data.market is None:
            if data.contract not in self._ours:
                raise Rejection(
                    "foreign_market",
                    "states no market, and its contract has others than this worker's",
                )
        elif data.market not in self._markets:
            raise Rejection("foreign_market", "states a market that is not this worker's")


def _markets_of(scope: Any) -> frozenset[str]:
    found: frozenset[str] = frozenset(scope.get("market", ()))
    return found
