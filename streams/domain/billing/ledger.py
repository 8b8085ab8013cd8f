"""The ledger of one contract: records in, items and adjustments out, period by period.
BILLING.md.

Records come from any number of sources, each in any order; they are taken by the moment they were
known, up to the least watermark over all sources. So neither interleaving, nor batches, nor what
comes twice can change what is booked, or its order. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from streams.domain.billing.accounts import Accounts
from streams.domain.billing.books import Books
from streams.domain.billing.chain import Signer
from streams.domain.billing.conversation import OF_LINKS, OF_WAITS
from streams.domain.billing.erased_customers import ErasedCustomers, Renaming
from streams.domain.billing.horizons import Horizons
from streams.domain.billing.items import Account, Draft
from streams.domain.billing.open_periods import preview_of
from streams.domain.billing.periods import BillingCalendar, Span
from streams.domain.billing.preview import Preview
from streams.domain.billing.records import Booked, Item, Seal, Told
from streams.domain.billing.store import LedgerStore
from streams.domain.billing.values import ClauseValues, asks_who_waits
from streams.domain.contract import ContractBook
from streams.domain.links import DroppedCustomer


class Ledger:
    """One contract's account. `sources`: how many send records; nothing is taken before each has
    been heard. Raises ContractError where its versions are not in one currency and time zone.

    With `forgets` what nothing can touch any more is forgotten, and records that come after it are
    refused: those known more than LATE_LIMIT_MS after the time of their fact. What is booked is the
    same.

    What is held of conversations and charged units lies in a store, in memory unless `keep_in` says
    otherwise, and is taken up where a record touches it; `put_away` puts all that changed there.
    `again` counts the claims that stood again so late that nothing is held of them, which are not
    billed.

    Of a customer who asked for erasure the digest goes: `renamed` are the conversations in which it
    stood, for whoever stores them, and `erased` is who is called otherwise for now.
    """

    def __init__(
        self,
        book: ContractBook,
        contract: str,
        *,
        sources: int = 1,
        signer: Signer | None = None,
        forgets: bool = False,
    ) -> None:
        self._contracts = book
        self.calendar = BillingCalendar(book, contract)
        self._horizons = Horizons.of(self.calendar.versions) if forgets else None
        self._sources = sources
        self._heard: dict[int, int] = {}
        self._ahead: list[tuple[int, str, Told]] = []
        self._queued: set[str] = set()
        self._erasing: list[tuple[DroppedCustomer, int]] = []
        self._renamings: list[Renaming] = []
        self._begun: dict[int, tuple[int, int]] = {}
        self.reached: int | None = None
        link_ms = None if self._horizons is None else self._horizons.link_ms
        waits = asks_who_waits(self.calendar)
        self.accounts = Accounts(book, horizons=self._horizons, waits=waits)
        self.values = ClauseValues(book, self.calendar, self.accounts.of_customer, link_ms)
        store = self.accounts.conversations.store
        self.books = Books(self.calendar, self.values, signer, self._horizons, store)
        self.again = 0
        self.erased = ErasedCustomers()
        self.renamed: set[str] = set()

    def keep_in(self, store: LedgerStore) -> None:
        """Let an empty ledger keep what it holds in a store."""
        self.accounts.conversations.store = store
        self.books.store = store

    def put_away(self) -> None:
        """Put all that changed into the store."""
        self.accounts.conversations.put_away()
        self.books.put_away()

    @property
    def watermark(self) -> int | None:
        """The least watermark over all sources (ms); None until every source was heard."""
        return min(self._heard.values()) if len(self._heard) == self._sources else None

    def heard_before(self, reached: int | None) -> None:
        """Begin where an earlier process got to: what was known by then is not taken again."""
        self.reached = reached
        if reached is not None:
            self._heard = dict.fromkeys(range(self._sources), reached)

    def refuses(self, record: Told) -> bool:
        """Whether a record is known so long after its fact that what it bears on is forgotten."""
        horizons = self._horizons
        return horizons is not None and record.known > record.fact.time + horizons.record_ms

    def apply(
        self,
        source: int,
        watermark: int | None,
        records: Iterable[Told],
        begun: tuple[int, int] | None = None,
        erased: Iterable[DroppedCustomer] = (),
    ) -> None:
        """Take one source's records up to its watermark (None: that is told later); those that came
        before change nothing.

        `begun` is when the least of the records that the source leaves out was known, and its
        fact's time. `erased` are customers who asked for it, as the source read that.
        """
        if watermark is not None:
            self._heard[source] = max(watermark, self._heard.get(source, watermark))
        if begun is not None and self.books.first is None:
            self._begun[source] = min(begun, self._begun.get(source, begun))
        for record in records:
            name = record.fact.id
            fresh = self.reached is None or record.known > self.reached
            if fresh and name not in self._queued and not self.refuses(record):
                self._queued.add(name)
                heappush(self._ahead, (record.known, name, record))
        for one in erased:
            if self.reached is None or one.at > self.reached:
                heappush(self._erasing, (one, source))

    def advance(self) -> list[Booked | Seal]:
        """What is booked up to the least watermark, in order, with the seals of closed periods."""
        self.books.encoded = []
        watermark = self.watermark
        if watermark is None or (self.reached is not None and watermark <= self.reached):
            return []
        booked: list[Booked | Seal] = []
        if self.books.first is None:
            self._begin(watermark)
        ahead, accounts = self._ahead, self.accounts
        closes = self.books.closes_next
        while ahead and ahead[0][0] <= watermark:
            known = ahead[0][0]
            if self._erasing:
                self._erase(known)
            if closes is not None and closes < known:
                booked += self.books.close_before(known)
                closes = self.books.closes_next
            # As of the moment before, else what is known now would bear on what it cannot.
            accounts.freeze(known - 1)
            for record in self._known_at(known):
                self._take(record)
            if accounts.moved:
                booked += self._follow(known)
                accounts.conversations.trim()
        self._erase(watermark)
        self.erased.expire(watermark)
        booked += self.books.close_before(watermark + 1)
        self.reached = watermark
        if self._horizons is not None:
            self._forget(watermark)
        return booked

    def _begin(self, watermark: int) -> None:
        """The first period is that of the record known first (ties: of the least time)."""
        least = [one for one in self._begun.values() if one[0] <= watermark]
        if self._ahead and self._ahead[0][0] <= watermark:
            known = self._ahead[0][0]
            least += [(known, one.fact.time) for at, _, one in self._ahead if at == known]
        if least:
            self.books.begin(min(least)[1])
            self._begun = {}

    def _known_at(self, known: int) -> list[Told]:
        batch: list[Told] = []
        while self._ahead and self._ahead[0][0] == known:
            _, name, record = heappop(self._ahead)
            self._queued.discard(name)
            batch.append(self.erased.as_called(record) if self.erased else record)
        return batch

    def _erase(self, upto: int) -> None:
        """Let the customers who asked for it by `upto` (ms) be called otherwise."""
        while self._erasing and self._erasing[0][0].at <= upto:
            one, source = heappop(self._erasing)
            held = [fact.id for fact in self.accounts.of_customer(one.customer)]
            name = self.erased.ask(one, min(held, default=None))
            self._renamings.append(Renaming(one.request, source, one.at, len(held)))
            if name is not None:
                self.values.before_rename(one.customer, name)
                self.renamed |= self.accounts.rename(one.customer, name)

    def _take(self, record: Told) -> None:
        fact, values, accounts = record.fact, self.values, self.accounts
        kind = fact.kind
        if kind not in accounts.kept:
            if values:
                # A retraction says itself what it takes back, and none comes without its assertion.
                values.count(record, -1 if fact.retracts else 1)
            return
        if kind == "episode_ended" and fact.revision and accounts.forgot(record):
            self.again += 1
            return
        if not values:
            accounts.take(record)
            return
        if kind in OF_LINKS:
            values.before_change(accounts.held(record), record)
        waited = accounts.wait(fact) if kind in OF_WAITS else None
        before, after = accounts.take(record)
        if before is not None:
            values.count(before, -1)
        if after is not None:
            values.count(after, 1)
        if waited is not None:
            values.change_wait(fact, waited, accounts.wait(fact))

    def _follow(self, known: int) -> Iterator[Item]:
        """What follows from all records of one k."""
        drafts: list[Draft] = []
        for conversation, run, claim, settled in self.accounts.settled():
            account = conversation.accounts.get(run)
            if account is None and claim.claimed:
                account = conversation.accounts[run] = Account()
            if account is not None and (found := account.follow(claim, settled, self._contracts)):
                self.accounts.conversations.changed(conversation)
                drafts += found
        for draft in sorted(drafts, key=lambda draft: draft.order):
            yield self.books.book_item(draft, known)

    @property
    def encoded(self) -> list[bytes]:
        """The canonical bytes of what the last `advance` booked and sealed, in order."""
        return self.books.encoded

    def _forget(self, reached: int) -> None:
        self.values.fold(reached)
        self.accounts.freeze(reached)
        self.accounts.forget(reached)

    def renamings(self) -> list[Renaming]:
        """What was done for requests of erasure since this was last asked."""
        told, self._renamings = self._renamings, []
        return told

    def preview(self, span: Span | None = None) -> Preview | None:
        """What an open period (None: the oldest) would come to if it closed now: BILLING.md 7.9.
        None before the first record, and for a period that is closed or has not begun.
        """
        if self.reached is None or (span is not None and self.reached <= span.start):
            return None
        return preview_of(self.books, self.calendar, self.reached, span)

    def previews(self) -> Iterator[Preview]:
        """Of each period that is open, in order; without any record yet, of none."""
        span = self.books.next
        while span is not None and (preview := self.preview(span)) is not None:
            yield preview
            span = self.calendar.after(span)
