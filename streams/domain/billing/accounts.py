"""What billing holds of a contract's customers: standing records, and whose claims they bear on.
BILLING.md section 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streams.domain.billing.appointments import Appointments
from streams.domain.billing.conversation import (
    DISPUTE,
    OF_EPISODES,
    OF_WAITS,
    VISIT,
    Conversation,
    Run,
    Wait,
    episode_of,
)
from streams.domain.billing.customers import Customers
from streams.domain.billing.horizons import RETRACTED_KEPT_MS, Horizons
from streams.domain.billing.records import EpisodeId, Told
from streams.domain.billing.resolutions import Claim, Settled, settle
from streams.domain.billing.store import Conversations, InMemoryStore
from streams.domain.contract import ContractBook
from streams.domain.facts import Fact, FactKind
from streams.domain.memory import DAY_MS

# A customer, or the conversation whose customer nobody knows.
Group = bytes | str
Judged = tuple[Conversation, Run, Claim, Settled | None]
KEPT: frozenset[FactKind] = frozenset(
    (VISIT, DISPUTE, "episode_ended", "episode_matured", "csat_received", "qa_evaluated")
)


class Accounts:
    """The standing records of one contract, by customer.

    `take` says what changed of the facts that stand: the one that stood at a place, and the one
    that stands there now, each with its customer (None: none). `settled` judges again those whose
    records changed since it was last asked. With `horizons` what nothing can touch any more is
    frozen, then forgotten.
    """

    def __init__(
        self, book: ContractBook, *, horizons: Horizons | None = None, waits: bool = False
    ) -> None:
        self._book = book
        self._horizons = horizons
        self.kept = KEPT | OF_WAITS if waits else KEPT
        self.conversations = Conversations(InMemoryStore())
        self._customers = Customers()
        self._moved: set[Group] = set()
        # When each conversation is looked at for what can be forgotten, and when for what can be
        # frozen.
        self._looks = Appointments()
        self._freezes = Appointments()

    def held(self, record: Told) -> Told | None:
        """What stands where a record would."""
        conversation = self.conversations.get(record.fact.conversation)
        return None if conversation is None else conversation.standing.get(record.fact.place)

    def wait(self, fact: Fact) -> Wait:
        """The escalation that a fact is about, as it stands."""
        conversation = self.conversations.get(fact.conversation)
        return Wait(None, None) if conversation is None else conversation.wait(fact)

    def forgot(self, record: Told) -> bool:
        """Whether a close of a further revision was told of before, so long ago that nothing is
        held of it: charged again it would be charged under the ids that it had.
        """
        fact = record.fact
        if fact.retracts or record.known < fact.life * DAY_MS + RETRACTED_KEPT_MS:
            return False
        conversation = self.conversations.get(fact.conversation)
        run = (fact.life, fact.episode)
        known = conversation is not None and (
            run in conversation.accounts or fact.place in conversation.standing
        )
        return self._horizons is not None and not known

    def take(self, record: Told) -> tuple[Told | None, Told | None]:
        """Take one record; (None, None) where nothing follows from it."""
        fact = record.fact
        if fact.kind not in self.kept:
            return None, None
        name = fact.conversation
        conversation = self.conversations.get(name)
        held = None if conversation is None else conversation.standing.get(fact.place)
        if held is not None and _order(fact) <= _order(held.fact):
            return None, None
        if conversation is None:
            conversation = self.conversations.begin(name)
        before = held if held is not None and not held.fact.retracts else None
        after = record if not fact.retracts else None
        if before is None and after is None:
            conversation.take(record)
        else:
            self._move(conversation, record, before)
        self._appoint(conversation, record)
        self.conversations.changed(conversation)
        return before, after

    def _move(self, conversation: Conversation, record: Told, before: Told | None) -> None:
        """Let the record stand, and note whose claims it bears on."""
        kind = record.fact.kind
        run = (record.fact.life, record.fact.episode)
        of_claims = kind in OF_EPISODES
        if of_claims and run in conversation.claims:
            # Whose it was before.
            self._moved.add(_group(conversation, conversation.claims[run]))
        conversation.take(record)
        if record.customer is not None:
            self._customers.add(record.customer, conversation.name)
        was = None if before is None else before.customer
        if was is not None and was != record.customer and was not in conversation.customers:
            self._customers.discard(was, conversation.name)
        if kind == VISIT:
            self._moved |= {one for one in (was, record.customer) if one is not None}
        if of_claims:
            self._moved.add(_group(conversation, conversation.claims[run]))
        if kind == DISPUTE or (of_claims and conversation.disputed):
            # Another close may be the one that a dispute is about now.
            self._moved |= {_group(conversation, one) for one in conversation.claims.values()}

    def _appoint(self, conversation: Conversation, record: Told) -> None:
        horizons = self._horizons
        if horizons is None:
            return
        # A day after its claim is frozen, so that it need not be looked at before that.
        look = record.fact.time + max(horizons.claim_ms, horizons.link_ms) + DAY_MS
        if conversation.look is None or look < conversation.look:
            self._look_again(conversation, look)
        if record.fact.kind == "episode_ended":
            self._freeze_again(conversation, horizons)

    def _look_again(self, conversation: Conversation, look: int) -> None:
        conversation.look = look
        self._looks.add(look, conversation.name)

    def _freeze_again(self, conversation: Conversation, horizons: Horizons) -> None:
        due = conversation.next_freeze(horizons)
        if due != conversation.freezes:
            conversation.freezes = due
            if due is not None:
                self._freezes.add(due, conversation.name)

    # -- judging -------------------------------------------------------------------------------

    @property
    def moved(self) -> bool:
        """Whether anything changed that a claim hangs on."""
        return bool(self._moved)

    def settled(self) -> Iterator[Judged]:
        """Every claim that what changed can bear on, and what became of it; None while open."""
        moved, self._moved = self._moved, set()
        for group in moved:
            members, found = self._settle(group)
            for conversation, run, claim in members:
                if claim.frozen is None:
                    yield conversation, run, claim, found.get(episode_of(conversation.name, run))

    def _settle(
        self, group: Group
    ) -> tuple[list[tuple[Conversation, Run, Claim]], dict[EpisodeId, Settled]]:
        members: list[tuple[Conversation, Run, Claim]] = []
        visits: list[Fact] = []
        customer = None if isinstance(group, str) else group
        names = (group,) if isinstance(group, str) else self._customers.of(group)
        for name in names:
            conversation = self.conversations.get(name)
            if conversation is None:
                continue
            for run, claim in conversation.claims.items():
                if claim.customer == customer:
                    members.append((conversation, run, claim))
            if customer is not None:
                facts = conversation.of_customer(customer)
                visits += [fact for fact in facts if fact.kind == VISIT]
        return members, settle((claim for *_, claim in members), visits, self._book)

    def of_customer(self, customer: bytes) -> list[Fact]:
        """The visits and closes that stand under a customer's digest."""
        found: list[Fact] = []
        for name in self._customers.of(customer):
            conversation = self.conversations.get(name)
            if conversation is not None:
                found += conversation.of_customer(customer)
        return found

    def rename(self, customer: bytes, name: bytes) -> set[str]:
        """Let a customer be called `name` from now on; the conversations that it stood in."""
        found: set[str] = set()
        for one in self._customers.of(customer):
            conversation = self.conversations.get(one)
            self._customers.discard(customer, one)
            if conversation is not None and conversation.rename(customer, name):
                self._customers.add(name, one)
                self.conversations.changed(conversation)
                found.add(one)
        if customer in self._moved:
            self._moved.discard(customer)
            self._moved.add(name)
        return found

    # -- forgetting ----------------------------------------------------------------------------

    def freeze(self, reached: int) -> None:
        """Freeze what became of the claims that nothing known after `reached` (ms) can change."""
        horizons = self._horizons
        if horizons is None:
            return
        for due, name in self._freezes.due(reached):
            conversation = self.conversations.get(name)
            if conversation is None or conversation.freezes != due:
                continue
            for run, claim in list(conversation.claims.items()):
                ended = claim.ended
                if claim.frozen is None and claim.claimed and ended is not None:
                    if ended.time + horizons.claim_ms > reached:
                        continue
                    _, found = self._settle(_group(conversation, claim))
                    settled = found.get(episode_of(name, run))
                    conversation.freeze(run, settled is not None and settled.reason is None)
            self.conversations.changed(conversation)
            self._freeze_again(conversation, horizons)
            self.conversations.trim()

    def forget(self, reached: int) -> None:
        """Forget what nothing known after `reached` (ms) can bear on, of those that are due."""
        horizons = self._horizons
        if horizons is None:
            return
        for due, name in self._looks.due(reached):
            conversation = self.conversations.get(name)
            if conversation is None or conversation.look != due:
                continue
            customers = conversation.customers
            look = conversation.forget(reached, horizons)
            for customer in customers - conversation.customers:
                self._customers.discard(customer, name)
            self.conversations.changed(conversation)
            if not conversation.empty:
                self._look_again(conversation, look)
            self.conversations.trim()

    # -- storing -------------------------------------------------------------------------------

    def restore(
        self, name: str, customers: Iterable[bytes], look: int | None, freezes: int | None
    ) -> None:
        """Go on with a conversation that an earlier process held, which lies in the store."""
        for customer in customers:
            self._customers.add(customer, name)
        if look is not None:
            self._looks.add(look, name)
        if freezes is not None:
            self._freezes.add(freezes, name)


def _group(conversation: Conversation, claim: Claim) -> Group:
    return conversation.name if claim.customer is None else claim.customer


def _order(fact: Fact) -> tuple[int, bool]:
    return (fact.revision, fact.retracts)
