"""How long a contract lets its data be kept, by kind of data and market.

A topic has one retention for all that stands in it, so only what can be erased one by one (audit
samples) is kept for a time of each market; of the rest the shortest of all markets is asked of the
topic. Times in ms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from streams.domain.contract_change import Change

if TYPE_CHECKING:
    from streams.domain.contract import Terms
    from streams.domain.contract_document import ContractSpec
    from streams.domain.contract_source import Findings, SourceDocument

DataKind = Literal["events", "facts", "breaches", "auditSamples", "deadLetters"]
DATA_KINDS: tuple[DataKind, ...] = get_args(DataKind)
DAY_MS = 86_400_000
# What a conversation is remembered for after its last event (DEFINITIONS.md section 2): a log that
# is shorter cannot make the tables anew.
_EVENTS_AT_LEAST = 8


@dataclass(frozen=True, slots=True)
class RetentionTerms:
    """Days by kind, and those of markets that differ."""

    days: Mapping[DataKind, int] = field(default_factory=dict)
    markets: Mapping[str, Mapping[DataKind, int]] = field(default_factory=dict)

    def of(self, kind: DataKind, market: str) -> int | None:
        """Days that a kind of a market's data may be kept; None where nothing is agreed."""
        return self.markets.get(market, {}).get(kind, self.days.get(kind))

    def shortest(self, kind: DataKind) -> int | None:
        """The least of all markets, which a topic with all of them must keep to."""
        said = [days[kind] for days in (self.days, *self.markets.values()) if kind in days]
        return min(said, default=None)


def shortest_of(kind: DataKind, terms: Iterable[Terms]) -> int | None:
    """The least number of days that any of the contracts' versions agrees for a kind of data."""
    said = [each.retention.shortest(kind) for each in terms if each.retention is not None]
    return min((days for days in said if days is not None), default=None)


def check_retention(document: SourceDocument, spec: ContractSpec, findings: Findings) -> None:
    """Note markets that the scope does not have, and events kept for too short to replay."""
    if spec.retention is None:
        return
    path = ("spec", "retention")
    for market in spec.retention.markets:
        if market not in spec.scope.markets:
            text = f"{market} is no market of spec.scope"
            findings.error(document, (*path, "markets", market), text)
    terms = retention_terms(spec)
    assert terms is not None
    events = terms.shortest("events")
    if events is not None and events < _EVENTS_AT_LEAST:
        text = f"events are needed for {_EVENTS_AT_LEAST} days: state is made anew from them"
        findings.error(document, path, text)


def retention_terms(spec: ContractSpec) -> RetentionTerms | None:
    """What is agreed; None for nothing."""
    if spec.retention is None:
        return None
    return RetentionTerms(
        days=dict(spec.retention.days),
        markets={market: dict(days) for market, days in spec.retention.markets.items()},
    )


def retention_changes(before: Terms, after: Terms) -> Iterator[Change]:
    """What is kept for another time."""
    old, new = before.retention or RetentionTerms(), after.retention or RetentionTerms()
    for kind in DATA_KINDS:
        for market in ("", *sorted({*old.markets, *new.markets})):
            was, now = old.of(kind, market), new.of(kind, market)
            if was != now and not (market and (was, now) == (old.of(kind, ""), new.of(kind, ""))):
                where = f" of {market}" if market else ""
                yield Change(
                    "terms", f"{kind}{where} are kept {_days(now)}; until then {_days(was)}"
                )


def _days(days: int | None) -> str:
    return "as their topic says" if days is None else f"{days} days"
