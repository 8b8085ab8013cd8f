"""What is to be asserted about one conversation: its episodes written as facts.

DEFINITIONS.md sections 6 (facts) and 7 (outcomes). All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from streams.domain.contract import ContractBook, Terms
from streams.domain.facts import FACT_KINDS, Fact, FactKind
from streams.domain.memory import DAY_MS
from streams.oracle.conversation import Conversation
from streams.oracle.episodes import Episode, Escalation, episodes_of

EPISODE_FACT_ORDINAL = 1
_VERIFYING_EVIDENCE = frozenset(("customer_confirmed", "system_of_record", "qa_pass"))
_KIND_ORDER = {kind: order for order, kind in enumerate(FACT_KINDS)}


def facts_of(conversation: Conversation, book: ContractBook) -> list[Fact]:
    """Every fact to the end of time, at revision 0.

    By time, then section 6's order of kinds, then episode and ordinal.
    """
    facts = list(_Writer(conversation, book).facts())
    facts.sort(key=lambda f: (f.time, _KIND_ORDER[f.kind], f.episode, f.ordinal))
    return facts


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
                yield self._fact(
                    "ai_failure",
                    episode,
                    number,
                    failure.time,
                    failure.time,
                    failure.channel,
                    {"reason": failure.word, "first": number == 1},
                )
            for escalation in episode.escalations:
                yield from self._escalation_facts(episode, escalation)
            yield from self._episode_facts(episode)

    def _escalation_facts(self, episode: Episode, one: Escalation) -> Iterator[Fact]:
        def fact(kind: FactKind, time: int, **detail: Any) -> Fact:
            # Attributes as of the opening: a wait ends under the key that it opened in.
            plain = self._fact(
                kind, episode, one.ordinal, one.known, one.t0, one.channel, {"t0": one.t0, **detail}
            )
            return replace(plain, time=time)

        yield fact("escalation_opened", one.known, eligible=self._eligible_at(one.known))
        if one.overdue_at is not None:
            yield fact("escalation_overdue", one.overdue_at, threshold_ms=one.threshold_ms)
        yield fact(
            "escalation_ended",
            one.ended_at,
            outcome=one.outcome,
            latency_ms=one.latency_ms,
            within=one.within,
            overdue=one.overdue_at is not None,
            clamped=one.clamped,
            requested_ms=_leg(one.t0, one.requested_at),
            queued_ms=_leg(one.t0, one.queued_at),
            offered_ms=_leg(one.t0, one.offered_at),
            accepted_ms=_leg(one.t0, one.accepted_at),
        )

    def _episode_facts(self, episode: Episode) -> Iterator[Fact]:
        close = episode.closed_at
        terms = self._terms_at(close)
        eligible = self._eligible_at(close)
        outcome = _outcome(episode) if eligible else None
        safe = _safe(episode) if outcome == "escalated" else None

        def fact(kind: FactKind, time: int, detail: dict[str, Any]) -> Fact:
            number = EPISODE_FACT_ORDINAL
            return self._fact(kind, episode, number, time, close, episode.channel, detail)

        yield fact(
            "episode_ended",
            close,
            {"cause": episode.cause, "eligible": eligible, "outcome": outcome, "safe": safe},
        )
        if outcome is None:
            return
        if outcome == "contained":
            final = self._matured_containment(episode, close + terms.verification_ms)
        elif outcome == "escalated":
            final = "escalated_safe" if safe else "escalated_unsafe"
        else:
            final = outcome
        yield fact("episode_matured", close + terms.verification_ms, {"outcome": final})

    def _eligible_at(self, time: int) -> bool:
        about = self._conversation
        return _by(about.ai_seen, time) and _by(about.customer_spoke, time)

    def _matured_containment(self, episode: Episode, until: int) -> str:
        milestones = self._conversation.milestones
        after = [m for m in milestones if episode.closed_at < m.time <= until]
        if (
            any(episode.closed_at < other.opened_at <= until for other in self._episodes)
            or any(m.kind in ("resolution.reopened", "resolution.recontacted") for m in after)
            or any(m.kind == "resolution.evidence" and m.flag is False for m in after)
        ):
            return "void"
        during = [m for m in milestones if episode.opened_at <= m.time <= until]
        claimed = any(m.kind == "resolution.claimed" and m.word == "ai" for m in during)
        proven = any(
            m.kind == "resolution.evidence" and m.flag and m.word in _VERIFYING_EVIDENCE
            for m in during
        )
        return "verified" if claimed and proven else "assumed"

    def _fact(
        self,
        kind: FactKind,
        episode: Episode,
        ordinal: int,
        time: int,
        judged_at: int,
        channel: str,
        detail: dict[str, Any],
    ) -> Fact:
        about = self._conversation
        return Fact(
            kind=kind,
            contract=about.contract,
            version=self._terms_at(judged_at).version,
            conversation=about.id,
            life=about.bursts[0].start // DAY_MS,
            episode=episode.ordinal,
            ordinal=ordinal,
            time=time,
            channel=channel,
            market=about.attribute_at("market", time),
            journey=about.attribute_at("journey", time),
            supplier=about.attribute_at("supplier", time),
            detail=detail,
        )


def _leg(t0: int, reached_at: int | None) -> int | None:
    return None if reached_at is None else max(0, reached_at - t0)


def _by(happened_at: int | None, time: int) -> bool:
    return happened_at is not None and happened_at <= time


def _outcome(episode: Episode) -> str:
    ends = {one.outcome for one in episode.escalations}
    if "trapped" in ends:
        return "trapped"
    if ends & {"abandoned", "expired"}:
        return "abandoned"
    return "escalated" if episode.human_involved else "contained"


def _safe(episode: Episode) -> bool:
    if episode.repeated:
        return False
    for one in episode.escalations:
        if one.outcome != "taken_over" or one.within is False:
            return False
        if not one.returned_to_queue and not one.required_context <= one.fields_present:
            return False
    return True
