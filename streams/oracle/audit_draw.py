"""The judge of a draw: who must be in a sample, and with which numbers, from the facts alone.

DEFINITIONS.md section 11. It shares no computation with streams/domain/audit: sizes are searched
for where that one has a formula, and tickets are sorted where that one has a heap. Times in ms
since 1970.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from statistics import NormalDist
from typing import NamedTuple

from streams.domain.audit.terms import SamplingTerms
from streams.domain.calendar_period import NamedPeriod
from streams.domain.contract import ContractBook
from streams.domain.facts import Fact
from streams.oracle.indicators import slice_end

_FEW = 1_000
Episode = tuple[str, int, int]
StratumName = tuple[tuple[str, str], ...]


class Winner(NamedTuple):
    """An episode that must be in the sample: its stratum, how many that has, how many of them are
    drawn, and its own ticket and rank.
    """

    stratum: StratumName
    population: int
    sampled: int
    rank: int
    ticket: str


def winners(
    groups: Iterable[Sequence[Fact]],
    book: ContractBook,
    contract: str,
    period: NamedPeriod,
    terms: SamplingTerms,
    key: bytes,
) -> dict[Episode, Winner]:
    """The draw of a period from the contract's standing facts, by episode.

    `groups` are read twice, one after the other: all facts of a conversation are in one of them.
    """
    populations = Counter(name for _, name in _episodes(groups, book, contract, period, terms))
    sizes = _sizes(populations, terms)
    lowest: dict[StratumName, list[tuple[str, Episode]]] = defaultdict(list)
    for episode, name in _episodes(groups, book, contract, period, terms):
        tickets = lowest[name]
        tickets.append((_ticket(key, contract, period.name, episode), episode))
        # Now and then those are let go that cannot be among the lowest.
        if len(tickets) > 2 * sizes[name] + _FEW:
            tickets[:] = sorted(tickets)[: sizes[name]]
    found = {}
    for name, tickets in lowest.items():
        for number, (ticket, episode) in enumerate(sorted(tickets)[: sizes[name]]):
            found[episode] = Winner(name, populations[name], sizes[name], number + 1, ticket)
    return found


def _episodes(
    groups: Iterable[Sequence[Fact]],
    book: ContractBook,
    contract: str,
    period: NamedPeriod,
    terms: SamplingTerms,
) -> Iterator[tuple[Episode, StratumName]]:
    """Every episode that ended in the period, and its stratum."""
    for facts in groups:
        held = [fact for fact in facts if fact.contract == contract]
        reasons = {
            (fact.conversation, fact.life, fact.episode): fact.detail["reason"]
            for fact in held
            if fact.kind == "ai_failure" and fact.detail["first"]
        }
        for fact in held:
            within = period.start_ms < slice_end(fact.time) <= period.end_ms
            if fact.kind == "episode_ended" and within:
                episode = (fact.conversation, fact.life, fact.episode)
                yield episode, _stratum(fact, reasons.get(episode, "none"), terms, book)


def _stratum(closed: Fact, reason: str, terms: SamplingTerms, book: ContractBook) -> StratumName:
    detail = closed.detail
    outcome = detail["outcome"] if detail["eligible"] else "ineligible"
    values = {
        "outcome": "excluded" if detail["excluded"] else outcome,
        "channel": closed.channel,
        "failure_reason": reason,
    }
    version = book.version(closed.contract, closed.version)
    values["market"] = version.bounded("market", closed.market)
    values["journey"] = version.bounded("journey", closed.journey)
    values["supplier"] = version.bounded("supplier", closed.supplier)
    return tuple((name, values[name]) for name in terms.strata)


def _sizes(populations: Mapping[StratumName, int], terms: SamplingTerms) -> dict[StratumName, int]:
    whole = sum(populations.values())
    found = {}
    for name, population in populations.items():
        if terms.allocation == "each":
            wanted = _least(population, terms)
        else:
            share = Fraction(_least(whole, terms) * population, whole)
            wanted = share.numerator // share.denominator + (share.denominator > 1)
        found[name] = min(population, max(wanted, terms.minimum))
    return found


def _least(population: int, terms: SamplingTerms) -> int:
    """The least n at which z sqrt(1/4 / n * (N - n) / (N - 1)) is within the margin."""
    z = Fraction(NormalDist().inv_cdf((1_000_000 + terms.confidence_ppm) / 2_000_000))
    margin = Fraction(terms.margin_ppm, 1_000_000)
    low, high = 0, population
    while low < high:
        middle = (low + high) // 2
        if z * z * (population - middle) <= 4 * margin * margin * middle * (population - 1):
            high = middle
        else:
            low = middle + 1
    return low


def _ticket(key: bytes, contract: str, period: str, episode: Episode) -> str:
    conversation, life, number = episode
    day = (date(1970, 1, 1) + timedelta(days=life)).isoformat()
    name = json.dumps(
        [contract, period, conversation, day, number], ensure_ascii=False, separators=(",", ":")
    )
    return hmac.new(key, name.encode(), hashlib.sha256).hexdigest()
