"""What is to be asserted about one conversation: its episodes and notes written as facts.

DEFINITIONS.md section 6. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from streams.domain.contract import ContractBook, Terms
from streams.domain.facts import FACT_KINDS, Fact, FactKind
from streams.domain.memory import DAY_MS
from streams.oracle.conversation import Conversation
from streams.oracle.episodes import Episode, episodes_of
from streams.oracle.escalation import Escalation
from streams.oracle.links import is_link
from streams.oracle.note_facts import note_facts
from streams.oracle.outcomes import eligible_at, is_resolved, is_safe, maturity, outcome_of
from streams.oracle.responses import first_response
from streams.oracle.visits import visited_at

Place = tuple[int, str, int, int]
ONLY = 1
_RESPONSE_ORDINALS = {"ai": 1, "human": 2}
_KIND_ORDER = {kind: order for order, kind in enumerate(FACT_KINDS)}


class Assertions(NamedTuple):
    """Every fact to the end of time, at revision 0: by time, then section 6's order of kinds, then
    episode and ordinal.

    `customers`: whose the visits and resolved closes are, by their facts' places, where it is
    known. No fact says it.
    """

    facts: list[Fact]
    customers: dict[Place, str]


def assertions_of(conversation: Conversation, book: ContractBook) -> Assertions:
    """What follows from one life of a conversation."""
    facts = list(_Writer(conversation, book).facts())
    facts.sort(key=lambda f: (f.time, _KIND_ORDER[f.kind], f.episode, f.ordinal))
    customers: dict[Place, str] = {}
    for fact in facts:
        customer = conversation.customer_at(fact.time) if is_link(fact) else None
        if customer is not None:
            customers[fact.place] = customer
    return Assertions(facts, customers)


class _Writer:
    def __init__(self, conversation: Conversation, book: ContractBook) -> None:
        self._conversation = conversation
        self._book = book
        self._episodes = episodes_of(conversation, self._terms_at)

    def _terms_at(self, time: int) -> Terms:
        return self._book.at(self._conversation.contract, time)

    def facts(self) -> Iterator[Fact]:
        for episode in self._episodes:
            for number, failure in enumerate(episode.failures, start=1):
                at = failure.time
                detail = {"reason": failure.word, "first": number == 1}
                channel = failure.channel
                yield self._fact("ai_failure", episode.ordinal, number, at, at, channel, detail)
            visit = visited_at(self._conversation, episode)
            if visit is not None:
                channel = episode.channel
                yield self._fact(
                    "customer_visited", episode.ordinal, ONLY, visit, visit, channel, {}
                )
            yield from self._response_facts(episode)
            for escalation in episode.escalations:
                yield from self._escalation_facts(episode, escalation)
            yield from self._episode_facts(episode)
        for told in note_facts(self._conversation.notes, self._episodes, self._terms_at):
            yield self._fact(
                told.kind,
                told.episode,
                told.ordinal,
                told.time,
                told.judged_at,
                told.channel,
                told.detail,
            )

    def _response_facts(self, episode: Episode) -> Iterator[Fact]:
        response = first_response(self._conversation, episode, self._terms_at)
        if response is None:
            return
        asked_at = response.asked_at

        def fact(kind: FactKind, number: int, time: int, **detail: Any) -> Fact:
            told = {"t0": asked_at, **detail}
            channel = episode.channel
            return self._fact(
                kind, episode.ordinal, number, time, asked_at, channel, told, known_at=asked_at
            )

        for answer in response.answers:
            yield fact(
                "response_given",
                _RESPONSE_ORDINALS[answer.by],
                answer.at,
                by=answer.by,
                first=answer.first,
                latency_ms=answer.latency_ms,
                within=answer.within,
            )
        if response.missed_at is not None:
            threshold = response.threshold_ms
            yield fact("response_missed", ONLY, response.missed_at, threshold_ms=threshold)

    def _escalation_facts(self, episode: Episode, one: Escalation) -> Iterator[Fact]:
        def fact(kind: FactKind, time: int, **detail: Any) -> Fact:
            # Attributes as of the opening: a wait ends under the key that it opened in.
            told = {"t0": one.t0, **detail}
            number, channel = one.ordinal, one.channel
            return self._fact(
                kind, episode.ordinal, number, time, one.t0, channel, told, known_at=one.known
            )

        eligible = eligible_at(self._conversation, one.known) and not one.excluded
        yield fact("escalation_opened", one.known, eligible=eligible, excluded=one.excluded)
        if one.overdue_at is not None:
            yield fact("escalation_overdue", one.overdue_at, threshold_ms=one.threshold_ms)
        yield fact(
            "escalation_ended",
            one.ended_at,
            outcome=one.outcome,
            latency_ms=one.latency_ms,
            service_latency_ms=one.service_latency_ms,
            within=one.within,
            overdue=one.overdue_at is not None,
            clamped=one.clamped,
            requested_ms=_leg(one.t0, one.requested_at),
            queued_ms=_leg(one.t0, one.queued_at),
            offered_ms=_leg(one.t0, one.offered_at),
            accepted_ms=_leg(one.t0, one.accepted_at),
            answer=one.answer,
            removed_within=one.removed_within,
            context_complete=one.context_complete,
        )

    def _episode_facts(self, episode: Episode) -> Iterator[Fact]:
        about, close = self._conversation, episode.closed_at
        terms = self._terms_at(close)
        excluded = terms.excluded(close, episode.channel)
        eligible = eligible_at(about, close) and not excluded
        outcome = outcome_of(episode) if eligible else None

        def fact(kind: FactKind, time: int, detail: dict[str, Any]) -> Fact:
            return self._fact(kind, episode.ordinal, ONLY, time, close, episode.channel, detail)

        yield fact(
            "episode_ended",
            close,
            {
                "cause": episode.cause,
                "eligible": eligible,
                "outcome": outcome,
                "safe": is_safe(episode) if outcome == "escalated" else None,
                "excluded": excluded,
                "repeated": episode.repeated,
                "resolved": is_resolved(about, episode) if eligible else None,
            },
        )
        if eligible:
            until = close + terms.verification_ms
            yield fact("episode_matured", until, maturity(about, self._episodes, episode, until))

    def _fact(
        self,
        kind: FactKind,
        episode: int,
        ordinal: int,
        time: int,
        judged_at: int,
        channel: str,
        detail: dict[str, Any],
        *,
        known_at: int | None = None,
    ) -> Fact:
        """A fact by the terms in force at `judged_at`, with the attributes as of `known_at`, which
        is the fact's own time unless told.
        """
        about = self._conversation
        as_of = time if known_at is None else known_at
        return Fact(
            kind=kind,
            contract=about.contract,
            version=self._terms_at(judged_at).version,
            conversation=about.id,
            life=about.first_said // DAY_MS,
            episode=episode,
            ordinal=ordinal,
            time=time,
            channel=channel,
            market=about.attribute_at("market", as_of),
            journey=about.attribute_at("journey", as_of),
            supplier=about.attribute_at("supplier", as_of),
            prompt_version=about.attribute_at("prompt_version", as_of),
            model=about.attribute_at("model", as_of),
            knowledge_version=about.attribute_at("knowledge_version", as_of),
            detail=detail,
        )


def _leg(t0: int, reached_at: int | None) -> int | None:
    return None if reached_at is None else max(0, reached_at - t0)
