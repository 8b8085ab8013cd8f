"""The frame of a closed period, kept on disk: what stands at its cut, and what follows from that.

The frame of a period is made of the events that had been written down by its cut, so that what
comes later (reviews, corrections) leaves it as it was, and neither the order of a file nor the
partitions of a topic can matter. DEFINITIONS.md section 11. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from functools import cached_property
from heapq import merge
from operator import attrgetter

import click
import msgspec

from streams.cli.audit_log import AuditLog, decoded
from streams.domain.audit.strata import Census, Counted, Member, Stratum, Unit, census_of, frame_of
from streams.domain.audit.terms import SamplingTerms
from streams.domain.calendar_period import NamedPeriod
from streams.domain.contract import ContractBook
from streams.domain.events import Data, Event, epoch_ms
from streams.domain.facts import Fact, rfc3339
from streams.domain.ticks import interleave_ticks
from streams.oracle.judge import published_facts
from streams.oracle.period_values import standing_facts
from streams.spill import BUCKETS, Spill, SpillError

_ENCODER = msgspec.msgpack.Encoder()
_FACT = msgspec.msgpack.Decoder(Fact)
_COUNTED = msgspec.msgpack.Decoder(Counted)


class ClosedPeriod:
    """What stands of a contract's period at its cut; a Frame (domain/audit/strata.py).

    `too_late` conversations have something to say of the period that was written down after the
    cut only, and nothing before: nobody can draw them.
    """

    def __init__(
        self,
        log: AuditLog,
        book: ContractBook,
        contract: str,
        period: NamedPeriod,
        terms: SamplingTerms,
        cut_ms: int,
        lateness_ms: int,
    ) -> None:
        self.log = log
        self.cut_ms = cut_ms
        self.too_late = 0
        self._book = book
        self._contract = contract
        self._period = period
        self._split = terms.strata
        self._facts, self._counted = Spill(), Spill()
        for bucket in range(BUCKETS):
            self._judge(bucket, lateness_ms)

    def _judge(self, bucket: int, lateness_ms: int) -> None:
        # In the order in which they were written down a record's watermark follows from its own
        # time alone, so that a bucket is judged as it would be among all others.
        seen = ((raw, arrival) for arrival, raw in self.log.with_requests(bucket, self.cut_ms))
        ticks = [*interleave_ticks(seen, settle_ms=0), self.cut_ms]
        facts = published_facts(ticks, self._book, lateness_ms=lateness_ms)
        standing = standing_facts(facts, self._contract)
        for fact in standing:
            self._facts.add(bucket, _ENCODER.encode(fact))
        for member in self._members(standing):
            self._counted.add(bucket, _ENCODER.encode(member.counted))
        self.too_late += self._hidden(bucket, {fact.conversation for fact in standing})

    def _hidden(self, bucket: int, known: Container[str]) -> int:
        late = (raw for arrival, raw in self.log.records(bucket) if arrival > self.cut_ms)
        hidden = set()
        for event in decoded(late, self._book):
            data = getattr(event, "data", None)
            within = self._period.start_ms < epoch_ms(event.time) <= self._period.end_ms
            if within and isinstance(data, Data) and data.contract == self._contract:
                hidden.add(data.conversation_id)
        return sum(name not in known for name in hidden)

    def _members(self, facts: Sequence[Fact]) -> tuple[Member, ...]:
        return frame_of(facts, self._book, self._contract, self._period, self._split).members

    @property
    def contract(self) -> str:
        """Whose period it is."""
        return self._contract

    def groups(self) -> Iterator[list[Fact]]:
        """The standing facts, all of a conversation in one group."""
        for bucket in range(BUCKETS):
            yield [_FACT.decode(raw) for raw in self._facts.read(bucket)]

    @cached_property
    def census(self) -> Census:
        """The frame's numbers."""
        return census_of(self._all_counted())

    def _all_counted(self) -> Iterator[Counted]:
        """Every episode, in order of units: the buckets' are, and are merged."""
        every = [map(_COUNTED.decode, self._counted.read(bucket)) for bucket in range(BUCKETS)]
        return merge(*every, key=attrgetter("unit"))

    def units(self) -> Iterator[tuple[Unit, Stratum]]:
        """Every episode."""
        for bucket in range(BUCKETS):
            for raw in self._counted.read(bucket):
                one = _COUNTED.decode(raw)
                yield one.unit, one.stratum

    def members_of(self, units: Container[Unit]) -> Iterator[Member]:
        """Some of them, by bucket."""
        for facts in self.groups():
            yield from (one for one in self._members(facts) if one.unit in units)

    def events_of(self, conversation: str) -> Iterator[Event]:
        """The usable events of a conversation by the cut."""
        return decoded(self.log.said_of(conversation, self.cut_ms), self._book)


class Groups:
    """A period's groups of facts, that can be read again and again."""

    def __init__(self, closed: ClosedPeriod) -> None:
        self._closed = closed

    def __iter__(self) -> Iterator[list[Fact]]:
        """From the first."""
        return self._closed.groups()


def closed_period(
    log: AuditLog,
    book: ContractBook,
    contract: str,
    period: NamedPeriod,
    terms: SamplingTerms,
    lateness_ms: int,
) -> ClosedPeriod:
    """The period by the batch judge. Raises ClickException where the log does not reach its cut:
    what an episode comes to is not known before.
    """
    verification = max(each.verification_ms for each in book.versions(contract))
    cut = period.end_ms + verification + lateness_ms
    if log.reaches_ms is None or log.reaches_ms < cut:
        reaches = "holds no time" if log.reaches_ms is None else (
            f"reaches to {rfc3339(log.reaches_ms)}"
        )  # fmt: skip
        raise click.ClickException(
            f"{log.name}: {period.name} is not closed: it is at {rfc3339(cut)}, when the last"
            f" episode has matured, and the log {reaches}"
        )
    try:
        return ClosedPeriod(log, book, contract, period, terms, cut, lateness_ms)
    except SpillError as error:
        raise click.ClickException(str(error)) from None
