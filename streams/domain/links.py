"""Customer links of one partition: visits and closes in, what became of each close out.
DEFINITIONS.md section 7a.

Links of a customer come from every lifecycle partition, each in its order. They are taken in order
of event time up to the least watermark over all sources, and what a slice of time came to is told
when that watermark has passed its end: neither interleaving nor batch size can change it, and told
again after a restart it is the same step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b
from heapq import heappop, heappush
from typing import Annotated, Final, NamedTuple

import msgspec

from streams.domain.contract import ContractBook
from streams.domain.delta import Deltas, slice_end_of
from streams.domain.events import Moment
from streams.domain.facts import Fact
from streams.domain.interaction import Stated
from streams.domain.memory import DAY_MS
from streams.domain.step_deltas import StepDeltas

# Section 7a's H, in their order, in ms.
HORIZONS_MS: Final = {"24h": DAY_MS, "72h": 3 * DAY_MS, "7d": 7 * DAY_MS}
_DIGEST_BYTES: Final = 16

# Stands for a contract's customer. Without a key: equal in every worker and after every restart,
# and nothing but a guess at the pseudonym leads back to it.
CustomerDigest = Annotated[bytes, msgspec.Meta(min_length=_DIGEST_BYTES, max_length=_DIGEST_BYTES)]


def customer_digest(contract: str, customer_key: str) -> bytes:
    """What a contract's customer is named by in links, tables and keys: 16 bytes."""
    named = f"{contract}\x00{customer_key}".encode()
    return blake2b(named, digest_size=_DIGEST_BYTES).digest()


class Link(msgspec.Struct, array_like=True, frozen=True, gc=False, order=True):
    """A visit, or with `close` a resolved close, of a known customer. `time` in ms.

    The fields stand in section 7a's order. What a close is counted by follows `journey`: a visit
    does not say it.
    """

    time: Moment
    close: bool
    conversation: str
    life: int
    episode: int
    customer: CustomerDigest
    contract: str
    journey: str
    version: int = 0
    channel: str = ""
    market: str = ""
    supplier: str = ""
    prompt_version: str = ""
    model: str = ""
    knowledge_version: str = ""

    @property
    def of(self) -> tuple[str, int, int]:
        """The episode that it is about."""
        return (self.conversation, self.life, self.episode)


class DroppedCustomer(msgspec.Struct, array_like=True, frozen=True, gc=False, order=True):
    """At `at`, all closes of an erased customer at or before `until` are dropped (section 12), in
    ms; `request` says who asked for it (erasure.py). `contract` is whose customer it is.
    """

    at: Moment
    customer: CustomerDigest
    until: Moment
    request: bytes
    contract: str = ""


class LinkStep(msgspec.Struct, array_like=True):
    """One advance of a source partition's watermark (ms), with the links that it published and
    the customers that were erased.
    """

    watermark: Moment
    links: list[Link]
    erased: list[DroppedCustomer] = []


class Dropped(NamedTuple):
    """How many closes of a customer were dropped for a request, as a source asked."""

    customer: bytes
    request: bytes
    source: int
    at: int
    closes: int


def link_of(fact: Fact, customer_key: Stated) -> Link | None:
    """The link that a visit or resolved close is; None where its customer was not known then, or
    was erased.
    """
    if customer_key is None or customer_key[0] > fact.time or not customer_key[1]:
        return None
    customer = customer_digest(fact.contract, customer_key[1])
    close = fact.kind == "episode_ended"
    of = (fact.time, close, fact.conversation, fact.life, fact.episode)
    if not close:
        return Link(*of, customer, fact.contract, fact.journey)
    return Link(
        *of,
        customer,
        fact.contract,
        fact.journey,
        fact.version,
        fact.channel,
        fact.market,
        fact.supplier,
        fact.prompt_version,
        fact.model,
        fact.knowledge_version,
    )


class OpenClose(msgspec.Struct, array_like=True):
    """A resolved close of which not every H is over yet, and its return if it has one."""

    link: Link
    returned_at: Moment | None = None
    same: bool = False

    def counts(self, name: str, by: int) -> list[tuple[str, int]]:
        """What it adds to the counters of one H, which is over at `by` (ms)."""
        found = [(f"links.{name}", 1)]
        if self.returned_at is not None and self.returned_at <= by:
            found.append((f"returned.{name}", 1))
            if self.same:
                found.append((f"returned_same.{name}", 1))
        return found


class LinksPartition:
    """The customers that one links partition holds.

    `sources` is how many lifecycle partitions send links; nothing is taken before each has been
    heard. `reached` is the time up to which links were taken, in ms.

    Closes that are not over lie in a table that the caller owns. `open` are those of customers that
    were looked at since the caller last stored them, in section 7a's order; `touched` says whose
    changed.
    """

    def __init__(self, book: ContractBook, sources: int) -> None:
        self._sources = sources
        self._deltas = StepDeltas(book)
        self.open: dict[bytes, list[OpenClose]] = {}
        self.heard: dict[int, int] = {}
        self.reached: int | None = None
        self.touched: set[bytes] = set()
        self._stored: Callable[[bytes], list[OpenClose]] = _nothing
        self._ahead: list[Link] = []
        self._erasing: list[tuple[DroppedCustomer, int]] = []
        self._dropped: list[Dropped] = []
        # Of each slice end: customers of whose closes some H is over in it. Each close stands where
        # its next H does, so that a week of them is not held three times.
        self._over: dict[int, list[bytes]] = {}
        self._ends: list[int] = []

    @property
    def watermark(self) -> int | None:
        """The least watermark over all sources (ms); None until every source was heard."""
        return min(self.heard.values()) if len(self.heard) == self._sources else None

    def apply(
        self,
        source: int,
        watermark: int,
        links: Iterable[Link],
        erased: Iterable[DroppedCustomer] = (),
    ) -> None:
        """Take one step of one source; a step already taken changes nothing."""
        last = self.heard.get(source)
        if last is not None and watermark <= last:
            return
        self.heard[source] = watermark
        reached = self.reached
        for link in links:
            # A step that was in part behind the watermark before a restart comes again whole.
            if reached is None or link.time > reached:
                heappush(self._ahead, link)
        for one in erased:
            if reached is None or one.at > reached:
                heappush(self._erasing, (one, source))

    def advance(self) -> Deltas | None:
        """Take links up to the watermark; None where it has not moved. One step a slice that is
        over and counted anything, at its end; then one at the watermark.
        """
        watermark, reached = self.watermark, self.reached
        if watermark is None or (reached is not None and watermark <= reached):
            return None
        while self._erasing and self._erasing[0][0].at <= watermark:
            one, source = heappop(self._erasing)
            self._reach(one.at - 1)
            closes = self._drop(one)
            self._dropped.append(Dropped(one.customer, one.request, source, one.at, closes))
        self._reach(watermark)
        self._deltas.close(watermark)
        self.reached = watermark
        return self._deltas.take()

    def dropped(self) -> list[Dropped]:
        """What was dropped of erased customers since this was last asked."""
        told, self._dropped = self._dropped, []
        return told

    def _reach(self, upto: int) -> None:
        ahead = self._ahead
        while ahead and ahead[0].time <= upto:
            self._take(heappop(ahead))
        while self._ends and self._ends[0] <= upto:
            end = heappop(self._ends)
            for customer in dict.fromkeys(self._over.pop(end)):
                self._count_over(customer, end)
            self._deltas.close(end)

    def _drop(self, one: DroppedCustomer) -> int:
        customer = one.customer
        closes = self._closes(customer)
        kept = [close for close in closes if close.link.time > one.until]
        # Also where there are none now: a copy on disk may not have let go of older ones yet.
        self.open[customer] = kept
        self.touched.add(customer)
        if not kept:
            for customers in self._over.values():
                customers[:] = [each for each in customers if each != customer]
        return len(closes) - len(kept)

    def _closes(self, customer: bytes) -> list[OpenClose]:
        closes = self.open.get(customer)
        if closes is None:
            closes = self._stored(customer)
            if closes:
                self.open[customer] = closes
        return closes

    def _take(self, link: Link) -> None:
        closes = self._closes(link.customer)
        if link.close:
            close = OpenClose(link)
            closes.append(close)
            self.open[link.customer] = closes
            self._await(close, link.time)
        elif not closes or closes[-1].returned_at is not None or closes[-1].link.of == link.of:
            return
        else:
            last = closes[-1]
            last.returned_at = link.time
            last.same = link.journey == last.link.journey != "unknown"
        self.touched.add(link.customer)

    def _await(self, close: OpenClose, after: int) -> bool:
        """Note the next slice end after `after` (ms) in which an H is over; False where none is."""
        for length in HORIZONS_MS.values():
            end = slice_end_of(close.link.time + length)
            if end > after:
                customers = self._over.get(end)
                if customers is None:
                    customers = self._over[end] = []
                    heappush(self._ends, end)
                customers.append(close.link.customer)
                return True
        return False

    def _count_over(self, customer: bytes, end: int) -> None:
        closes = self._closes(customer)
        over = []
        for close in closes:
            counted = False
            for name, length in HORIZONS_MS.items():
                by = close.link.time + length
                if slice_end_of(by) == end:
                    self._deltas.count(close.link, close.counts(name, by), by)
                    counted = True
            if counted and not self._await(close, end):
                over.append(close)
        for close in over:
            closes.remove(close)
            self.touched.add(customer)

    def stored_in(self, stored: Callable[[bytes], list[OpenClose]]) -> None:
        """What was touched stands in the table now; `stored` reads a customer's closes there."""
        self._stored = stored
        self.open.clear()
        self.touched.clear()

    def heard_before(self, reached: int | None) -> None:
        """Begin where an earlier process got to: steps behind it are not taken again."""
        self.reached = reached
        if reached is not None:
            self.heard = dict.fromkeys(range(self._sources), reached)

    def remember(self, customer: bytes, closes: list[OpenClose]) -> None:
        """A customer's closes as the table has them, once `heard_before` has been said."""
        reached = self.reached
        kept = [
            close
            for close in closes
            if self._await(close, close.link.time if reached is None else reached)
        ]
        if len(kept) < len(closes):
            # Some came back with a copy of the table that is older than its tombstone was kept.
            self.open[customer] = kept
            self.touched.add(customer)


def _nothing(customer: bytes) -> list[OpenClose]:
    return []
