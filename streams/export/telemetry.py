"""What the stages have done and hold, in plain integers: collector.py shows it, the stages only
count.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from streams.domain.billing.ledger import Ledger
from streams.domain.billing.records import Booked, Item, Seal
from streams.domain.breach_record import BreachRecord
from streams.domain.clause_counts import slice_counts
from streams.domain.contract import ContractBook
from streams.domain.delta import Key
from streams.domain.events import ConfigChanged, Event
from streams.domain.facts import Fact
from streams.domain.flush import Flush
from streams.domain.windows import WindowPartition
from streams.export.billing_metrics import BillingFigures, BillingView
from streams.export.config_changes import ConfigChanges

# What is kept of breaches that have closed, for people to look at.
CLOSED_BREACHES = 8
_BUCKETS_S = (5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1800, 3600, 14_400, 86_400)


def latency_bounds_ms(book: ContractBook) -> list[int]:
    """Histogram boundaries (ms): a fixed ladder and every threshold of every contract version."""
    bounds = {seconds * 1000 for seconds in _BUCKETS_S}
    for name in book.names:
        for terms in book.versions(name):
            bounds.update(terms.thresholds_ms.values())
    return sorted(bounds)


@dataclass(slots=True)
class LatencyCounts:
    """One histogram child: counts by bucket (not cumulative, the last is +Inf) and the sum in
    ms.
    """

    counts: list[int]
    sum_ms: int = 0


@dataclass(slots=True)
class ClauseCounts:
    """What a clause has counted of one key since this worker started."""

    events: int = 0
    bad: int = 0


@dataclass
class Telemetry:
    """Counters and views of one worker. One event loop writes it, a scrape only reads.

    `lateness_ms` is how far watermarks stay behind the ticks that moved them.
    """

    book: ContractBook
    lateness_ms: int = 0
    events: Counter[type[Event]] = field(default_factory=Counter)
    dead_letters: Counter[tuple[str, str]] = field(default_factory=Counter)
    facts: Counter[str] = field(default_factory=Counter)
    late_facts: Counter[str] = field(default_factory=Counter)
    ai_failures: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    missed: Counter[tuple[str, str]] = field(default_factory=Counter)
    within: Counter[tuple[str, str]] = field(default_factory=Counter)
    breaches_opened: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)
    batches: Counter[str] = field(default_factory=Counter)
    state_discarded: Counter[tuple[str, str]] = field(default_factory=Counter)
    latencies: dict[tuple[str, str, str], LatencyCounts] = field(default_factory=dict)
    watermarks: dict[int, int] = field(default_factory=dict)
    remembered: dict[int, int] = field(default_factory=dict)
    windows: dict[int, WindowPartition] = field(default_factory=dict)
    judged: dict[int, int] = field(default_factory=dict)
    clauses: dict[tuple[Key, str, str], ClauseCounts] = field(default_factory=dict)
    recoveries: int = 0
    recovery_seconds: float = 0.0
    recovery_records: int = 0
    standby_lag: dict[tuple[str, int], int] = field(default_factory=dict)
    fenced: Counter[str] = field(default_factory=Counter)
    foreign: Counter[str] = field(default_factory=Counter)
    breach_log: list[BreachRecord] = field(default_factory=list)
    keep_breach_log: bool = False
    closed_breaches: deque[BreachRecord] = field(
        default_factory=lambda: deque(maxlen=CLOSED_BREACHES)
    )
    webhook: Counter[str] = field(default_factory=Counter)
    otlp: Counter[str] = field(default_factory=Counter)
    ledgers: dict[int, Mapping[str, Ledger]] = field(default_factory=dict)
    billed_micros: Counter[tuple[str, str]] = field(default_factory=Counter)
    billed_items: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.bounds_ms = latency_bounds_ms(self.book)
        self.config_changes = ConfigChanges(self.book)
        self._billing = BillingView(self.book)

    def events_read(self, kinds: Iterable[type[Event]]) -> None:
        """Valid events of these types were read, one for each that is given."""
        self.events.update(kinds)

    def config_changed(self, event: ConfigChanged) -> None:
        """A valid `config.changed` was read."""
        self.config_changes.read(event)

    def dead_letter(self, stage: str, code: str) -> None:
        """A record was diverted."""
        self.dead_letters[(stage, code)] += 1

    def batch_done(self, stage: str, partition: int, records: int) -> None:
        """A batch was processed and what came of it acknowledged."""
        self.records[stage] += records
        self.batches[stage] += 1

    def recovered(self, seconds: float, records: int) -> None:
        """Tables were recovered from their changelogs."""
        self.recoveries += 1
        self.recovery_seconds = seconds
        self.recovery_records = records
        self.standby_lag.clear()

    def standing_by(self, topic: str, partition: int, lag: int) -> None:
        """A standby copy has yet to read so many records of its changelog."""
        self.standby_lag[(topic, partition)] = lag

    def foreign_records(self, topic: str, count: int) -> None:
        """A changelog held records that no worker wrote."""
        self.foreign[topic] += count

    def gave_up(self, stage: str) -> None:
        """A batch was given up, for another worker has its partition."""
        self.fenced[stage] += 1

    def interactions(self, partition: int, count: int) -> None:
        """How many interactions the partition remembers."""
        self.remembered[partition] = count

    def local_state_discarded(self, table: str, reason: str) -> None:
        """A partition's table on local disk was thrown away."""
        self.state_discarded[(table, reason)] += 1

    def lifecycle_published(self, partition: int, flush: Flush, watermark: int | None) -> None:
        """A batch's facts were acknowledged."""
        if watermark is not None:
            self.watermarks[partition] = watermark
        for fact in flush.facts:
            if fact.late:
                self.late_facts[fact.contract] += 1
            else:
                self._count(fact)

    def _count(self, fact: Fact) -> None:
        self.facts[fact.kind] += 1
        place = (fact.contract, fact.channel)
        match fact.kind:
            case "ai_failure":
                self.ai_failures[(*place, fact.detail["reason"])] += 1
            case "escalation_overdue":
                self.missed[place] += 1
            case "escalation_ended":
                self._ended(fact, place)

    def _ended(self, fact: Fact, place: tuple[str, str]) -> None:
        detail = fact.detail
        if detail["within"]:
            self.within[place] += 1
        elif detail["within"] is False and not detail["overdue"]:
            self.missed[place] += 1
        child = self.latencies.get((*place, detail["outcome"]))
        if child is None:
            child = LatencyCounts([0] * (len(self.bounds_ms) + 1))
            self.latencies[(*place, detail["outcome"])] = child
        child.counts[bisect_left(self.bounds_ms, detail["latency_ms"])] += 1
        child.sum_ms += detail["latency_ms"]

    def lifecycle_forgotten(self) -> None:
        """A rebalance: partitions that are still ours will say so again."""
        self.watermarks.clear()
        self.remembered.clear()

    def windows_forgotten(self) -> None:
        """A rebalance: windows that are still ours will be owned again."""
        self.windows.clear()
        self.judged.clear()

    def windows_owned(self, partition: int, windows: WindowPartition) -> None:
        """This worker shows this partition's windows from now on."""
        self.windows[partition] = windows
        if windows.reached is not None:
            self.judged[partition] = windows.reached

    def windows_judged(self, partition: int, windows: WindowPartition) -> None:
        """What the last advance of these windows came to was acknowledged."""
        if self.windows.get(partition) is windows and windows.reached is not None:
            self.judged[partition] = windows.reached
        for held, boundary, counts in windows.entered:
            first = held.first_escalation_end
            escalated = first is not None and first <= boundary
            clauses = held.breaches.clauses(self.book, held.key, boundary)
            for clause, events, bad in slice_counts(clauses, counts, escalated):
                place = (held.key, clause.id, clause.severity)
                total = self.clauses.setdefault(place, ClauseCounts())
                total.events += events
                total.bad += bad

    def breaches(self, records: list[BreachRecord]) -> None:
        """Breach records were acknowledged."""
        for record in records:
            if record.status == "opened":
                self.breaches_opened[(record.contract, record.clause, record.severity)] += 1
            elif record.status == "closed":
                self.closed_breaches.append(record)
        if self.keep_breach_log:
            self.breach_log += records

    def otlp_push(self, outcome: str) -> None:
        """An attempt to push the metrics by OTLP: delivered or failed."""
        self.otlp[outcome] += 1

    def ledgers_forgotten(self) -> None:
        """A rebalance: ledgers that are still ours will be owned again."""
        self.ledgers.clear()

    def ledgers_owned(self, partition: int, ledgers: Mapping[str, Ledger]) -> None:
        """This worker shows this partition's ledgers, by contract, from now on."""
        self.ledgers[partition] = ledgers

    def billing(self) -> Mapping[str, BillingFigures]:
        """What the ledgers that are owned tell now, by contract."""
        return self._billing.look(self.ledgers.values(), self.billed_micros)

    def booked(self, records: Iterable[Booked | Seal]) -> None:
        """Records of statements were acknowledged."""
        for one in records:
            if isinstance(one, Item):
                place = (one.about.contract, one.status)
                # A counter only rises: what a reversal takes back is told as an amount of its own.
                amount = one.estimate_micros if one.status == "provisional" else one.amount_micros
                self.billed_micros[place] += abs(amount)
                self.billed_items[place] += 1

    def webhook_delivery(self, outcome: str) -> None:
        """An attempt to hand a breach record to the webhook: delivered, failed or refused."""
        self.webhook[outcome] += 1
