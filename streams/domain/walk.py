"""From a conversation's state to its facts: DEFINITIONS.md sections 4 to 7, read in order of time.

`walk` is a pure function of (state, upto, contract). It is causal: a fact at t depends on nothing
after t, which is why a fact published when the watermark reaches t stands, whatever on-time event
comes later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from streams.domain.contract import ContractBook, Terms
from streams.domain.episode import AI, HUMAN, WAITING, Episode, Escalation
from streams.domain.episode_facts import write_episode
from streams.domain.fact_writer import FactWriter
from streams.domain.facts import Fact
from streams.domain.interaction import Interaction
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
from streams.domain.note_facts import write_notes
from streams.domain.response_facts import await_question, write_responses

SKEW_TOLERANCE_MS: Final = 5_000
_BOT_ENDS: Final = frozenset({"ai", "system", "automation"})
# Order of things at one millisecond: a burst's start, milestones, an expiry, an inactivity close.
_BURST, _MILESTONE, _EXPIRY, _IDLE = range(4)


def walk(
    state: Interaction,
    contract: str,
    conversation: str,
    book: ContractBook,
    after: int | None,
    upto: int,
) -> tuple[list[Fact], int | None]:
    """Facts with `after` < time <= `upto` in order, and when the next one could come (ms) or None.

    `after` None means from the beginning. Revisions are 0: numbering them is publication's concern.
    """
    path = _Walk(state, contract, book, upto)
    path.run()
    writer = FactWriter(state, contract, conversation, book, after, upto)
    for episode in path.episodes:
        write_episode(writer, episode, path.episodes, path.returns)
        write_responses(writer, episode)
    if path.episode is None:
        await_question(writer)
    write_notes(writer, path.episodes)
    if path.due is not None:
        writer.wake(path.due)
    return writer.in_order(), writer.due


class _Walk:
    __slots__ = (
        "book",
        "contract",
        "due",
        "episode",
        "episodes",
        "inactivity",
        "returns",
        "state",
        "upto",
    )

    def __init__(self, state: Interaction, contract: str, book: ContractBook, upto: int) -> None:
        self.state = state
        self.contract = contract
        self.book = book
        self.upto = upto
        self.inactivity = book.versions(contract)[0].inactivity_ms
        self.episode: Episode | None = None
        self.episodes: list[Episode] = []
        self.returns: list[int] = []
        self.due: int | None = None

    def _wake(self, time: int) -> None:
        if time > self.upto and (self.due is None or time < self.due):
            self.due = time

    def run(self) -> None:
        bursts = self.state.bursts
        upto = self.upto
        items: list[tuple[int, int, Any]] = [(m[0], _MILESTONE, m) for m in self.state.milestones]
        for at in range(0, len(bursts), 2):
            items.append((bursts[at], _BURST, at // 2))
            items.append((bursts[at + 1] + self.inactivity, _IDLE, at))
        items.sort()
        ahead: list[tuple[int, int, Any]] = []
        for at, (time, order, item) in enumerate(items):
            if time > upto:
                ahead = items[at:]
                break
            episode = self.episode
            if episode is not None and episode.phase == WAITING:
                self._expire_before(episode, time, order)
            if order == _MILESTONE:
                self._milestone(item)
            elif order == _BURST:
                self._burst_starts(time, item)
            else:
                self._burst_fades(time)
        if self.episode is not None and self.episode.phase == WAITING:
            self._wake(self._expire_before(self.episode, upto, _IDLE))
        # Last: whether an episode is open by now says what the next one can bring.
        self._wake_for(ahead)

    def _wake_for(self, ahead: list[tuple[int, int, Any]]) -> None:
        state = self.state
        # An episode's opening may be its customer's visit.
        visited = (
            self.episode is None and state.customer_key is not None and state.spoke is not None
        )
        for time, order, item in ahead:
            if order == _MILESTONE:
                wakes = may_publish(item) or (visited and item[1] in _OPENS)
            else:
                wakes = visited or order == _IDLE
            if wakes:
                self._wake(time)
                return

    # -- bursts and timers ------------------------------------------------------------------------

    def _burst_starts(self, time: int, burst: int) -> None:
        if self.episode is None:
            self._open_episode(time, self.state.burst_channels[burst])

    def _burst_fades(self, time: int) -> None:
        if self.episode is not None and self.episode.phase != WAITING:
            self._close_episode(time, "inactivity")

    def _expire_before(self, episode: Episode, time: int, order: int) -> int:
        """Expire the wait if that comes before what is read next; returns when it does."""
        escalation = episode.escalations[-1]
        terms = escalation.terms
        expiry = max(escalation.t0 + terms.escalation_expiry_ms, escalation.known + 1)
        if (expiry, _EXPIRY) < (time, order):
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

    def _milestone(self, milestone: Milestone) -> None:
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
_HANDLERS: Final[dict[int, Callable[[_Walk, Episode, Milestone], None]]] = {
    FAILURE: _Walk._on_failure,
    REQUESTED: _Walk._on_request,
    QUEUED: _Walk._on_request,
    OFFERED: _Walk._on_offered,
    DEQUEUED: _Walk._on_dequeued,
    ACCEPTED: _Walk._on_accepted,
    CONNECTED: _Walk._on_connected,
    HUMAN_MESSAGE: _Walk._on_human_message,
    HANDED_BACK: _Walk._on_handed_back,
    ABANDONED: _Walk._on_abandoned,
    ENDED: _Walk._on_ended,
}
