"""Which humans came, and why each was held to be qualified or not. DEFINITIONS.md section 5."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from streams.oracle.conversation import Milestone
from streams.oracle.episodes import Episode
from streams.oracle.escalation import Escalation
from streams.trace.model import HumanSeen
from streams.trace.shown import Agents

_COMES = ("handoff.accepted", "handoff.connected", "human_message")


def humans_of(
    episode: Episode, milestones: Sequence[Milestone], agents: Agents, upto: int
) -> list[HumanSeen]:
    """Every human of the episode up to `upto` (ms), in order."""
    inside = [m for m in milestones if episode.opened_at <= m.time <= min(episode.closed_at, upto)]
    return list(_Desk(episode).humans(inside, agents))


class _Desk:
    """What is known of the agents as the episode goes on."""

    def __init__(self, episode: Episode) -> None:
        self._waits = episode.escalations
        self._settled: dict[str | None, bool] = {}
        self._required: dict[int, tuple[str, ...]] = {}
        self._taken: set[int] = set()

    def humans(self, milestones: Sequence[Milestone], agents: Agents) -> Iterator[HumanSeen]:
        for m in milestones:
            wait = self._wait_at(m)
            if m.kind == "handoff.requested" and wait is not None and m.skills:
                self._required.setdefault(wait.ordinal, m.skills)
            if m.kind not in _COMES:
                continue
            required = () if wait is None else self._required.get(wait.ordinal, ())
            qualified, why = self._verdict(m, required)
            if m.kind != "human_message":
                self._settled[m.agent] = self._settled[None] = qualified
            yield HumanSeen(
                time=m.time,
                type=m.kind,
                agent=agents.name(m.agent),
                qualified=qualified,
                why=why,
                took_over=wait is not None and self._takes_over(m, wait, qualified),
            )

    def _wait_at(self, m: Milestone) -> Escalation | None:
        """The wait that is open when the milestone is read."""
        for wait in self._waits:
            if wait.ordinal in self._taken or wait.clamped:
                continue
            if wait.known <= m.time <= wait.ended_at:
                return wait
        return None

    def _takes_over(self, m: Milestone, wait: Escalation, qualified: bool) -> bool:
        voice = m.channel == "voice"
        comes = m.kind == "handoff.connected" if voice else m.kind == "human_message"
        if not (comes and qualified and m.time == wait.ended_at and wait.outcome == "taken_over"):
            return False
        self._taken.add(wait.ordinal)
        return True

    def _verdict(self, m: Milestone, required: tuple[str, ...]) -> tuple[bool, str]:
        if m.kind == "human_message":
            if m.agent in self._settled:
                whose = "this agent" if m.agent else "the last agent to accept or be connected"
                return self._settled[m.agent], f"as settled for {whose}"
            return True, "nothing was said against it"
        if m.flag is not None:
            return m.flag, "as the event says"
        if required and m.skills is not None:
            missing = sorted(set(required) - set(m.skills))
            if missing:
                return False, f"lacks {', '.join(missing)}"
            return True, f"has the skills asked for: {', '.join(required)}"
        if m.agent in self._settled:
            return self._settled[m.agent], "as settled for this agent"
        return True, "nothing was said against it"
