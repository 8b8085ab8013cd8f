"""What billing holds of a contract's customers: standing records, and whose claims they bear on.
BILLING.md section 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import TypeVar

from msgspec.structs import replace

from streams.domain.billing.horizons import OPEN_EPISODE_MS, Horizons
from streams.domain.billing.records import EpisodeId, Told
from streams.domain.billing.resolutions import Claim, Settled, settle
from streams.domain.contract import ContractBook
from streams.domain.facts import Fact, FactKind

_Key = TypeVar("_Key")
_Entry = TypeVar("_Entry")
_Value = TypeVar("_Value")
# A customer, or the conversation whose customer nobody knows.
Group = bytes | str
# Within a conversation: life, kind, episode, ordinal.
Place = tuple[int, str, int, int]
_VISIT: FactKind = "customer_visited"
_DISPUTE: FactKind = "resolution_disputed"
_OF_EPISODES = frozenset(("episode_ended", "episode_matured", "csat_received", "qa_evaluated"))
# What waits are made of; held only where a clause asks who waited.
_OF_WAITS: frozenset[FactKind] = frozenset(("escalation_opened", "escalation_ended"))
KEPT: frozenset[FactKind] = frozenset(
    (_VISIT, _DISPUTE, "episode_ended", "episode_matured", "csat_received", "qa_evaluated")
)


class Accounts:
    """The standing records of one contract, by customer.

    `take` says what changed of the facts that stand: the one that stood at a place, and the one
    that stands there now, each with its customer (None: none). `settled` judges again those whose
    records changed since it was last asked. With `horizons` what nothing can touch any more is
    frozen, then forgotten.

    `touched` are the conversations of which something changed, for whoever stores them.
    """

    def __init__(
        self, book: ContractBook, *, horizons: Horizons | None = None, waits: bool = False
    ) -> None:
        self._book = book
        self._horizons = horizons
        self._kept = KEPT | _OF_WAITS if waits else KEPT
        self._standing: dict[str, dict[Place, Told]] = {}
        self._claims: dict[EpisodeId, Claim] = {}
        self._groups: dict[Group, set[EpisodeId]] = defaultdict(set)
        self._visits: dict[Group, dict[tuple[str, Place], Fact]] = defaultdict(dict)
        self._conversations: dict[str, set[EpisodeId]] = defaultdict(set)
        self._disputes: dict[str, dict[Place, int]] = defaultdict(dict)
        self._disputed: set[str] = set()
        self._judged: set[EpisodeId] = set()
        self._moved_groups: set[Group] = set()
        # When each can be forgotten, or looked at for it, and when each claim is frozen (ms).
        self._overdue: list[tuple[int, str, Place]] = []
        self._freezing: list[tuple[int, EpisodeId]] = []
        self.touched: set[str] = set()

    def take(self, record: Told) -> tuple[Told | None, Told | None]:
        """Take one record; (None, None) where nothing follows from it."""
        fact = record.fact
        if fact.kind not in self._kept:
            # A retraction says itself what it takes back, and none comes without its assertion.
            return (record, None) if fact.retracts else (None, record)
        places = self._standing.setdefault(fact.conversation, {})
        held = places.get(fact.place)
        if held is not None and _order(fact) <= _order(held.fact):
            return None, None
        before = held if held is not None and not held.fact.retracts else None
        after = record if not fact.retracts else None
        self._hold(record)
        self._file(fact.place, before, after)
        return before, after

    def _hold(self, record: Told) -> None:
        fact = record.fact
        self._standing.setdefault(fact.conversation, {})[fact.place] = record
        self.touched.add(fact.conversation)
        if self._horizons is not None:
            due = fact.time + self._horizons.record_ms
            heappush(self._overdue, (due, fact.conversation, fact.place))

    def _file(self, place: Place, before: Told | None, after: Told | None) -> None:
        one = after or before
        if one is None:
            return
        conversation = one.fact.conversation
        if one.fact.kind == _VISIT:
            for told in (before, after):
                if told is not None and told.customer is not None:
                    self._moved_groups.add(told.customer)
                    self._visits[told.customer].pop((conversation, place), None)
            if after is not None and after.customer is not None:
                self._visits[after.customer][conversation, place] = after.fact
        elif one.fact.kind == _DISPUTE:
            self._disputes[conversation].pop(place, None)
            if after is not None:
                self._disputes[conversation][place] = after.fact.time
            self._disputed.add(conversation)
        elif one.fact.kind in _OF_EPISODES:
            self._file_claim(place, one.fact, after)

    def _file_claim(self, place: Place, fact: Fact, after: Told | None) -> None:
        episode = _episode(fact)
        claim = self._claims.get(episode)
        if claim is None:
            claim = self._claims[episode] = Claim()
            self._conversations[fact.conversation].add(episode)
            self._groups[fact.conversation].add(episode)
        now = None if after is None else after.fact
        if fact.kind == "episode_matured":
            claim.matured = now
        elif fact.kind == "episode_ended":
            claim.ended = now
            group = self._group(episode, claim)
            self._moved_groups.add(group)
            self._groups[group].discard(episode)
            claim.customer = None if after is None else after.customer
            self._groups[self._group(episode, claim)].add(episode)
            if self._horizons is not None and claim.claimed:
                heappush(self._freezing, (fact.time + self._horizons.claim_ms, episode))
        elif now is None:
            claim.feedback.pop(place, None)
        else:
            claim.feedback[place] = now
        self._judged.add(episode)
        if self._disputes.get(fact.conversation):
            # Another close may be the one that a dispute is about now.
            self._disputed.add(fact.conversation)

    def settled(self) -> Iterator[tuple[EpisodeId, Claim, Settled | None]]:
        """Every claim that what changed can bear on, and what became of it; None while open."""
        for conversation in self._disputed:
            self._assign_disputes(conversation)
        groups = {self._group(e, self._claims[e]) for e in self._judged} | self._moved_groups
        self._disputed, self._judged, self._moved_groups = set(), set(), set()
        for group in groups:
            found = self._settle(group)
            for episode in self._groups.get(group, ()):
                claim = self._claims[episode]
                if claim.frozen is None:
                    yield episode, claim, found.get(episode)

    def _settle(self, group: Group) -> dict[EpisodeId, Settled]:
        visits = list(self._visits.get(group, {}).values())
        claims = (self._claims[episode] for episode in self._groups.get(group, ()))
        return settle(claims, visits, self._book)

    def _assign_disputes(self, conversation: str) -> None:
        # Also those without their resolution yet: what is said of the last is not about another.
        claims: list[tuple[int, EpisodeId]] = []
        episodes = self._conversations.get(conversation, set())
        self._judged |= episodes
        for episode in episodes:
            claim = self._claims[episode]
            claim.disputed_at = []
            if claim.claimed and claim.ended is not None:
                claims.append((claim.ended.time, episode))
        for time in self._disputes.get(conversation, {}).values():
            before = [one for one in claims if one[0] < time]
            if before:
                self._claims[max(before)[1]].disputed_at.append(time)

    def _group(self, episode: EpisodeId, claim: Claim) -> Group:
        return episode[0] if claim.customer is None else claim.customer

    # -- erasing -------------------------------------------------------------------------------

    def of_customer(self, customer: bytes) -> list[Fact]:
        """The visits and closes that stand under a customer's digest."""
        return [told.fact for _, _, told in self._named(customer)]

    def _named(self, customer: bytes) -> Iterator[tuple[str, Place, Told]]:
        conversations = {episode[0] for episode in self._groups.get(customer, ())}
        conversations |= {conversation for conversation, _ in self._visits.get(customer, ())}
        for conversation in conversations:
            for place, told in self._standing.get(conversation, {}).items():
                if told.customer == customer:
                    yield conversation, place, told

    def rename(self, customer: bytes, name: bytes) -> set[str]:
        """Let a customer be called `name` from now on; the conversations that it stood in."""
        found = list(self._named(customer))
        for conversation, place, told in found:
            self._standing[conversation][place] = replace(told, customer=name)
        for episode in self._groups.pop(customer, set()):
            self._claims[episode].customer = name
            self._groups[name].add(episode)
        if customer in self._visits:
            self._visits[name].update(self._visits.pop(customer))
        if customer in self._moved_groups:
            self._moved_groups.discard(customer)
            self._moved_groups.add(name)
        conversations = {conversation for conversation, _, _ in found}
        self.touched |= conversations
        return conversations

    # -- forgetting ----------------------------------------------------------------------------

    def freeze(self, reached: int) -> None:
        """Freeze what became of the claims that nothing known after `reached` (ms) can change."""
        while self._freezing and self._freezing[0][0] <= reached:
            due, episode = heappop(self._freezing)
            claim = self._claims.get(episode)
            horizons = self._horizons
            if (
                claim is None
                or claim.frozen is not None
                or claim.ended is None
                or not claim.claimed
            ):
                continue
            assert horizons is not None
            if claim.ended.time + horizons.claim_ms == due:
                settled = self._settle(self._group(episode, claim)).get(episode)
                claim.frozen = settled is not None and settled.reason is None
                self.touched.add(episode[0])

    def forget(self, reached: int) -> Iterator[EpisodeId | tuple[Fact, Fact | None]]:
        """Forget what nothing known after `reached` (ms) can bear on: claims, by their episode,
        and waits that are over, by their opening and end.
        """
        while self._overdue and self._overdue[0][0] <= reached:
            _, conversation, place = heappop(self._overdue)
            told = self._standing.get(conversation, {}).get(place)
            if told is None:
                continue
            due = self._kept_until(told, reached)
            if due > reached:
                heappush(self._overdue, (due, conversation, place))
            else:
                yield from self._drop(told)

    def _kept_until(self, told: Told, reached: int) -> int:
        """When a record can be forgotten, or looked at again (ms)."""
        horizons, fact = self._horizons, told.fact
        assert horizons is not None
        least = fact.time + horizons.record_ms
        if fact.retracts:
            return least
        if fact.kind in (_VISIT, _DISPUTE):
            return fact.time + max(horizons.claim_ms, horizons.link_ms)
        if fact.kind == "escalation_opened":
            ended = self._standing[fact.conversation].get(_end_of(fact))
            if ended is None or ended.fact.retracts:
                return reached + horizons.record_ms  # it waits, or waits again
            return max(least, ended.fact.time + horizons.record_ms)
        if fact.kind == "escalation_ended":
            # It goes with its opening.
            held = _opening_of(fact) in self._standing[fact.conversation]
            return reached + horizons.record_ms if held else least
        claim = self._claims[_episode(fact)]
        if claim.claimed and claim.ended is not None:
            return claim.ended.time + horizons.matter_ms
        if claim.ended is not None:
            return max(least, claim.ended.time + horizons.record_ms)
        if fact.kind == "episode_matured" or not fact.episode:
            return least
        return fact.time + OPEN_EPISODE_MS

    def _drop(self, told: Told) -> Iterator[EpisodeId | tuple[Fact, Fact | None]]:
        fact = told.fact
        if fact.kind in _OF_EPISODES and not fact.retracts:
            episode = _episode(fact)
            self._drop_claim(episode)
            yield episode
            return
        self._remove(fact.conversation, fact.place)
        if fact.kind in _OF_EPISODES:
            claim = self._claims.get(_episode(fact))
            if claim is not None and claim.empty:
                self._drop_claim(_episode(fact))
            return
        if fact.kind == "escalation_opened" and not fact.retracts:
            ended = self._remove(fact.conversation, _end_of(fact))
            yield fact, ended.fact if ended is not None and not ended.fact.retracts else None
        elif fact.kind == _VISIT and told.customer is not None:
            _pop(self._visits, told.customer, (fact.conversation, fact.place))
        elif fact.kind == _DISPUTE:
            _pop(self._disputes, fact.conversation, fact.place)

    def _drop_claim(self, episode: EpisodeId) -> None:
        conversation, life, number = episode
        for place in list(self._standing.get(conversation, ())):
            if place[0] == life and place[2] == number and place[1] in _OF_EPISODES:
                self._remove(conversation, place)
        claim = self._claims.pop(episode)
        group = self._group(episode, claim)
        self._groups[group].discard(episode)
        if not self._groups[group]:
            del self._groups[group]
        self._conversations[conversation].discard(episode)
        if not self._conversations[conversation]:
            del self._conversations[conversation]

    def _remove(self, conversation: str, place: Place) -> Told | None:
        places = self._standing.get(conversation, {})
        told = places.pop(place, None)
        if not places:
            self._standing.pop(conversation, None)
        self.touched.add(conversation)
        return told

    # -- storing -------------------------------------------------------------------------------

    def held(self, conversation: str) -> list[Told]:
        """What is held of a conversation, retractions too."""
        return list(self._standing.get(conversation, {}).values())

    def frozen(self, conversation: str) -> dict[tuple[int, int], bool]:
        """Of a conversation's frozen claims, by life and episode, whether they are billed."""
        found = {e: self._claims[e].frozen for e in self._conversations.get(conversation, ())}
        return {(e[1], e[2]): frozen for e, frozen in found.items() if frozen is not None}

    def restore(
        self, conversation: str, records: Iterable[Told], frozen: dict[tuple[int, int], bool]
    ) -> None:
        """Go on with what an earlier process held of a conversation. `restored` ends it."""
        for record in records:
            self._hold(record)
            if not record.fact.retracts:
                self._file(record.fact.place, None, record)
        for (life, episode), billed in frozen.items():
            self._claims[conversation, life, episode].frozen = billed

    def restored(self) -> None:
        """All conversations are restored: nothing of them has to be judged again."""
        for conversation in self._disputed:
            self._assign_disputes(conversation)
        self._disputed, self._judged, self._moved_groups = set(), set(), set()
        self.touched = set()

    @property
    def conversations(self) -> int:
        """How many conversations something is held of."""
        return len(self._standing)


def _pop(index: dict[_Key, dict[_Entry, _Value]], key: _Key, place: _Entry) -> None:
    held = index.get(key, {})
    held.pop(place, None)
    if not held:
        index.pop(key, None)


def _end_of(opened: Fact) -> Place:
    return (opened.life, "escalation_ended", opened.episode, opened.ordinal)


def _opening_of(ended: Fact) -> Place:
    return (ended.life, "escalation_opened", ended.episode, ended.ordinal)


def _episode(fact: Fact) -> EpisodeId:
    return (fact.conversation, fact.life, fact.episode)


def _order(fact: Fact) -> tuple[int, bool]:
    return (fact.revision, fact.retracts)
