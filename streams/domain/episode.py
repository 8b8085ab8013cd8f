"""One run of a conversation and the escalations in it. DEFINITIONS.md sections 4, 5 and 7."""

from __future__ import annotations

from typing import Any, Final

from streams.domain.contract import Terms
from streams.domain.milestones import NOT_GIVEN, YES, split_words

AI: Final = 0
WAITING: Final = 1
HUMAN: Final = 2


class Escalation:
    """From the AI's failure (T0) to a qualified human (T1), or to whatever else ended the wait."""

    __slots__ = (
        "accepted_at",
        "channel",
        "clamped",
        "context_at_end",
        "ended_at",
        "ended_fact_at",
        "excluded",
        "fields_present",
        "from_queue",
        "known",
        "offered_at",
        "outcome",
        "queued_at",
        "requested_at",
        "required_skills",
        "t0",
        "terms",
    )

    def __init__(self, t0: int, known: int, channel: str, terms: Terms) -> None:
        self.t0 = t0
        self.known = known
        self.channel = channel
        self.terms = terms
        self.excluded = terms.excluded(t0, channel)
        self.requested_at: int | None = None
        self.queued_at: int | None = None
        self.offered_at: int | None = None
        self.accepted_at: int | None = None
        self.required_skills: frozenset[str] = frozenset()
        self.fields_present: frozenset[str] = frozenset()
        # A fact depends on nothing later; an echo may still add to what the human was handed.
        self.context_at_end: frozenset[str] = frozenset()
        self.from_queue = False
        self.clamped = False
        self.ended_at: int | None = None
        self.ended_fact_at = 0
        self.outcome = ""

    def end(self, time: int, outcome: str) -> None:
        """The wait is over at `time`."""
        self.ended_at = self.ended_fact_at = time
        self.outcome = outcome
        self.context_at_end = self.fields_present

    def clamp(self, took_over_at: int, known: int) -> None:
        """Two clocks swapped request and takeover: taken over, known only now, latency never below
        0.
        """
        self.ended_at = max(took_over_at, self.t0)
        self.ended_fact_at = known
        self.outcome = "taken_over"
        self.context_at_end = self.fields_present
        self.clamped = True

    @property
    def threshold_ms(self) -> int | None:
        """The limit in force at T0 for the channel, or None where the contract sets none."""
        return None if self.excluded else self.terms.thresholds_ms.get(self.channel)

    @property
    def overdue_at(self) -> int | None:
        """When the wait crosses the threshold; None if it ended before that, if there is none, or
        if service hours never let it.
        """
        threshold = self.threshold_ms
        if threshold is None:
            return None
        if self.ended_at is not None and self._waited_ms(self.ended_at) <= threshold:
            return None
        hours = self.terms.hours if self.terms.service_clock else None
        if hours is None:
            return max(self.t0 + threshold + 1, self.known)
        exceeded = hours.exceeded_at(self.t0, threshold)
        return None if exceeded is None else max(exceeded, self.known)

    def _waited_ms(self, time: int) -> int:
        """The wait as the contract's clock measures it."""
        if self.terms.service_clock and self.terms.hours is not None:
            return self.terms.hours.between(self.t0, time)
        return time - self.t0

    @property
    def in_time(self) -> bool:
        """Taken over, and within the threshold where there is one."""
        if self.outcome != "taken_over" or self.ended_at is None:
            return False
        threshold = self.threshold_ms
        return threshold is None or self._waited_ms(self.ended_at) <= threshold

    def ended_detail(self) -> dict[str, Any]:
        """What `escalation_ended` carries (DEFINITIONS.md section 6)."""
        assert self.ended_at is not None
        hours = self.terms.hours
        limited = self.threshold_ms is not None
        in_time = self.in_time
        answer, removed_within = self._answer(self.ended_at)
        return {
            "t0": self.t0,
            "outcome": self.outcome,
            "latency_ms": self.ended_at - self.t0,
            "service_latency_ms": None if hours is None else hours.between(self.t0, self.ended_at),
            "within": in_time if limited else None,
            # Whoever was taken over in time was not overdue; nor was who left before.
            "overdue": limited and not in_time and self.overdue_at is not None,
            "clamped": self.clamped,
            "requested_ms": self._leg(self.requested_at),
            "queued_ms": self._leg(self.queued_at),
            "offered_ms": self._leg(self.offered_at),
            "accepted_ms": self._leg(self.accepted_at),
            "answer": answer,
            "removed_within": removed_within,
            "context_complete": self._context_complete(),
        }

    def _answer(self, end: int) -> tuple[str | None, bool | None]:
        """(answer, removed_within) as platforms count them, from the request on."""
        limit = None if self.excluded else self.terms.answer_ms.get(self.channel)
        if limit is None or self.requested_at is None:
            return None, None
        waited = max(0, end - self.requested_at)
        if self.outcome == "abandoned" and waited <= self.terms.short_abandon_ms:
            answer = "short_abandon"
        elif self.outcome == "taken_over" and waited <= limit:
            answer = "within"
        else:
            answer = "beyond"
        return answer, waited <= limit

    def _context_complete(self) -> bool | None:
        required = self.terms.required_context
        if self.outcome != "taken_over" or self.excluded or self.from_queue or not required:
            return None
        return required <= self.context_at_end

    def _leg(self, time: int | None) -> int | None:
        return None if time is None else max(0, time - self.t0)


class Episode:
    """The state of one run while it is read in order of time."""

    __slots__ = (
        "_qualified_by_agent",
        "_qualified_last",
        "cause",
        "channel",
        "closed_at",
        "escalations",
        "failures",
        "human_by_escalation",
        "human_involved",
        "human_since",
        "opened_at",
        "ordinal",
        "phase",
        "repeated",
        "signal_time",
    )

    def __init__(self, ordinal: int, opened_at: int, channel: str) -> None:
        self.ordinal = ordinal
        self.opened_at = opened_at
        self.channel = channel
        self.phase = AI
        self.signal_time: int | None = None
        # When the human phase began, and whether an escalation led there: a request that follows at
        # once was put behind the takeover by another system's clock.
        self.human_since = 0
        self.human_by_escalation = False
        self.failures: list[tuple[int, str, str]] = []
        self.escalations: list[Escalation] = []
        self.human_involved = False
        self.repeated = False
        self.closed_at: int | None = None
        self.cause = ""
        self._qualified_by_agent: dict[str, bool] = {}
        self._qualified_last: bool | None = None

    def escalate(self, escalation: Escalation) -> None:
        """The customer waits from now on."""
        self.escalations.append(escalation)
        self.phase = WAITING

    def take_over(self, time: int) -> None:
        """A qualified human has the contact; ends an open escalation."""
        if self.phase == WAITING:
            self.escalations[-1].end(time, "taken_over")
            self.held_by_human(time, by_escalation=True)
        elif self.phase == AI:
            self.held_by_human(time, by_escalation=False)

    def held_by_human(self, since: int, *, by_escalation: bool) -> None:
        """A human holds the contact since then; whether an escalation led there."""
        self.phase = HUMAN
        self.human_since = since
        self.human_by_escalation = by_escalation

    def back_to_ai(self) -> None:
        """The AI has the contact again; earlier signals were answered."""
        self.phase = AI
        self.signal_time = None

    def settle(self, agent: str, skills: str, qualified: str) -> bool:
        """Whether the agent of a milestone is qualified, remembered for the agent's later
        messages.
        """
        required = self._required_skills()
        if qualified != NOT_GIVEN:
            verdict = qualified == YES
        elif required and skills != NOT_GIVEN:
            verdict = required <= split_words(skills[1:])
        else:
            verdict = self._qualified_by_agent.get(agent, True)
        self._qualified_by_agent[agent] = verdict
        self._qualified_last = verdict
        return verdict

    def qualified(self, agent: str) -> bool:
        """Whether the author of a message is qualified; without an id, the last agent settled."""
        if agent:
            return self._qualified_by_agent.get(agent, True)
        return self._qualified_last is not False

    def _required_skills(self) -> frozenset[str]:
        if self.phase == WAITING:
            return self.escalations[-1].required_skills
        return frozenset()

    def close(self, time: int, cause: str) -> None:
        """The run is over."""
        self.closed_at = time
        self.cause = cause

    def outcome(self) -> tuple[str, bool | None]:
        """(outcome, safe) of an eligible run; safe is None unless the outcome is escalated."""
        ends = {e.outcome for e in self.escalations}
        if "trapped" in ends:
            return "trapped", None
        if "abandoned" in ends or "expired" in ends:
            return "abandoned", None
        if self.human_involved:
            return "escalated", not self.repeated and all(map(_safe, self.escalations))
        return "contained", None


def _safe(escalation: Escalation) -> bool:
    context = escalation.from_queue or (
        escalation.terms.required_context <= escalation.fields_present
    )
    return escalation.in_time and context
