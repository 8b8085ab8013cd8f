"""A conversation's episodes written as facts. DEFINITIONS.md sections 6 and 7."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from streams.domain.contract import ContractBook
from streams.domain.episode import Episode, Escalation
from streams.domain.facts import FACT_KINDS, Fact, FactKind
from streams.domain.interaction import CLAIMED, EVIDENCE, NO, YES, Interaction
from streams.domain.memory import DAY_MS

_POSITIVE: Final = frozenset({"customer_confirmed", "system_of_record", "qa_pass"})
_KIND_ORDER: Final[dict[str, int]] = {kind: order for order, kind in enumerate(FACT_KINDS)}


class FactWriter:
    """Writes the facts of one conversation up to a moment; `due` is when the next could come.

    `returns` are the times (ms) at which the customer is known to have come back.
    """

    __slots__ = (
        "book",
        "contract",
        "conversation",
        "due",
        "episodes",
        "life",
        "returns",
        "state",
        "upto",
    )

    def __init__(
        self,
        state: Interaction,
        contract: str,
        conversation: str,
        book: ContractBook,
        episodes: Sequence[Episode],
        returns: Sequence[int],
        upto: int,
    ) -> None:
        self.state = state
        self.contract = contract
        self.conversation = conversation
        self.book = book
        self.episodes = episodes
        self.returns = returns
        self.upto = upto
        self.due: int | None = None
        # Whatever opens an episode is activity, so a fact without a burst does not exist.
        self.life = state.bursts[0] // DAY_MS if state.bursts else 0

    def _wake(self, time: int) -> None:
        if time > self.upto and (self.due is None or time < self.due):
            self.due = time

    def facts(self, after: int | None) -> list[Fact]:
        """Every fact with after < time <= upto, in order of time and section 6's table."""
        floor = after if after is not None else -(1 << 62)
        found: list[Fact] = []
        for episode in self.episodes:
            for ordinal, (time, channel, reason) in enumerate(episode.failures, 1):
                if floor < time <= self.upto:
                    detail = {"reason": reason, "first": ordinal == 1}
                    version = self.book.at(self.contract, time).version
                    found.append(
                        self._fact("ai_failure", episode, ordinal, time, version, channel, detail)
                    )
            for ordinal, escalation in enumerate(episode.escalations, 1):
                self._escalation_facts(found, floor, episode, ordinal, escalation)
            if episode.closed_at is not None:
                self._episode_facts(found, floor, episode, episode.closed_at)
        found.sort(key=_in_order)
        return found

    def _escalation_facts(
        self, found: list[Fact], floor: int, episode: Episode, ordinal: int, escalation: Escalation
    ) -> None:
        version, channel = escalation.terms.version, escalation.channel
        known = escalation.known

        def add(kind: FactKind, time: int, detail: dict[str, Any]) -> None:
            if floor < time <= self.upto:
                fact = self._fact(kind, episode, ordinal, time, version, channel, detail, known)
                found.append(fact)

        eligible = self._eligible(episode, known)
        add("escalation_opened", known, {"t0": escalation.t0, "eligible": eligible})
        overdue_at = escalation.overdue_at
        if overdue_at is not None:
            detail = {"t0": escalation.t0, "threshold_ms": escalation.threshold_ms}
            add("escalation_overdue", overdue_at, detail)
            if escalation.ended_at is None:
                self._wake(overdue_at)
        if escalation.ended_at is not None:
            add("escalation_ended", escalation.ended_fact_at, escalation.ended_detail())

    def _episode_facts(self, found: list[Fact], floor: int, episode: Episode, close: int) -> None:
        terms = self.book.at(self.contract, close)
        version, channel = terms.version, episode.channel
        eligible = self._eligible(episode, close)
        outcome, safe = episode.outcome() if eligible else (None, None)
        if floor < close <= self.upto:
            detail = {
                "cause": episode.cause,
                "eligible": eligible,
                "outcome": outcome,
                "safe": safe,
            }
            found.append(self._fact("episode_ended", episode, 1, close, version, channel, detail))
        matured = close + terms.verification_ms
        self._wake(matured)
        if outcome is not None and floor < matured <= self.upto:
            final = self._final_outcome(episode, outcome, safe, close, matured)
            detail = {"outcome": final}
            found.append(
                self._fact("episode_matured", episode, 1, matured, version, channel, detail)
            )

    def _eligible(self, episode: Episode, time: int) -> bool:
        state = self.state
        served = (state.ai_seen is not None and state.ai_seen <= time) or any(
            failed <= time for failed, _, _ in episode.failures
        )
        return served and state.spoke is not None and state.spoke <= time

    def _final_outcome(
        self, episode: Episode, outcome: str, safe: bool | None, close: int, matured: int
    ) -> str:
        if outcome == "escalated":
            return "escalated_safe" if safe else "escalated_unsafe"
        if outcome != "contained":
            return outcome
        if any(close < e.opened_at <= matured for e in self.episodes if e is not episode):
            return "void"
        if any(close < time <= matured for time in self.returns):
            return "void"
        claimed = confirmed = False
        for time, rank, _, a, b, _ in self.state.milestones:
            if rank == EVIDENCE and b == NO and close < time <= matured:
                return "void"
            if episode.opened_at <= time <= matured:
                if rank == CLAIMED:
                    claimed = claimed or a == "ai"
                elif rank == EVIDENCE:
                    confirmed = confirmed or (b == YES and a in _POSITIVE)
        return "verified" if claimed and confirmed else "assumed"

    def _fact(
        self,
        kind: FactKind,
        episode: Episode,
        ordinal: int,
        time: int,
        version: int,
        channel: str,
        detail: dict[str, Any],
        known: int | None = None,
    ) -> Fact:
        state = self.state
        # All facts of an escalation stand where it opened, else its wait would not end there.
        stated_by = time if known is None else known
        return Fact(
            kind=kind,
            contract=self.contract,
            version=version,
            conversation=self.conversation,
            life=self.life,
            episode=episode.ordinal,
            ordinal=ordinal,
            time=time,
            channel=channel,
            market=_attribute(state.market, stated_by),
            journey=_attribute(state.journey, stated_by),
            supplier=_attribute(state.supplier, stated_by),
            detail=detail,
        )


def _attribute(stated: tuple[int, str] | None, time: int) -> str:
    return stated[1] if stated is not None and stated[0] <= time else "unknown"


def _in_order(fact: Fact) -> tuple[int, int, int, int]:
    return (fact.time, _KIND_ORDER[fact.kind], fact.episode, fact.ordinal)
