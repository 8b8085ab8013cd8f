"""One wait for a human, and what the contract says of it once it has ended.

DEFINITIONS.md section 5. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from streams.domain.contract import Terms

Answer = Literal["short_abandon", "within", "beyond"]


@dataclass(slots=True)
class Escalation:
    """One wait for a human, from T0; `known` is when it opened. `outcome` "" while open.

    `terms` are those in force at T0. `fields_present` may grow after the end, by an echo of the
    handoff; `fields_at_end` is what they were then.
    """

    ordinal: int
    known: int
    t0: int
    channel: str
    terms: Terms
    returned_to_queue: bool = False
    requested_at: int | None = None
    queued_at: int | None = None
    offered_at: int | None = None
    accepted_at: int | None = None
    required_skills: tuple[str, ...] = ()
    fields_present: set[str] = field(default_factory=set)
    fields_at_end: frozenset[str] = frozenset()
    ended_at: int = 0
    outcome: str = ""
    latency_ms: int = 0
    clamped: bool = False

    @property
    def expires_at(self) -> int:
        """When it ends if nothing else ends it."""
        return max(self.t0 + self.terms.escalation_expiry_ms, self.known + 1)

    @property
    def excluded(self) -> bool:
        """Whether its terms do not hold the supplier to their word."""
        return self.terms.excluded(self.t0, self.channel)

    @property
    def threshold_ms(self) -> int | None:
        """None where the contract sets none for the channel, or the wait is excluded."""
        return None if self.excluded else self.terms.thresholds_ms.get(self.channel)

    @property
    def service_latency_ms(self) -> int | None:
        """How much of the latency lies in service hours; None where the contract has none."""
        if self.terms.hours is None:
            return None
        return self.terms.hours.between(self.t0, self.t0 + self.latency_ms)

    @property
    def judged_latency_ms(self) -> int:
        """The latency on the contract's clock."""
        service = self.service_latency_ms
        return service if self.terms.service_clock and service is not None else self.latency_ms

    @property
    def within(self) -> bool | None:
        """None without a threshold."""
        if self.threshold_ms is None:
            return None
        return self.outcome == "taken_over" and self.judged_latency_ms <= self.threshold_ms

    @property
    def overdue_at(self) -> int | None:
        """The overdue moment, if the wait ever was overdue."""
        if self.threshold_ms is None or self.judged_latency_ms <= self.threshold_ms:
            return None
        reached: int | None = self.t0 + self.threshold_ms + 1
        if self.terms.service_clock and self.terms.hours is not None:
            reached = self.terms.hours.exceeded_at(self.t0, self.threshold_ms)
        assert reached is not None
        return max(reached, self.known)

    @property
    def answer(self) -> Answer | None:
        """How the request for a human was answered; None without a request or a threshold."""
        wait, threshold = self._answer_wait_ms, self._answer_threshold_ms
        if wait is None or threshold is None:
            return None
        if self.outcome == "abandoned" and wait <= self.terms.short_abandon_ms:
            return "short_abandon"
        return "within" if self.outcome == "taken_over" and wait <= threshold else "beyond"

    @property
    def removed_within(self) -> bool | None:
        """Whether the request left the queue in time, however it did; None as `answer` is."""
        wait, threshold = self._answer_wait_ms, self._answer_threshold_ms
        return None if wait is None or threshold is None else wait <= threshold

    @property
    def _answer_wait_ms(self) -> int | None:
        return None if self.requested_at is None else max(0, self.ended_at - self.requested_at)

    @property
    def _answer_threshold_ms(self) -> int | None:
        return None if self.excluded else self.terms.answer_ms.get(self.channel)

    @property
    def context_complete(self) -> bool | None:
        """Whether the human who took over knew what the contract requires; None where nothing
        is.
        """
        required = self.terms.required_context
        if self.outcome != "taken_over" or self.excluded or self.returned_to_queue or not required:
            return None
        return required <= self.fields_at_end
