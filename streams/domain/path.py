"""A conversation's milestones and bursts read in order of time: DEFINITIONS.md sections 3 to 5.

Reading is causal: what stands at t depends on nothing after t. So a `Path` that has read up to t is
read on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from streams.domain.contract import ContractBook, Terms
from streams.domain.episode import AI, HUMAN, WAITING, Episode, Escalation
from streams.domain.interaction import Interaction
from streams.domain.memory import FORGET_AFTER_MS
from streams.domain.milestones import (
    ABANDONED,
    ACCEPTED,
    CLAIMED,
    CONNECTED,
    DEQUEUED,
    ENDED,
    EVIDENCE,
    FAILURE,
    HANDED_BACK,
    HUMAN_MESSAGE,
    OFFERED,
    QUEUED,
    REQUESTED,
    RETURNED_CONTACT,
    STARTED,
    YES,
    Milestone,
    may_publish,
    split_words,
)

SKEW_TOLERANCE_MS: Final = 5_000
_BOT_ENDS: Final = frozenset({"ai", "system", "automation"})
_NEVER: Final = 1 << 62


class Path:
    """A conversation's course as far as it was read: its episodes, the last one perhaps open.

    It holds while nothing that it has read changes: not when an event is folded into `state` whose
    time is later than what was read last, but when one is folded that is not.
    """

    __slots__ = (
        "_edge",
        "_inactivity",
        "_milestone",
        "_upto",
        "book",
        "contract",
        "due",
        "episode",
        "episodes",
        "returns",
        "state",
    )

    def __init__(self, state: Interaction, contract: str, book: ContractBook) -> None:
        self.state = state
        self.contract = contract
        self.book = book
        self.episode: Episode | None = None
        self.episodes: list[Episode] = []
        self.returns: list[int] = []
        self.due: int | None = None
        self._inactivity = book.versions(contract)[0].inactivity_ms
        self._upto = 0
        # What is read next of `milestones` and of `bursts`.
        self._milestone = self._edge = 0

    def read(self, upto: int) -> None:
        """Read on to `upto` (ms); `due` is then when there is more to read (ms), None if never.

        In the order of one millisecond: the start of a burst, milestones, an expiry, inactivity.
        """
        self._upto, self.due = upto, None
        milestones = self.state.milestones
        at, edge = self._milestone, self._next_edge()
        while at < len(milestones) and milestones[at][0] <= upto:
            milestone = milestones[at]
            time = milestone[0]
            while edge < time or (edge == time and not self._edge & 1):
                edge = self._pass_edge(edge)
            episode = self.episode
            if episode is not None and episode.phase == WAITING:
                self._expire_before(episode, time)
            self._pass_milestone(milestone)
            at += 1
        self._milestone = at
        while edge <= upto:
            edge = self._pass_edge(edge)
        episode = self.episode
        if episode is not None and episode.phase == WAITING:
            expiry = self._expire_before(episode, upto + 1)
            self._wake(expiry)
        # Last: whether an episode is open by now says what the next one can bring.
        self._wake_for_next()

    def _wake(self, time: int) -> None:
        if self._upto < time < _NEVER and (self.due is None or time < self.due):
            self.due = time

    def _wake_for_next(self) -> None:
        state, at = self.state, self._edge
        unopened = self.episode is None
        # An episode's opening may be its customer's visit.
        visited = unopened and state.customer_key is not None and state.spoke is not None
        if at & 1 and unopened and not self._opens_by(self._edge_at(at)):
            at += 1  # there will be nothing for inactivity to close
        if not at & 1 and not visited:
            at += 1
        edge = self._edge_at(at)
        self._wake(edge)
        for ahead in range(self._milestone, len(state.milestones)):
            milestone = state.milestones[ahead]
            if milestone[0] >= edge:
                break
            if may_publish(milestone) or (visited and milestone[1] in _OPENS):
                self._wake(milestone[0])
                break

    def _opens_by(self, time: int) -> bool:
        """Whether a milestone that is still to be read opens an episode by then."""
        milestones = self.state.milestones
        for ahead in range(self._milestone, len(milestones)):
            if milestones[ahead][0] > time:
                break
            if milestones[ahead][1] in _OPENS:
                return True
        return False

    def rests_from(self) -> int:
        """When it is forgotten if nothing is due any more (ms)."""
        state = self.state
        assert state.latest is not None
        rests = state.latest + FORGET_AFTER_MS
        return max(rests, state.bursts[-1] + self._inactivity) if state.bursts else rests

    # -- bursts and timers ------------------------------------------------------------------------

    def _next_edge(self) -> int:
        return self._edge_at(self._edge)

    def _edge_at(self, at: int) -> int:
        """When a burst starts, or with an odd number, when its inactivity is over."""
        bursts = self.state.bursts
        if at >= len(bursts):
            return _NEVER
        return bursts[at] + self._inactivity if at & 1 else bursts[at]

    def _pass_edge(self, time: int) -> int:
        """Pass the edge at `time`; when the next one comes."""
        episode = self.episode
        if episode is not None and episode.phase == WAITING:
            self._expire_before(episode, time + (self._edge & 1))
        if self._edge & 1:
            self._burst_fades(time)
        else:
            self._burst_starts(time, self._edge // 2)
        self._edge += 1
        return self._next_edge()

    def _burst_starts(self, time: int, burst: int) -> None:
        if self.episode is None:
            self._open_episode(time, self.state.burst_channels[burst])

    def _burst_fades(self, time: int) -> None:
        if self.episode is not None and self.episode.phase != WAITING:
            self._close_episode(time, "inactivity")

    def _expire_before(self, episode: Episode, time: int) -> int:
        """Expire the wait if that comes before `time`; returns when it does."""
        escalation = episode.escalations[-1]
        terms = escalation.terms
        expiry = max(escalation.t0 + terms.escalation_expiry_ms, escalation.known + 1)
        if expiry < time:
            escalation.end(expiry, "expired")
            self._close_episode(expiry, "expired")
        return expiry

    # -- episodes ---------------------------------------------------------------------------------

    def _open_episode(self, time: int, channel: str) -> Episode:
        episode = Episode(len(self.episodes) + 1, time, channel)
        self.episodes.append(episode)
        self.episode = episode
        return episode

    def _close_episode(self, time: int, cause: str) -> None:
        episode = self.episode
        assert episode is not None
        episode.close(time, cause)
        self.episode = None

    # -- milestones -------------------------------------------------------------------------------

    def _pass_milestone(self, milestone: Milestone) -> None:
        time, rank, channel, a, _, _ = milestone
        if rank in (CLAIMED, EVIDENCE):
            return  # read at maturity, with the episode's window known
        if rank == RETURNED_CONTACT:
            self.returns.append(time)
            if a == "resolution.recontacted":
                return
        episode = self.episode
        if episode is None:
            if rank not in _OPENS:
                return
            episode = self._open_episode(time, channel)
        handler = _HANDLERS.get(rank)
        if handler is not None:
            handler(self, episode, milestone)

    def _terms_at(self, time: int) -> Terms:
        return self.book.at(self.contract, time)

    def _escalate(self, episode: Episode, time: int, channel: str, t0: int) -> Escalation:
        escalation = Escalation(t0, time, channel, self._terms_at(t0))
        episode.escalate(escalation)
        return escalation

    def _on_failure(self, episode: Episode, milestone: Milestone) -> None:
        if episode.phase == HUMAN:
            return
        time, _, channel, signal, _, _ = milestone
        episode.failures.append((time, channel, signal))
        if episode.phase == AI:
            if episode.signal_time is None:
                episode.signal_time = time
            if signal == "human_requested":
                self._escalate(episode, time, channel, episode.signal_time)

    def _on_request(self, episode: Episode, milestone: Milestone) -> None:
        time, rank, channel, requested_by, skills, fields = milestone
        queued = rank == QUEUED
        clamped_at: int | None = None
        if episode.phase == HUMAN:
            if not queued and requested_by == "human":
                return
            t0 = time
            if time - episode.human_since <= SKEW_TOLERANCE_MS:
                if episode.human_by_escalation:
                    if not queued:
                        episode.escalations[-1].fields_present |= split_words(fields)
                    return
                clamped_at = episode.human_since
                t0 = episode.signal_time if episode.signal_time is not None else time
            self._escalate(episode, time, channel, t0)
        elif episode.phase == AI:
            t0 = episode.signal_time if episode.signal_time is not None else time
            self._escalate(episode, time, channel, t0)
        escalation = episode.escalations[-1]
        if escalation.requested_at is None:
            escalation.requested_at = time
        if queued:
            if escalation.queued_at is None:
                escalation.queued_at = time
        else:
            if not escalation.required_skills:
                escalation.required_skills = split_words(skills)
            escalation.fields_present |= split_words(fields)
        if clamped_at is not None:
            escalation.clamp(clamped_at, time)
            episode.held_by_human(clamped_at, by_escalation=True)

    def _on_offered(self, episode: Episode, milestone: Milestone) -> None:
        if episode.phase == WAITING and episode.escalations[-1].offered_at is None:
            episode.escalations[-1].offered_at = milestone[0]

    def _on_dequeued(self, episode: Episode, milestone: Milestone) -> None:
        if milestone[3] == "abandoned":
            self._on_abandoned(episode, milestone)

    def _on_accepted(self, episode: Episode, milestone: Milestone) -> None:
        time, _, _, agent, skills, qualified = milestone
        if episode.settle(agent, skills, qualified) and episode.phase == WAITING:
            escalation = episode.escalations[-1]
            if escalation.accepted_at is None:
                escalation.accepted_at = time

    def _on_connected(self, episode: Episode, milestone: Milestone) -> None:
        time, _, channel, agent, skills, qualified = milestone
        episode.human_involved = True
        if episode.settle(agent, skills, qualified) and channel == "voice":
            episode.take_over(time)

    def _on_human_message(self, episode: Episode, milestone: Milestone) -> None:
        time, _, channel, agent, repeated, _ = milestone
        episode.human_involved = True
        episode.repeated = episode.repeated or repeated == YES
        if channel != "voice" and episode.qualified(agent):
            episode.take_over(time)

    def _on_handed_back(self, episode: Episode, milestone: Milestone) -> None:
        if episode.phase != HUMAN:
            return
        time, _, channel, to, _, _ = milestone
        if to == "ai":
            episode.back_to_ai()
        elif to == "queue":
            escalation = self._escalate(episode, time, channel, time)
            escalation.requested_at = escalation.queued_at = time
            escalation.from_queue = True

    def _on_abandoned(self, episode: Episode, milestone: Milestone) -> None:
        if episode.phase == WAITING:
            episode.escalations[-1].end(milestone[0], "abandoned")
            episode.back_to_ai()

    def _on_ended(self, episode: Episode, milestone: Milestone) -> None:
        time, _, _, ended_by, _, _ = milestone
        if episode.phase == WAITING:
            escalation = episode.escalations[-1]
            trapped = escalation.requested_at is None or ended_by in _BOT_ENDS
            escalation.end(time, "trapped" if trapped else "abandoned")
        self._close_episode(time, ended_by)


_OPENS: Final = frozenset({STARTED, RETURNED_CONTACT, FAILURE, REQUESTED, QUEUED})
_HANDLERS: Final[dict[int, Callable[[Path, Episode, Milestone], None]]] = {
    FAILURE: Path._on_failure,
    REQUESTED: Path._on_request,
    QUEUED: Path._on_request,
    OFFERED: Path._on_offered,
    DEQUEUED: Path._on_dequeued,
    ACCEPTED: Path._on_accepted,
    CONNECTED: Path._on_connected,
    HUMAN_MESSAGE: Path._on_human_message,
    HANDED_BACK: Path._on_handed_back,
    ABANDONED: Path._on_abandoned,
    ENDED: Path._on_ended,
}
