"""What the live page shows, as figures: Telemetry and contracts in, one struct out, no clock read.

There is no conversation id in it, nor anything else about one customer: how many, and since when.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

import msgspec

from streams.domain.breach_record import BreachRecord
from streams.domain.contract import Clause, ContractBook
from streams.domain.delta import Key
from streams.domain.key_windows import KeyWindows
from streams.export.billing_metrics import BillingFigures
from streams.export.live.comparisons import (
    KeysHeld,
    Mover,
    VersionChange,
    movers,
    version_changes,
)
from streams.export.live.standing import Standing, standings
from streams.export.live.trend import Plan, Point, Trends, plan_of
from streams.export.shown_keys import shown_keys
from streams.export.telemetry import Telemetry

# The most that is listed of each; how many there are is said beside it.
MOST_AGES = 200
MOST_CLAUSES = 300
MOST_BREACHES = 100


class Trend(msgspec.Struct, frozen=True):
    """A clause's trend: its plan and its points (trend.py)."""

    plan: Plan
    points: tuple[Point, ...]


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """Who waits for a human on one key: since when (T0 in ms, the oldest first, at most MOST_AGES
    of them), how many, and how many of them over their threshold (ms, None where channels differ).
    """

    contract: str
    key: tuple[tuple[str, str], ...]
    waiting: int
    overdue: int
    threshold_ms: int | None
    since: tuple[int, ...]


class ShownBreach(msgspec.Struct, frozen=True, kw_only=True):
    """A breach without its evidence's conversations: how many there are, and the oldest's T0."""

    id: str
    contract: str
    clause: str
    indicator: str
    severity: str
    key: tuple[tuple[str, str], ...]
    opened_at: int
    changed_at: int
    numerator: int
    denominator: int
    target_ppm: int
    oldest_t0: int | None


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """How the worker itself does. Watermarks in ms by partition; lags in records by stage."""

    ready: bool
    why: str
    watermarks: dict[int, int]
    undelivered: int
    records: dict[str, int]
    interactions: int
    late_facts: int
    dead_letters: dict[str, int]
    recoveries: int
    recovery_seconds: float
    standby_lag: int
    fenced: int
    webhook: dict[str, int]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One look at one worker. `partitions` are those whose windows it holds, out of
    `partitions_of_all`; `clock` is the event time (ms) to which all of them have been judged,
    `closed` their last boundary. `clauses` pairs each standing with its trend.
    """

    partitions: tuple[int, ...]
    partitions_of_all: int
    clock: int | None
    closed: int | None
    queues: tuple[Queue, ...]
    breaches: tuple[ShownBreach, ...]
    breaches_open: int
    closed_breaches: tuple[ShownBreach, ...]
    clauses: tuple[tuple[Standing, Trend | None], ...]
    clauses_held: int
    movers: tuple[Mover, ...]
    versions: tuple[VersionChange, ...]
    currencies: dict[str, str]
    pipeline: Pipeline
    money: tuple[Money, ...] = ()


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """A contract's money as its ledger has it here, in micro-units; None and empty where it does
    not say. `open` and `grace`: booked so far in those periods; `preview`: what the older would
    come to if it closed now; `at_risk`: what credits would take from that, by clause.
    """

    contract: str
    open: int | None
    grace: int | None
    preview: int | None
    at_risk: tuple[tuple[str, int], ...]


class Snapshots:
    """Takes snapshots of one worker; keeps nothing between them but trends."""

    def __init__(self, telemetry: Telemetry, book: ContractBook, partitions: int) -> None:
        self._telemetry = telemetry
        self._book = book
        self._partitions = partitions
        self._trends = Trends()

    def take(self, *, lags: Mapping[tuple[str, int], int], ready: tuple[bool, str]) -> Snapshot:
        """Everything as it stands. `lags`: records not yet delivered; `ready`: is it, and why."""
        t, book = self._telemetry, self._book
        windows = t.windows.values()
        clock = min((w.reached for w in windows if w.reached is not None), default=None)
        closed = min((w.closed for w in windows if w.closed is not None), default=None)
        keys = _by_grouping(t)
        clauses = list(standings(book, _without(keys, shown_keys(windows)), clock))
        breaches = sorted(
            chain.from_iterable(
                held.breaches.open.values() for held in chain.from_iterable(keys.values())
            ),
            key=lambda breach: (breach.opened_at, breach.contract, breach.clause, breach.key),
        )
        return Snapshot(
            partitions=tuple(sorted(t.windows)),
            partitions_of_all=self._partitions,
            clock=clock,
            closed=closed,
            queues=_queues(book, keys, clock),
            breaches=tuple(_shown(breach) for breach in breaches[:MOST_BREACHES]),
            breaches_open=len(breaches),
            closed_breaches=tuple(_shown(one) for one in reversed(t.closed_breaches)),
            clauses=self._with_trends(clauses[:MOST_CLAUSES], keys),
            clauses_held=len(clauses),
            movers=tuple(movers(keys, book.names)),
            versions=tuple(version_changes(keys, t.config_changes.latest)),
            currencies={name: book.versions(name)[-1].currency for name in book.names},
            pipeline=_pipeline(t, lags, ready),
            money=tuple(_money(name, figures) for name, figures in t.billing().items()),
        )

    def _with_trends(
        self, clauses: list[Standing], keys: KeysHeld
    ) -> tuple[tuple[Standing, Trend | None], ...]:
        closed = {
            key: windows.closed
            for windows in self._telemetry.windows.values()
            for key in windows.keys
        }
        held: dict[tuple[str, tuple[tuple[str, str], ...]], KeyWindows] = {
            (one.key[0], tuple(one.key[1])): one for one in chain.from_iterable(keys.values())
        }
        shown: list[tuple[Standing, Trend | None]] = []
        looked_at = set()
        for one in clauses:
            key = None if one.key is None else (one.contract, one.key)
            found = None if key is None else held.get(key)
            boundary = None if found is None else closed[found.key]
            if found is None or boundary is None:
                shown.append((one, None))
                continue
            clause = self._clause(one, boundary)
            looked_at.add((found.key, clause.id))
            points = self._trends.points(found, clause, boundary)
            shown.append((one, Trend(plan_of(clause), points)))
        self._trends.keep(looked_at)
        return tuple(shown)

    def _clause(self, one: Standing, boundary: int) -> Clause:
        versions = (self._book.at(one.contract, boundary), *self._book.versions(one.contract))
        return next(c for terms in versions for c in terms.clauses if c.id == one.clause)


def _by_grouping(telemetry: Telemetry) -> dict[tuple[str, tuple[str, ...]], list[KeyWindows]]:
    found: dict[tuple[str, tuple[str, ...]], list[KeyWindows]] = {}
    for windows in telemetry.windows.values():
        for (contract, dimensions), held in windows.keys.items():
            names = tuple[str, ...](name for name, _ in dimensions)
            found.setdefault((contract, names), []).append(held)
    return found


def _without(keys: KeysHeld, shown: frozenset[Key]) -> KeysHeld:
    """The keys less the versions of the AI that /metrics does not show either."""
    return {names: [one for one in held if one.key in shown] for names, held in keys.items()}


def _queues(book: ContractBook, keys: KeysHeld, clock: int | None) -> tuple[Queue, ...]:
    found = []
    for contract in book.names:
        terms = book.at(contract, clock) if clock is not None else book.versions(contract)[-1]
        # By channel, for thresholds are; a contract that does not publish that is shown whole.
        by_channel = ("channel",) in terms.groupings
        for held in keys.get((contract, ("channel",) if by_channel else ()), ()):
            since = sorted(timed.t0 for timed in held.waiting.values())
            found.append(
                Queue(
                    contract=contract,
                    key=held.key[1],
                    waiting=len(since),
                    overdue=len(held.breaches.waits),
                    threshold_ms=(
                        terms.thresholds_ms.get(held.key[1][0][1]) if by_channel else None
                    ),
                    since=tuple(since[:MOST_AGES]),
                )
            )
    return tuple(sorted(found, key=lambda queue: (queue.contract, queue.key)))


def _shown(breach: BreachRecord) -> ShownBreach:
    return ShownBreach(
        id=breach.id,
        contract=breach.contract,
        clause=breach.clause,
        indicator=breach.indicator,
        severity=breach.severity,
        key=breach.key,
        opened_at=breach.opened_at,
        changed_at=breach.time,
        numerator=breach.numerator,
        denominator=breach.denominator,
        target_ppm=breach.target_ppm,
        oldest_t0=min((one.t0 for one in breach.waiting), default=None),
    )


def _money(contract: str, figures: BillingFigures) -> Money:
    return Money(
        contract=contract,
        open=figures.period.get("open"),
        grace=figures.period.get("grace"),
        preview=figures.preview,
        at_risk=tuple(
            sorted(
                ((clause, micros) for clause, micros in figures.at_risk.items() if micros),
                key=lambda one: (-one[1], one[0]),
            )
        ),
    )


def _pipeline(
    t: Telemetry, lags: Mapping[tuple[str, int], int], ready: tuple[bool, str]
) -> Pipeline:
    dead: dict[str, int] = {}
    for (_, code), count in t.dead_letters.items():
        dead[code] = dead.get(code, 0) + count
    return Pipeline(
        ready=ready[0],
        why=ready[1],
        watermarks=dict(sorted(t.watermarks.items())),
        undelivered=sum(lags.values()),
        records=dict(sorted(t.records.items())),
        interactions=sum(t.remembered.values()),
        late_facts=sum(t.late_facts.values()),
        dead_letters=dict(sorted(dead.items())),
        recoveries=t.recoveries,
        recovery_seconds=t.recovery_seconds,
        standby_lag=sum(t.standby_lag.values()),
        fenced=sum(t.fenced.values()),
        webhook=dict(sorted(t.webhook.items())),
    )
