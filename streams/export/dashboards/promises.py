"""What the contracts promise, as dashboards need it: each clause once, by its latest terms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from streams.domain.contract import AMOUNTS, Clause, ContractBook, Dimension
from streams.export.dashboards.queries import CONTRACT, any_of, exactly, wait_met, where

_LENGTHS = {300_000: "5m", 3_600_000: "1h", 86_400_000: "24h"}
# None of these counts events that are good or bad as they come: there is no rate of burning.
_WITHOUT_EVENTS = AMOUNTS | {"escalation_wait", "csat_response"}


@dataclass(frozen=True, slots=True)
class Promise:
    """A clause of a contract, by the latest version that has it; `currency` is that version's."""

    contract: str
    clause: Clause
    currency: str

    @property
    def is_wait(self) -> bool:
        """It judges single waits and has no volume, value or target."""
        return self.clause.indicator == "escalation_wait"

    @property
    def burns(self) -> bool:
        """Its misses have a rate that can be set against what its target allows."""
        return self.clause.indicator not in _WITHOUT_EVENTS

    @property
    def window(self) -> str:
        """What it is judged over, in words."""
        clause = self.clause
        if self.is_wait:
            return "wait by wait"
        if clause.period is not None:
            return f"over the calendar period {clause.period}"
        return f"over the last {_LENGTHS.get(clause.window_ms, f'{clause.window_ms // 1000}s')}"

    def wait_key(self) -> str:
        """Matchers of the keys of a clause on single waits, in windows' gauges."""
        clause = self.clause
        fixed = (exactly(name, value) for name, value in clause.where)
        grouping = "+".join(clause.grouping) or "contract"
        return ",".join((f'contract="{self.contract}"', f'grouping="{grouping}"', *fixed))

    def matchers(self) -> str:
        """Matchers of this clause's series."""
        return f'contract="{self.contract}",clause="{self.clause.id}"'


def promises(book: ContractBook, contract: str) -> list[Promise]:
    """The clauses of a contract in the order of its latest version, those it dropped at the end."""
    found: dict[str, Promise] = {}
    for terms in reversed(book.versions(contract)):
        for clause in terms.clauses:
            found.setdefault(clause.id, Promise(contract, clause, terms.currency))
    return list(found.values())


def all_promises(book: ContractBook) -> list[Promise]:
    """Those of every contract."""
    return [one for name in book.names for one in promises(book, name)]


def waits_met(among: Iterable[Promise], *chosen: str) -> list[str]:
    """Series of the clauses on single waits that are met as far as anybody knows.

    `chosen` are further matchers.
    """
    return [
        wait_met(
            one.contract, one.clause.id, one.clause.severity, ",".join((one.wait_key(), *chosen))
        )
        for one in among
        if one.is_wait
    ]


def selectors(among: Iterable[Promise]) -> list[str]:
    """Selectors of these clauses' series within the chosen contracts, one a contract."""
    by_contract: dict[str, list[str]] = {}
    for one in among:
        by_contract.setdefault(one.contract, []).append(one.clause.id)
    return [
        where(CONTRACT, f'contract="{name}"', any_of("clause", ids))
        for name, ids in by_contract.items()
    ]


def rolls_up_by(book: ContractBook, *grouping: Dimension) -> bool:
    """Whether any contract publishes this grouping."""
    return any(grouping in terms.groupings for name in book.names for terms in book.versions(name))
