"""What billing holds of one conversation, and what follows from that alone. BILLING.md sections 1
and 2.

All of it follows from the records that stand, what was frozen and what was told, so that a
conversation can be put away at any moment and taken up again. Times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from msgspec.structs import replace

from streams.domain.billing.horizons import RETRACTED_KEPT_MS, Horizons
from streams.domain.billing.items import RETRACTED, Account
from streams.domain.billing.records import EpisodeId, Told
from streams.domain.billing.resolutions import Claim
from streams.domain.facts import Fact, FactKind

# (life, episode)
Run = tuple[int, int]
# Within a conversation: life, kind, episode, ordinal.
Place = tuple[int, str, int, int]
VISIT: Final[FactKind] = "customer_visited"
DISPUTE: Final[FactKind] = "resolution_disputed"
OF_EPISODES: Final = frozenset(
    ("episode_ended", "episode_matured", "csat_received", "qa_evaluated")
)
# What may be of a customer.
OF_LINKS: Final[frozenset[FactKind]] = frozenset((VISIT, "episode_ended"))
# What waits are made of; held only where a clause asks who waited.
OF_WAITS: Final[frozenset[FactKind]] = frozenset(("escalation_opened", "escalation_ended"))


class Wait(NamedTuple):
    """An escalation as it stands: its opening, and when it ended; None: not."""

    opened: Fact | None
    ended: int | None


class Conversation:
    """One conversation's records, retractions too, by place; of its frozen claims whether they are
    billed, and what was told of each claim.

    `look` is when it is to be looked at for what can be forgotten, `freezes` when the next of its
    claims is to be frozen (None: never).
    """

    __slots__ = ("_claims", "accounts", "freezes", "frozen", "look", "name", "standing")

    def __init__(
        self,
        name: str,
        standing: dict[Place, Told] | None = None,
        frozen: dict[Run, bool] | None = None,
        accounts: dict[Run, Account] | None = None,
        look: int | None = None,
        freezes: int | None = None,
    ) -> None:
        self.name = name
        self.standing = {} if standing is None else standing
        self.frozen = {} if frozen is None else frozen
        self.accounts = {} if accounts is None else accounts
        self.look = look
        self.freezes = freezes
        self._claims: dict[Run, Claim] | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is held of it."""
        return not self.standing and not self.accounts

    def take(self, record: Told) -> None:
        """Let a record stand at its place."""
        self.standing[record.fact.place] = record
        self._claims = None

    def freeze(self, run: Run, billed: bool) -> None:
        """What became of a claim is so for good."""
        self.frozen[run] = billed
        self._claims = None

    # -- what follows --------------------------------------------------------------------------

    @property
    def claims(self) -> dict[Run, Claim]:
        """The claims of its episodes, also of those of which nothing stands any more."""
        if self._claims is None:
            self._claims = self._claims_now()
        return self._claims

    def _claims_now(self) -> dict[Run, Claim]:
        claims: dict[Run, Claim] = {}
        disputes: list[int] = []
        for place, told in self.standing.items():
            life, kind, episode, _ = place
            fact = told.fact
            if kind in OF_EPISODES:
                claim = claims.get((life, episode))
                if claim is None:
                    claim = claims[life, episode] = Claim(frozen=self.frozen.get((life, episode)))
                if fact.retracts:
                    continue
                if kind == "episode_ended":
                    claim.ended, claim.customer = fact, told.customer
                elif kind == "episode_matured":
                    claim.matured = fact
                else:
                    claim.feedback[place] = fact
            elif kind == DISPUTE and not fact.retracts:
                disputes.append(fact.time)
        if disputes:
            _assign(disputes, claims)
        return claims

    @property
    def disputed(self) -> bool:
        """Whether any dispute stands, so that a claim bears on what is said of the others."""
        return any(p[1] == DISPUTE and not t.fact.retracts for p, t in self.standing.items())

    def of_customer(self, customer: bytes) -> Iterator[Fact]:
        """The visits and closes that stand under a customer's digest."""
        return (told.fact for told in self.standing.values() if told.customer == customer)

    @property
    def customers(self) -> set[bytes]:
        """Whose visits and closes stand in it."""
        return {told.customer for told in self.standing.values() if told.customer is not None}

    def wait(self, fact: Fact) -> Wait:
        """The escalation that a fact of one is about."""
        opened = self.standing.get((fact.life, "escalation_opened", fact.episode, fact.ordinal))
        ended = self.standing.get((fact.life, "escalation_ended", fact.episode, fact.ordinal))
        return Wait(
            None if opened is None or opened.fact.retracts else opened.fact,
            None if ended is None or ended.fact.retracts else ended.fact.time,
        )

    @property
    def waits(self) -> Iterator[Fact]:
        """The openings that stand of escalations that have not ended."""
        for place, told in self.standing.items():
            if place[1] == "escalation_opened" and not told.fact.retracts:
                wait = self.wait(told.fact)
                if wait.ended is None:
                    yield told.fact

    def rename(self, customer: bytes, name: bytes) -> bool:
        """Let a customer be called `name` from now on; whether it stood in it."""
        found = [place for place, told in self.standing.items() if told.customer == customer]
        for place in found:
            self.standing[place] = replace(self.standing[place], customer=name)
        self._claims = None
        return bool(found)

    # -- forgetting ----------------------------------------------------------------------------

    def next_freeze(self, horizons: Horizons) -> int | None:
        """When the first of its claims can be frozen; None without any that can."""
        return min(
            (
                claim.ended.time + horizons.claim_ms
                for claim in self.claims.values()
                if claim.frozen is None and claim.claimed and claim.ended is not None
            ),
            default=None,
        )

    def forget(self, reached: int, horizons: Horizons) -> int:
        """Forget what nothing known after `reached` can bear on; when to look again for the rest.

        All goes at once where that is possible: a record that has to stay is looked at as often as
        one that does not.
        """
        gone: list[Told] = []
        runs: set[Run] = set()
        look = reached
        for told in self.standing.values():
            until = self._kept_until(told, reached, horizons)
            if until > reached:
                look = max(look, until)
            elif told.fact.kind in OF_EPISODES and not told.fact.retracts:
                runs.add((told.fact.life, told.fact.episode))
            else:
                gone.append(told)
        for told in gone:
            self.standing.pop(told.fact.place, None)
            if told.fact.kind == "escalation_opened" and not told.fact.retracts:
                self.standing.pop(_end_of(told.fact), None)
        for place in [p for p in self.standing if p[1] in OF_EPISODES and (p[0], p[2]) in runs]:
            del self.standing[place]
        self._claims = None
        for run in self.frozen.keys() - self.claims.keys():
            del self.frozen[run]
        for run in self.accounts.keys() - self.claims.keys():
            until = _account_kept_until(self.accounts[run])
            if until <= reached:
                del self.accounts[run]
            elif not self.standing:
                look = max(look, until)
        return look

    def _kept_until(self, told: Told, reached: int, horizons: Horizons) -> int:
        """When a record can be forgotten, or looked at again."""
        fact = told.fact
        least = fact.time + horizons.record_ms
        if fact.retracts:
            return least
        if fact.kind in (VISIT, DISPUTE):
            return fact.time + max(horizons.claim_ms, horizons.link_ms)
        if fact.kind == "escalation_opened":
            ended = self.wait(fact).ended
            if ended is None:
                return reached + horizons.record_ms  # it waits, or waits again
            return max(least, ended + horizons.record_ms)
        if fact.kind == "escalation_ended":
            # It goes with its opening.
            held = _opening_of(fact) in self.standing
            return reached + horizons.record_ms if held else least
        claim = self.claims[fact.life, fact.episode]
        if claim.claimed and claim.ended is not None:
            return claim.ended.time + horizons.matter_ms
        if claim.ended is not None:
            return max(least, claim.ended.time + horizons.record_ms)
        if fact.kind == "episode_matured" or not fact.episode:
            return least
        # What is said of an episode that has not ended waits for its end, which comes: by timers at
        # the latest, and before the lifecycle forgets it.
        return max(least, reached + horizons.record_ms)


def _account_kept_until(account: Account) -> int:
    # What was retracted may stand again, under the same ids.
    if account.told != RETRACTED or account.last is None:
        return -(1 << 62)
    return account.last.time + RETRACTED_KEPT_MS


def _assign(disputes: Iterable[int], claims: dict[Run, Claim]) -> None:
    # Also those without their resolution yet: what is said of the last is not about another.
    closes = [
        (claim.ended.time, run)
        for run, claim in claims.items()
        if claim.claimed and claim.ended is not None
    ]
    for time in disputes:
        before = [close for close in closes if close[0] < time]
        if before:
            claims[max(before)[1]].disputed_at.append(time)


def _end_of(opened: Fact) -> Place:
    return (opened.life, "escalation_ended", opened.episode, opened.ordinal)


def _opening_of(ended: Fact) -> Place:
    return (ended.life, "escalation_opened", ended.episode, ended.ordinal)


def episode_of(conversation: str, run: Run) -> EpisodeId:
    """A conversation's episode, as billing names it."""
    return (conversation, *run)
