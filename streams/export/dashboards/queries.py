"""PromQL that several dashboards ask in the same words.

A window's gauges carry `grouping`, so that a sum counts nobody twice; a clause's series do not, for
a clause has one grouping, and the labels outside of it are empty. `$name` is a variable of the
dashboard (frame.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from streams.domain.contract import DIMENSIONS, Dimension

CONTRACT = 'contract=~"$contract"'
RATE = "[$__rate_interval]"

BREACHED, AT_RISK, MET, NOT_JUDGED = 3, 2, 1, 0


def where(*matchers: str) -> str:
    """Matchers as a selector's braces; empty ones are left out."""
    return "{" + ",".join(one for one in matchers if one) + "}"


def exactly(name: str, value: str) -> str:
    """A matcher of a label against one value."""
    escaped = value.replace("\\", r"\\").replace('"', r"\"")
    return f'{name}="{escaped}"'


def any_of(name: str, values: Iterable[str]) -> str:
    """A matcher of a label against some values, which PromQL takes as they are (RE2-escaped)."""
    escaped = ("".join(c if c.isalnum() or c in "_-" else f"\\\\{c}" for c in v) for v in values)
    return f'{name}=~"{"|".join(escaped)}"'


def whole_contract() -> str:
    """The matcher of keys that are a whole contract."""
    return 'grouping="contract"'


def by_only(dimension: Dimension, chosen: bool = True) -> tuple[str, str]:
    """Matchers of the keys of one dimension alone; `chosen`: those the variable selects."""
    return f'grouping="{dimension}"', f'{dimension}=~"${dimension}"' if chosen else ""


def clause_dimensions(dimensions: Iterable[Dimension]) -> str:
    """Matchers of clause series: a dimension is what its variable selects, or not in the clause."""
    return ",".join(f'{name}=~"$${name}|"'.replace("$$", "$") for name in dimensions)


def clause_state(selector: str, clauses: str, waits: Iterable[str]) -> str:
    """The state of each clause, the worst of its keys: BREACHED, AT_RISK, MET or NOT_JUDGED.

    At risk: judged, and the next miss breaches. `selector` chooses clause series by any of their
    labels, `clauses` by contract and clause only. `waits` are the series of wait_met. A clause that
    no worker reports is absent, and so are all where Prometheus reaches none.
    """
    by = "by (contract, clause, severity)"
    judged = f"(baton_clause_samples{selector} >= baton_clause_minimum_volume{selector})"
    states = [
        f"max {by} ({BREACHED} * baton_breach_active{selector})",
        f"max {by} (({MET} + (baton_clause_misses_left{selector} < bool 1)) and {judged})",
        f"max {by} (({MET} + 0 * baton_clause_value{selector}) and {judged})",
        *waits,
        f"({NOT_JUDGED} * {_reported('contract, clause, severity', clauses)})",
    ]
    return "\nor\n".join(states)


def wait_met(contract: str, clause: str, severity: str, key: str) -> str:
    """MET for a clause on single waits while a worker shows its keys (matchers `key`).

    Such a clause has no volume: it is met while none of its keys is in breach. Without the keys
    nobody knows.
    """
    shown = f"{MET} + 0 * max by (contract) (baton_overdue_handoffs{where(key)})"
    named = f'label_replace({shown}, "clause", "{clause}", "", "")'
    return f'label_replace({named}, "severity", "{severity}", "", "")'


def counted(metric: str, selector: str, clauses: str, by: str = "") -> str:
    """A sum that is 0, not absent, while a worker is there to say that there is none.

    `clauses` are matchers that choose clauses, in braces; `by` is contract or nothing.
    """
    grouped = f"by ({by}) " if by else ""
    return f"sum {grouped}({metric}{selector}) or 0 * {_reported(by, clauses)}"


def _reported(by: str, clauses: str) -> str:
    """A series for every clause, from the worker's start on; by its labels, of any value.

    The rate is known for a while after the last scrape, so that a worker must be there now.
    """
    grouped = f"by ({by}) " if by else ""
    known = f"sum {grouped}(rate(baton_breaches_total{clauses}{RATE}))"
    return f"({known} and on () (sum(baton_ready) > 0))"


def key_legend(grouping: Iterable[str]) -> str:
    """A series by the values of its key."""
    return " ".join(f"{{{{{name}}}}}" for name in grouping) or "whole contract"


def worst_key(metric: str, selector: str) -> str:
    """`metric` for the one key of each clause that has the fewest misses left."""
    key = ", ".join(("contract", "clause", "severity", *DIMENSIONS))
    worst = (
        f"bottomk by (contract, clause) (1, max by ({key}) (baton_clause_misses_left{selector}))"
    )
    return f"max by ({key}) ({metric}{selector}) and {worst}"
