"""What Baton remembers of one conversation: a join-semilattice. DEFINITIONS.md sections 2, 3.

Folding an event is commutative, associative and idempotent, so order of arrival, duplicates,
batches and partitions cannot change the state. What it means is walk.py's.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

import msgspec

from streams.domain import events as ev
from streams.domain.bursts import join_burst
from streams.domain.memory import FORGET_AFTER_MS
from streams.domain.messages import ai_may_answer, customer_may_ask, is_followed
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
    NO,
    NOT_GIVEN,
    OFFERED,
    QUEUED,
    REQUESTED,
    RETURNED_CONTACT,
    SEPARATOR,
    STARTED,
    YES,
    Milestone,
    join_words,
    may_publish,
)
from streams.domain.notes import Note, note_of

# When an attribute was first stated (ms), and as what.
Stated = tuple[int, str] | None


class Interaction(msgspec.Struct, array_like=True, gc=False):
    """State of one conversation. Times in ms; `bursts` is start, end, start, end, ... in order.

    `burst_channels` holds the channel of each burst's first activity (ties: the least).

    `latest` and `earliest` are the times of the latest and earliest event folded, None of an
    interaction that remembers nothing.

    `customer_messages` and `ai_messages` are the times of public messages, in order, as `notes`
    are.

    `revisions` holds, for each place that a late event ever corrected, the last revision published
    there.

    `erased` says by whose request it is erased (erasure.py); its customer is then known as "".
    """

    milestones: list[Milestone] = []
    bursts: list[ev.Moment] = []
    burst_channels: list[str] = []
    market: Stated = None
    journey: Stated = None
    supplier: Stated = None
    ai_seen: int | None = None
    spoke: int | None = None
    revisions: dict[str, int] = {}
    latest: ev.Moment | None = None
    earliest: ev.Moment | None = None
    prompt_version: Stated = None
    model: Stated = None
    knowledge_version: Stated = None
    customer_messages: list[ev.Moment] = []
    ai_messages: list[ev.Moment] = []
    notes: list[Note] = []
    customer_key: Stated = None
    erased: tuple[ev.Moment, bytes] | None = None


class Pace:
    """How soon something can come of an event, by any version of a contract. Times in ms.

    `inactivity_ms` is the same in all of them. No escalation expires sooner than `expiry_ms` after
    it began, and no first response is missed sooner than `response_ms` after the question; None
    where none ever is.
    """

    __slots__ = ("expiry_ms", "inactivity_ms", "question_ms", "quiet_ms")

    def __init__(
        self, inactivity_ms: int, expiry_ms: int = 0, response_ms: int | None = None
    ) -> None:
        self.inactivity_ms = inactivity_ms
        self.expiry_ms = expiry_ms
        self.quiet_ms = min(inactivity_ms, FORGET_AFTER_MS)
        self.question_ms = self.quiet_ms if response_ms is None else min(response_ms, self.quiet_ms)


def fold(state: Interaction, event: Any, time: int, pace: Pace) -> int:
    """Fold one event about a contact into `state`; how long after it the first fact could come of
    it, in ms.

    `time` is the event's own, in ms; `pace` the contract's, of the same inactivity at every call.
    """
    data = event.data
    if state.latest is None or time > state.latest:
        state.latest = time
    if state.earliest is None or time < state.earliest:
        state.earliest = time
    stated: Stated
    key, spoke = state.customer_key, state.spoke
    if data.customer_key is not None and (key is None or time <= key[0]):
        name = data.customer_key if state.erased is None else ""
        state.customer_key = _first(key, time, name)
    if data.market is not None:
        stated = state.market
        if stated is None or time <= stated[0]:
            state.market = _first(stated, time, data.market)
    if data.journey is not None:
        stated = state.journey
        if stated is None or time <= stated[0]:
            state.journey = _first(stated, time, data.journey)
    if data.supplier is not None:
        stated = state.supplier
        if stated is None or time <= stated[0]:
            state.supplier = _first(stated, time, data.supplier)
    soonest = _fold_kind(state, event, time, pace)
    if not soonest or state.customer_key is None or state.spoke is None:
        return soonest
    bursts = state.bursts
    visits = (
        state.customer_key is not key
        or state.spoke != spoke
        or type(event) in _OPENING
        or (bursts and bursts[-2] >= time and _starts_burst(bursts, time))
    )
    return 0 if visits else soonest


def _fold_kind(state: Interaction, event: Any, time: int, pace: Pace) -> int:
    data, kind = event.data, type(event)
    handler = _FOLDS.get(kind)
    if handler is not None:
        if handler(state, data, time, pace.inactivity_ms):
            return 0
        return FORGET_AFTER_MS if kind in _MATURING else pace.quiet_ms
    if kind is ev.MessageSent:
        return _message(state, data, time, pace)
    if kind is ev.AiFailureSignalled:
        _failure(state, event, time, pace.inactivity_ms)
        return 0
    note = note_of(event, time)
    return 0 if note is not None and _add_note(state, note) else FORGET_AFTER_MS


def _starts_burst(bursts: list[ev.Moment], time: int) -> bool:
    """Whether one begins at `time`, not after the last one: an episode may open there."""
    at = bisect_left(bursts, time)
    return at % 2 == 0 and bursts[at] == time


def _first(known: Stated, time: int, value: str) -> Stated:
    return (time, value) if known is None or (time, value) < known else known


def _served_by(state: Interaction, data: ev.AiTurnData | ev.AiFailureData, time: int) -> None:
    stated: Stated
    if data.prompt_version is not None:
        stated = state.prompt_version
        if stated is None or time <= stated[0]:
            state.prompt_version = _first(stated, time, data.prompt_version)
    if data.model is not None:
        stated = state.model
        if stated is None or time <= stated[0]:
            state.model = _first(stated, time, data.model)
    if data.knowledge_version is not None:
        stated = state.knowledge_version
        if stated is None or time <= stated[0]:
            state.knowledge_version = _first(stated, time, data.knowledge_version)


def _earliest(known: int | None, time: int) -> int:
    return time if known is None or time < known else known


def _add(state: Interaction, milestone: Milestone) -> bool:
    milestones = state.milestones
    if not milestones or milestones[-1] < milestone:
        milestones.append(milestone)
        return may_publish(milestone)
    at = bisect_left(milestones, milestone)
    if milestones[at] == milestone:
        return False
    milestones.insert(at, milestone)
    return may_publish(milestone)


def _add_note(state: Interaction, note: Note) -> bool:
    notes = state.notes
    if notes and notes[-1] >= note:
        at = bisect_left(notes, note)
        if notes[at] == note:
            return False
        notes.insert(at, note)
    else:
        notes.append(note)
    return True


def _active(state: Interaction, time: int, channel: str, gap: int) -> None:
    bursts = state.bursts
    # In order of time, as most events come, the last burst goes on.
    if bursts and bursts[-2] < time <= bursts[-1] + gap:
        if time > bursts[-1]:
            bursts[-1] = time
    else:
        join_burst(bursts, state.burst_channels, time, channel, gap)


def _started(state: Interaction, data: ev.Data, time: int, gap: int) -> bool:
    _active(state, time, data.channel, gap)
    if data.channel == "voice" and data.direction != "outbound":
        state.spoke = _earliest(state.spoke, time)
    return _add(state, (time, STARTED, data.channel, "", "", ""))


def _updated(state: Interaction, data: ev.Data, time: int, gap: int) -> bool:
    _active(state, time, data.channel, gap)
    return False


def _ended(state: Interaction, data: ev.ContactEndedData, time: int, gap: int) -> bool:
    # No activity: what a timer closes days later is not the beginning of another episode.
    return _add(state, (time, ENDED, data.channel, data.ended_by, "", ""))


def _message(state: Interaction, data: ev.MessageData, time: int, pace: Pace) -> int:
    author = data.author
    # A note among staff is nothing to the customer, who waits on as if it had not been written.
    if author not in ("customer", "human", "ai") or data.visibility != "public":
        return pace.quiet_ms
    _active(state, time, data.channel, pace.inactivity_ms)
    if author == "ai":
        state.ai_seen = _earliest(state.ai_seen, time)
        if not _say(state.ai_messages, time):
            return pace.quiet_ms
        return 0 if ai_may_answer(state, time, pace.expiry_ms) else pace.quiet_ms
    if author == "human":
        return 0 if _human_message(state, data, time) else pace.quiet_ms
    state.spoke = _earliest(state.spoke, time)
    said = _say(state.customer_messages, time)
    if not said or not customer_may_ask(state, time, pace.expiry_ms):
        return pace.quiet_ms
    # What stands after it already may be its answer.
    return 0 if is_followed(state, time) else pace.question_ms


def _say(times: list[ev.Moment], time: int) -> bool:
    """Keep the time of a message; whether it was not known yet."""
    if not times or times[-1] < time:
        times.append(time)
        return True
    at = bisect_left(times, time)
    if times[at] == time:
        return False
    times.insert(at, time)
    return True


def _human_message(
    state: Interaction, data: ev.MessageData | ev.FirstHumanMessageData, time: int
) -> bool:
    repeated = YES if data.customer_repeated_info else NO
    return _add(state, (time, HUMAN_MESSAGE, data.channel, data.agent_id or "", repeated, ""))


def _first_human_message(
    state: Interaction, data: ev.FirstHumanMessageData, time: int, gap: int
) -> bool:
    _active(state, time, data.channel, gap)
    return _human_message(state, data, time)


def _ai_active(state: Interaction, data: ev.Data, time: int, gap: int) -> bool:
    _active(state, time, data.channel, gap)
    state.ai_seen = _earliest(state.ai_seen, time)
    return False


def _ai_turn(
    state: Interaction, data: ev.AiTurnData | ev.AiFailureData, time: int, gap: int
) -> bool:
    _served_by(state, data, time)
    return _ai_active(state, data, time, gap)


def _failure(state: Interaction, event: ev.AiFailureSignalled, time: int, gap: int) -> None:
    data = event.data
    _ai_turn(state, data, time, gap)
    if data.signal == "human_requested":
        state.spoke = _earliest(state.spoke, time)
    # Failures are counted, so two at one moment are two: their identity tells them apart.
    identity = event.source + SEPARATOR + event.id
    _add(state, (time, FAILURE, data.channel, data.signal, identity, ""))


def _requested(state: Interaction, data: ev.HandoffRequestedData, time: int, gap: int) -> bool:
    _active(state, time, data.channel, gap)
    skills = join_words(data.required_skills)
    fields = join_words(data.context.fields_present)
    return _add(state, (time, REQUESTED, data.channel, data.requested_by, skills, fields))


def _agent(rank: int) -> Callable[[Interaction, ev.HandoffAgentData, int, int], bool]:
    def fold_agent(state: Interaction, data: ev.HandoffAgentData, time: int, gap: int) -> bool:
        _active(state, time, data.channel, gap)
        # "=" marks skills that were given, an empty list included.
        skills = NOT_GIVEN if data.skills is None else "=" + join_words(data.skills)
        qualified = NOT_GIVEN if data.qualified is None else YES if data.qualified else NO
        return _add(state, (time, rank, data.channel, data.agent_id, skills, qualified))

    return fold_agent


def _plain(rank: int) -> Callable[[Interaction, ev.Data, int, int], bool]:
    def fold_plain(state: Interaction, data: ev.Data, time: int, gap: int) -> bool:
        _active(state, time, data.channel, gap)
        return _add(state, (time, rank, data.channel, "", "", ""))

    return fold_plain


def _dequeued(state: Interaction, data: ev.HandoffDequeuedData, time: int, gap: int) -> bool:
    _active(state, time, data.channel, gap)
    return _add(state, (time, DEQUEUED, data.channel, data.outcome, "", ""))


def _handed_back(state: Interaction, data: ev.HandoffReturnedData, time: int, gap: int) -> bool:
    _active(state, time, data.channel, gap)
    return _add(state, (time, HANDED_BACK, data.channel, data.to, "", ""))


def _claimed(state: Interaction, data: ev.ResolutionClaimedData, time: int, _: int) -> bool:
    if data.claimed_by == "ai":
        state.ai_seen = _earliest(state.ai_seen, time)
    query_type = data.query_type or NOT_GIVEN
    return _add(state, (time, CLAIMED, data.channel, data.claimed_by, query_type, ""))


def _evidence(state: Interaction, data: ev.ResolutionEvidenceData, time: int, _: int) -> bool:
    result = YES if data.result else NO
    return _add(state, (time, EVIDENCE, data.channel, data.kind, result, ""))


def _reopened(state: Interaction, data: ev.ResolutionReturnData, time: int, gap: int) -> bool:
    if data.trivial:
        return False
    _active(state, time, data.channel, gap)
    return _add(state, (time, RETURNED_CONTACT, data.channel, "resolution.reopened", "", ""))


def _recontacted(state: Interaction, data: ev.ResolutionReturnData, time: int, _: int) -> bool:
    if data.trivial:
        return False
    return _add(state, (time, RETURNED_CONTACT, data.channel, "resolution.recontacted", "", ""))


# No activity, and read at an episode's maturity, for which it is looked at anyway.
_MATURING: frozenset[type[ev.Event]] = frozenset(
    (ev.ResolutionClaimed, ev.ResolutionEvidence, ev.ResolutionRecontacted)
)
# Those of which the milestone opens an episode, and publishes nothing else.
_OPENING: frozenset[type[ev.Event]] = frozenset((ev.ContactStarted, ev.ResolutionReopened))
_FOLDS: dict[type[ev.Event], Callable[[Interaction, Any, int, int], bool]] = {
    ev.ContactStarted: _started,
    ev.ContactDataUpdated: _updated,
    ev.ContactEnded: _ended,
    ev.AiTurn: _ai_turn,
    ev.AiToolCall: _ai_active,
    ev.HandoffRequested: _requested,
    ev.HandoffQueued: _plain(QUEUED),
    ev.HandoffDequeued: _dequeued,
    ev.HandoffOffered: _plain(OFFERED),
    ev.HandoffDeclined: _updated,
    ev.HandoffTimedOut: _updated,
    ev.HandoffCallbackScheduled: _updated,
    ev.HandoffAccepted: _agent(ACCEPTED),
    ev.HandoffConnected: _agent(CONNECTED),
    ev.HandoffFirstHumanMessage: _first_human_message,
    ev.HandoffReturned: _handed_back,
    ev.HandoffAbandoned: _plain(ABANDONED),
    ev.ResolutionClaimed: _claimed,
    ev.ResolutionEvidence: _evidence,
    ev.ResolutionReopened: _reopened,
    ev.ResolutionRecontacted: _recontacted,
}
