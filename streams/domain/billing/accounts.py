"""What billing holds of a contract's customers: standing records, and whose claims they bear on.
BILLING.md section 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from streams.domain.billing.records import EpisodeId, Told
from streams.domain.billing.resolutions import Claim, Settled, settle
from streams.domain.contract import ContractBook
from streams.domain.facts import Fact

# A customer, or the conversation whose customer nobody knows.
Group = bytes | str
Place = tuple[str, int, str, int, int]
_OF_EPISODES = frozenset(("episode_ended", "episode_matured", "csat_received", "qa_evaluated"))


class Accounts:
    """The standing records of one contract, by customer.

    `take` says what changed of the facts that stand: the one that stood at a place, and the one
    that stands there now, each with its customer (None: none). `settled` judges again those whose
    records changed since it was last asked.
    """

    def __init__(self, book: ContractBook) -> None:
        self._book = book
        self._standing: dict[Place, Told] = {}
        self._claims: dict[EpisodeId, Claim] = {}
        self._groups: dict[Group, set[EpisodeId]] = defaultdict(set)
        self._visits: dict[Group, dict[Place, Fact]] = defaultdict(dict)
        self._conversations: dict[str, set[EpisodeId]] = defaultdict(set)
        self._disputes: dict[str, dict[Place, int]] = defaultdict(dict)
        self._disputed: set[str] = set()
        self._touched: set[EpisodeId] = set()
        self._touched_groups: set[Group] = set()

    def take(self, record: Told) -> tuple[Told | None, Told | None]:
        """Take one record; (None, None) where nothing follows from it."""
        fact = record.fact
        place: Place = (fact.conversation, *fact.place)
        held = self._standing.get(place)
        if held is not None and _order(record.fact) <= _order(held.fact):
            return None, None
        self._standing[place] = record
        before = held if held is not None and not held.fact.retracts else None
        after = record if not fact.retracts else None
        self._file(place, before, after)
        return before, after

    def _file(self, place: Place, before: Told | None, after: Told | None) -> None:
        one = after or before
        if one is None:
            return
        if one.fact.kind == "customer_visited":
            for told in (before, after):
                if told is not None and told.customer is not None:
                    self._touched_groups.add(told.customer)
                    self._visits[told.customer].pop(place, None)
            if after is not None and after.customer is not None:
                self._visits[after.customer][place] = after.fact
        elif one.fact.kind == "resolution_disputed":
            disputes = self._disputes[one.fact.conversation]
            disputes.pop(place, None)
            if after is not None:
                disputes[place] = after.fact.time
            self._disputed.add(one.fact.conversation)
        elif one.fact.kind in _OF_EPISODES:
            self._file_claim(place, one.fact, after)

    def _file_claim(self, place: Place, fact: Fact, after: Told | None) -> None:
        episode = (fact.conversation, fact.life, fact.episode)
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
            self._touched_groups.add(group)
            self._groups[group].discard(episode)
            claim.customer = None if after is None else after.customer
            self._groups[self._group(episode, claim)].add(episode)
        elif now is None:
            claim.feedback.pop(place[1:], None)
        else:
            claim.feedback[place[1:]] = now
        self._touched.add(episode)
        if self._disputes.get(fact.conversation):
            # Another close may be the one that a dispute is about now.
            self._disputed.add(fact.conversation)

    def settled(self) -> Iterator[tuple[EpisodeId, Claim, Settled | None]]:
        """Every claim that what changed can bear on, and what became of it; None while open."""
        for conversation in self._disputed:
            self._assign_disputes(conversation)
        self._disputed = set()
        groups = {self._group(e, self._claims[e]) for e in self._touched} | self._touched_groups
        self._touched, self._touched_groups = set(), set()
        for group in groups:
            episodes = self._groups.get(group, set())
            visits = list(self._visits.get(group, {}).values())
            found = settle((self._claims[e] for e in episodes), visits, self._book)
            for episode in episodes:
                yield episode, self._claims[episode], found.get(episode)

    def _assign_disputes(self, conversation: str) -> None:
        # Also those without their resolution yet: what is said of the last is not about another.
        claims: list[tuple[int, EpisodeId]] = []
        self._touched |= self._conversations[conversation]
        for episode in self._conversations[conversation]:
            claim = self._claims[episode]
            claim.disputed_at = []
            if claim.claimed and claim.ended is not None:
                claims.append((claim.ended.time, episode))
        for time in self._disputes[conversation].values():
            before = [one for one in claims if one[0] < time]
            if before:
                self._claims[max(before)[1]].disputed_at.append(time)

    def _group(self, episode: EpisodeId, claim: Claim) -> Group:
        return episode[0] if claim.customer is None else claim.customer

    def standing(self) -> Iterator[Told]:
        """Every fact that stands, in no order."""
        return (told for told in self._standing.values() if not told.fact.retracts)


def _order(fact: Fact) -> tuple[int, bool]:
    return (fact.revision, fact.retracts)
