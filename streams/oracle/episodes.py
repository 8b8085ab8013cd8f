"""A conversation's episodes and escalations, by walking its milestones and timers once in order.

DEFINITIONS.md sections 4 and 5. The walk runs to the end of time: what only a timer will bring
(expiry, inactivity) is in it too; who publishes cuts at the watermark. All times in ms since 1970.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from streams.domain.contract import Terms
from streams.oracle.conversation import Conversation, Milestone
from streams.oracle.escalation import Escalation

SWAPPED_CLOCKS_MS = 5_000
OPENING_KINDS = frozenset(
    (
        "contact.started",
        "resolution.reopened",
        "ai.failure_signalled",
        "handoff.requested",
        "handoff.queued",
    )
)
_BURST_START, _MILESTONE, _BURST_END = range(3)


class Phase(Enum):
    """With whom the customer is."""

    AI = "ai"
    WAITING = "waiting"
    HUMAN = "human"


@dataclass(slots=True)
class Episode:
    """One run of a conversation. Lists in the order in which things happened."""

    ordinal: int
    opened_at: int
    channel: str
    failures: list[Milestone] = field(default_factory=list)
    escalations: list[Escalation] = field(default_factory=list)
    human_involved: bool = False
    repeated: bool = False
    closed_at: int = 0
    cause: str = ""


def episodes_of(conversation: Conversation, terms_at: Callable[[int], Terms]) -> list[Episode]:
    """Every episode of the conversation, each closed and each escalation ended."""
    if not conversation.bursts:
        return []
    gap = terms_at(conversation.bursts[0].start).inactivity_ms
    points: list[tuple[int, int, Milestone | str]] = [
        (m.time, _MILESTONE, m) for m in conversation.milestones
    ]
    for burst in conversation.bursts:
        points.append((burst.start, _BURST_START, burst.channel))
        points.append((burst.end + gap, _BURST_END, ""))
    # The sort is stable, so milestones stay in section 3's order; timers come after them.
    points.sort(key=lambda point: point[:2])
    walk = _Walk(terms_at)
    for time, what, point in points:
        walk.expire(before=time)
        if isinstance(point, Milestone):
            walk.read(point)
        elif what == _BURST_START:
            walk.start_burst(time, point)
        else:
            walk.fall_silent(time)
    walk.expire(before=None)
    return walk.episodes


class _Walk:
    """Where the walk stands: the open episode, and the phase, signal and wait inside it."""

    def __init__(self, terms_at: Callable[[int], Terms]) -> None:
        self._terms_at = terms_at
        self.episodes: list[Episode] = []
        self._episode: Episode | None = None
        self._reset()

    def _reset(self) -> None:
        self._phase = Phase.AI
        self._signal_at: int | None = None
        self._wait: Escalation | None = None
        self._took_over_at = 0
        self._may_be_swapped = False
        self._settled: dict[str | None, bool] = {}

    def expire(self, before: int | None) -> None:
        wait = self._wait
        if wait is not None and (before is None or wait.expires_at < before):
            self._end_wait(wait.expires_at, "expired")
            self._close(wait.expires_at, "expired")

    def start_burst(self, time: int, channel: str) -> None:
        if self._episode is None:
            self._open(time, channel)

    def fall_silent(self, time: int) -> None:
        if self._episode is not None and self._wait is None:
            self._close(time, "inactivity")

    def read(self, m: Milestone) -> None:
        if self._episode is None:
            if m.kind not in OPENING_KINDS:
                return
            self._open(m.time, m.channel)
        assert self._episode is not None
        match m.kind:
            case "ai.failure_signalled":
                self._failure(self._episode, m)
            case "handoff.requested" | "handoff.queued":
                self._request(m)
            case "handoff.offered":
                if self._wait and self._wait.offered_at is None:
                    self._wait.offered_at = m.time
            case "handoff.accepted":
                if self._settle(m) and self._wait and self._wait.accepted_at is None:
                    self._wait.accepted_at = m.time
            case "handoff.connected":
                self._episode.human_involved = True
                if self._settle(m) and m.channel == "voice":
                    self._take_over(m.time)
            case "human_message":
                self._episode.human_involved = True
                self._episode.repeated |= m.flag is True
                if self._settled.get(m.agent, True) and m.channel != "voice":
                    self._take_over(m.time)
            case "handoff.returned":
                self._returned(m)
            case "handoff.abandoned":
                self._abandoned(m.time)
            case "handoff.dequeued" if m.word == "abandoned":
                self._abandoned(m.time)
            case "contact.ended":
                self._contact_ended(m)

    def _open(self, time: int, channel: str) -> None:
        self._reset()
        self._episode = Episode(len(self.episodes) + 1, time, channel)
        self.episodes.append(self._episode)

    def _close(self, time: int, cause: str) -> None:
        assert self._episode is not None
        self._episode.closed_at = time
        self._episode.cause = cause
        self._episode = None

    def _failure(self, episode: Episode, m: Milestone) -> None:
        if self._phase is Phase.HUMAN:
            return
        episode.failures.append(m)
        if self._phase is Phase.AI:
            if self._signal_at is None:
                self._signal_at = m.time
            if m.word == "human_requested":
                self._escalate(m, self._signal_at)

    def _request(self, m: Milestone) -> None:
        if self._phase is Phase.HUMAN:
            if m.kind == "handoff.requested" and m.word == "human":
                return
            if m.time - self._took_over_at <= SWAPPED_CLOCKS_MS:
                if self._may_be_swapped:
                    self._clamp(m)
                else:
                    assert self._episode is not None
                    self._episode.escalations[-1].fields_present.update(m.fields_present)
                return
            # A signal before the human came was answered by the human: T0 is this request.
            self._signal_at = None
        if self._phase is not Phase.WAITING:
            self._escalate(m, m.time if self._signal_at is None else self._signal_at)
        assert self._wait is not None
        _note_request(self._wait, m)

    def _clamp(self, m: Milestone) -> None:
        swapped = self._escalate(m, m.time if self._signal_at is None else self._signal_at)
        _note_request(swapped, m)
        self._end_wait(m.time, "taken_over")
        swapped.latency_ms = max(0, self._took_over_at - swapped.t0)
        swapped.clamped = True
        self._phase = Phase.HUMAN

    def _escalate(self, m: Milestone, t0: int) -> Escalation:
        assert self._episode is not None
        ordinal = len(self._episode.escalations) + 1
        self._wait = Escalation(ordinal, m.time, t0, m.channel, self._terms_at(t0))
        self._episode.escalations.append(self._wait)
        self._phase = Phase.WAITING
        self._signal_at = None
        self._may_be_swapped = False
        return self._wait

    def _end_wait(self, time: int, outcome: str) -> None:
        assert self._wait is not None
        self._wait.ended_at = time
        self._wait.outcome = outcome
        self._wait.latency_ms = time - self._wait.t0
        self._wait.fields_at_end = frozenset(self._wait.fields_present)
        self._wait = None

    def _settle(self, m: Milestone) -> bool:
        """Whether the milestone's agent is qualified, kept for that agent and as the latest."""
        required = self._wait.required_skills if self._wait else ()
        if m.flag is not None:
            qualified = m.flag
        elif required and m.skills is not None:
            qualified = set(required) <= set(m.skills)
        else:
            qualified = self._settled.get(m.agent, True)
        self._settled[m.agent] = self._settled[None] = qualified
        return qualified

    def _take_over(self, time: int) -> None:
        if self._phase is Phase.HUMAN:
            return
        self._may_be_swapped = self._wait is None
        if self._wait is not None:
            self._end_wait(time, "taken_over")
        self._took_over_at = time
        self._phase = Phase.HUMAN

    def _returned(self, m: Milestone) -> None:
        if self._phase is not Phase.HUMAN:
            return
        if m.word == "ai":
            self._phase = Phase.AI
            self._signal_at = None
        elif m.word == "queue":
            wait = self._escalate(m, m.time)
            wait.requested_at = wait.queued_at = m.time
            wait.returned_to_queue = True

    def _abandoned(self, time: int) -> None:
        if self._wait is not None:
            self._end_wait(time, "abandoned")
            self._phase = Phase.AI
            self._signal_at = None

    def _contact_ended(self, m: Milestone) -> None:
        if self._wait is not None:
            left_alone = self._wait.requested_at is None
            dropped = m.word in ("ai", "system", "automation")
            self._end_wait(m.time, "trapped" if left_alone or dropped else "abandoned")
        self._close(m.time, m.word)


def _note_request(wait: Escalation, m: Milestone) -> None:
    if wait.requested_at is None:
        wait.requested_at = m.time
    if m.kind == "handoff.queued":
        if wait.queued_at is None:
            wait.queued_at = m.time
        return
    if not wait.required_skills and m.skills:
        wait.required_skills = m.skills
    wait.fields_present.update(m.fields_present)
