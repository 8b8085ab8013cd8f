"""How each episode went, and why it came to its outcome. DEFINITIONS.md sections 4 and 7.

Times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from streams.domain.contract import ContractBook, Exclusion, Terms
from streams.oracle.conversation import Conversation, Milestone
from streams.oracle.episodes import OPENING_KINDS, Episode, episodes_of
from streams.oracle.notes import deletions, evaluations
from streams.oracle.outcomes import eligible_at, is_safe, maturity, outcome_of
from streams.trace.humans import humans_of
from streams.trace.model import Attribute, Maturity, Reason, Run
from streams.trace.shown import Agents
from streams.trace.waits import wait_of

_PROOF = ("customer_confirmed", "system_of_record", "qa_pass")


def runs_of(about: Conversation, book: ContractBook, upto: int, agents: Agents) -> list[Run]:
    """Every episode that had opened by `upto`, as of then."""

    def terms_at(time: int) -> Terms:
        return book.at(about.contract, time)

    episodes = [one for one in episodes_of(about, terms_at) if one.opened_at <= upto]
    return [
        _Told(about, episodes, one, terms_at(one.closed_at), upto).run(agents) for one in episodes
    ]


class _Told:
    def __init__(
        self,
        about: Conversation,
        episodes: Sequence[Episode],
        episode: Episode,
        terms: Terms,
        upto: int,
    ) -> None:
        self._about = about
        self._episodes = episodes
        self._episode = episode
        self._terms = terms  # in force at the close
        self._upto = upto

    def run(self, agents: Agents) -> Run:
        episode, upto = self._episode, self._upto
        closed = episode.closed_at <= upto
        excluded = self._exclusion() if closed else None
        eligible = closed and excluded is None and eligible_at(self._about, episode.closed_at)
        escalated = eligible and outcome_of(episode) == "escalated"
        return Run(
            ordinal=episode.ordinal,
            opened_at=episode.opened_at,
            opened_by=self._opened_by(),
            channel=episode.channel,
            closed_at=episode.closed_at if closed else None,
            cause=episode.cause if closed else None,
            failures=[
                Attribute(name="reason", value=m.word, since=m.time)
                for m in episode.failures
                if m.time <= upto
            ],
            waits=[
                wait_of(one, episode, self._about.milestones, upto)
                for one in episode.escalations
                if one.known <= upto
            ],
            humans=humans_of(episode, self._about.milestones, agents, upto),
            eligible=eligible if closed else None,
            eligible_why=self._eligible_why(excluded) if closed else "",
            outcome=outcome_of(episode) if eligible else None,
            safe=is_safe(episode) if escalated else None,
            safe_why=list(self._unsafe()) if escalated else [],
            maturity=self._maturity() if eligible else None,
        )

    def _opened_by(self) -> str:
        at = self._episode.opened_at
        kinds = [m.kind for m in self._about.milestones if m.time == at and m.kind in OPENING_KINDS]
        return kinds[0] if kinds else "the first activity of a run"

    def _exclusion(self) -> Exclusion | None:
        close, channel = self._episode.closed_at, self._episode.channel
        return next((e for e in self._terms.exclusions if e.covers(close, channel)), None)

    def _eligible_why(self, excluded: Exclusion | None) -> str:
        if excluded is not None:
            return f"its close is excluded by the contract: {excluded.reason}"
        close = self._episode.closed_at
        lacks = [
            what
            for what, since in (
                ("no AI was involved", self._about.ai_seen),
                ("the customer had not spoken", self._about.customer_spoke),
            )
            if since is None or since > close
        ]
        return " and ".join(lacks) or "an AI was involved and the customer had spoken"

    def _unsafe(self) -> Iterator[str]:
        """What keeps an escalated episode from being safe."""
        if self._episode.repeated:
            yield "the customer had to repeat what had been said"
        for one in self._episode.escalations:
            which = f"escalation {one.ordinal}"
            if one.outcome != "taken_over":
                yield f"{which} ended {one.outcome}"
            elif one.within is False:
                waited, most = one.judged_latency_ms, one.threshold_ms
                yield f"{which} was taken over after {waited:,} ms, later than {most:,} ms"
            missing = one.terms.required_context - one.fields_present
            if missing and not one.returned_to_queue:
                yield f"{which} came without {', '.join(sorted(missing))}"

    # -- maturity ---------------------------------------------------------------------------------

    def _maturity(self) -> Maturity:
        window = self._terms.verification_ms
        at = self._episode.closed_at + window
        final = None
        if at <= self._upto:
            final = str(maturity(self._about, self._episodes, self._episode, at)["outcome"])
        return Maturity(
            at=at,
            version=self._terms.version,
            verification_ms=window,
            final=final,
            why=list(self._evidence(min(at, self._upto))),
        )

    def _evidence(self, until: int) -> Iterator[Reason]:
        """What bears on the outcome between opening and `until`, in words."""
        episode, close = self._episode, self._episode.closed_at
        claimed = proven = False
        for m in self._about.milestones:
            if not episode.opened_at <= m.time <= until:
                continue
            if m.kind == "resolution.claimed":
                claimed = claimed or m.word == "ai"
                yield Reason(at=m.time, said=f"resolution claimed by {m.word}")
            elif m.kind == "resolution.evidence":
                counts = m.flag is True and m.word in _PROOF
                proven = proven or counts
                said = f"evidence {m.word}: {_evidence_words(m, counts, close)}"
                yield Reason(at=m.time, said=said)
            elif m.kind in ("resolution.reopened", "resolution.recontacted") and m.time > close:
                yield Reason(at=m.time, said=f"{m.kind}: the resolution does not stand")
        for other in self._episodes:
            if close < other.opened_at <= until:
                yield Reason(at=other.opened_at, said=f"episode {other.ordinal} opened after it")
        if not claimed:
            yield Reason(at=None, said="the AI claimed no resolution")
        if not proven:
            yield Reason(at=None, said=f"no positive evidence ({', '.join(_PROOF)})")
        yield from self._reviews(until)

    def _reviews(self, until: int) -> Iterator[Reason]:
        deleted = deletions(self._about.notes)
        for one in evaluations(self._about.notes):
            if self._episode.opened_at <= one.time <= until:
                gone = deleted.get(one.evaluation_id, until + 1) <= until
                stands = "deleted since" if gone else "stands"
                score = _score(one.score_ppm, one.automatic_fail)
                said = f"QA of the {one.subject}'s part by {one.evaluator}: {score}, {stands}"
                yield Reason(at=one.time, said=said)


def _evidence_words(m: Milestone, counts: bool, close: int) -> str:
    if m.flag is False:
        return "negative" + (
            ", after the close: the resolution does not stand" if m.time > close else ""
        )
    return "positive" if counts else "positive, but of a kind that proves nothing"


def _score(score_ppm: int | None, automatic_fail: bool) -> str:
    score = "without a score" if score_ppm is None else f"score {score_ppm / 10_000:g} %"
    return f"{score}, automatic fail" if automatic_fail else score
