"""What Baton remembers of one conversation: a join-semilattice. DEFINITIONS.md sections 2 and 3.

Folding an event is commutative, associative and idempotent, so order of arrival, duplicates,
batches and partitions cannot change the state. What it means is walk.py's.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Any, Final

import msgspec

from streams.domain import events as ev

# (time ms, rank, channel, a, b, c): section 3's table; all but the first two are text so that any
# two compare.
Milestone = tuple[ev.Moment, int, str, str, str, str]

STARTED: Final = 0
RETURNED_CONTACT: Final = 1
FAILURE: Final = 2
REQUESTED: Final = 3
QUEUED: Final = 4
OFFERED: Final = 5
DEQUEUED: Final = 7
ACCEPTED: Final = 8
CONNECTED: Final = 9
HUMAN_MESSAGE: Final = 10
HANDED_BACK: Final = 11
ABANDONED: Final = 12
CLAIMED: Final = 13
EVIDENCE: Final = 14
ENDED: Final = 15
_PUBLISHING: Final = frozenset({FAILURE, REQUESTED, QUEUED, ABANDONED, ENDED})

NOT_GIVEN: Final = ""
YES: Final = "t"
NO: Final = "f"
_SEPARATOR: Final = "\x1f"


class Interaction(msgspec.Struct, array_like=True, gc=False):
    """State of one conversation. Times in ms; `bursts` is start, end, start, end, ... in order.

    `burst_channels` holds the channel of each burst's first activity (ties: the least).

    `latest` is the time of the latest event folded, None of an interaction that remembers nothing.

    `revisions` holds, for each place that a late event ever corrected, the last revision published
    there.
    """

    milestones: list[Milestone] = []
    bursts: list[ev.Moment] = []
    burst_channels: list[str] = []
    market: tuple[int, str] | None = None
    journey: tuple[int, str] | None = None
    supplier: tuple[int, str] | None = None
    ai_seen: int | None = None
    spoke: int | None = None
    revisions: dict[str, int] = {}
    latest: ev.Moment | None = None


def join_words(words: tuple[str, ...]) -> str:
    """A set of words as one comparable text; the inverse of split_words."""
    return _SEPARATOR.join(sorted(set(words)))


def split_words(text: str) -> frozenset[str]:
    """The set of words that join_words wrote down."""
    return frozenset(text.split(_SEPARATOR)) if text else frozenset()


def fold(state: Interaction, event: Any, time: int, inactivity_ms: int) -> bool:
    """Fold one event about a contact into `state`; True where that may bring a fact at its time.

    Where not, the earliest fact that it can bring is `inactivity_ms` later. `time` is the event's
    own, in ms; `inactivity_ms` the contract's, the same at every call.
    """
    data = event.data
    if state.latest is None or time > state.latest:
        state.latest = time
    _state_attribute(state, "market", data.market, time)
    _state_attribute(state, "journey", data.journey, time)
    _state_attribute(state, "supplier", data.supplier, time)
    kind = type(event)
    if kind is ev.AiFailureSignalled:
        return _failure(state, event, time, inactivity_ms)
    handler = _FOLDS.get(kind)
    return handler(state, data, time, inactivity_ms) if handler is not None else False


def _state_attribute(state: Interaction, name: str, value: str | None, time: int) -> None:
    if value is not None:
        known = getattr(state, name)
        if known is None or (time, value) < known:
            setattr(state, name, (time, value))


def _earliest(known: int | None, time: int) -> int:
    return time if known is None or time < known else known


def may_publish(milestone: Milestone) -> bool:
    """Whether a fact can bear this milestone's own time; all others only bear on later facts."""
    _, rank, channel, a, _, _ = milestone
    if rank == HUMAN_MESSAGE:
        return channel != "voice"
    if rank == CONNECTED:
        return channel == "voice"
    if rank == DEQUEUED:
        return a == "abandoned"
    if rank == HANDED_BACK:
        return a == "queue"
    return rank in _PUBLISHING


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


def _active(state: Interaction, time: int, channel: str, gap: int) -> None:
    """Join `time` into the bursts: neighbours at most `gap` apart are one."""
    bursts, channels = state.bursts, state.burst_channels
    if bursts and bursts[-2] < time <= bursts[-1]:
        return
    at = bisect_left(bursts, time)
    if at < len(bursts) and bursts[at] == time:
        if at % 2 == 0:
            channels[at // 2] = min(channel, channels[at // 2])
        return
    if at % 2:  # inside a burst
        return
    joins_left = at > 0 and time - bursts[at - 1] <= gap
    joins_right = at < len(bursts) and bursts[at] - time <= gap
    if joins_left and joins_right:
        del bursts[at - 1 : at + 1]
        del channels[at // 2]
    elif joins_left:
        bursts[at - 1] = time
    elif joins_right:
        bursts[at] = time
        channels[at // 2] = channel
    else:
        bursts[at:at] = [time, time]
        channels.insert(at // 2, channel)


def _started(state: Interaction, data: ev.Data, time: int, gap: int) -> bool:
    _active(state, time, data.channel, gap)
    if data.channel == "voice" and data.direction != "outbound":
        state.spoke = _earliest(state.spoke, time)
    return _add(state, (time, STARTED, data.channel, "", "", ""))


def _updated(state: Interaction, data: ev.Data, time: int, gap: int) -> bool:
    _active(state, time, data.channel, gap)
    return False


def _ended(state: Interaction, data: ev.ContactEndedData, time: int, gap: int) -> bool:
    _active(state, time, data.channel, gap)
    return _add(state, (time, ENDED, data.channel, data.ended_by, "", ""))


def _message(state: Interaction, data: ev.MessageData, time: int, gap: int) -> bool:
    author = data.author
    if author not in ("customer", "human", "ai"):
        return False
    _active(state, time, data.channel, gap)
    if author == "ai":
        state.ai_seen = _earliest(state.ai_seen, time)
    elif data.visibility == "public":
        if author == "human":
            return _human_message(state, data, time)
        state.spoke = _earliest(state.spoke, time)
    return False


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


def _failure(state: Interaction, event: ev.AiFailureSignalled, time: int, gap: int) -> bool:
    data = event.data
    _ai_active(state, data, time, gap)
    if data.signal == "human_requested":
        state.spoke = _earliest(state.spoke, time)
    # Failures are counted, so two at one moment are two: their identity tells them apart.
    identity = event.source + _SEPARATOR + event.id
    return _add(state, (time, FAILURE, data.channel, data.signal, identity, ""))


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
    return _add(state, (time, CLAIMED, data.channel, data.claimed_by, "", ""))


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


_FOLDS: dict[type[ev.Event], Callable[[Interaction, Any, int, int], bool]] = {
    ev.ContactStarted: _started,
    ev.ContactDataUpdated: _updated,
    ev.ContactEnded: _ended,
    ev.MessageSent: _message,
    ev.AiTurn: _ai_active,
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

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Interaction)


_DUE_BYTES = 8


class UnreadableState(ValueError):
    """Bytes that encode_interaction did not write."""


def encode_interaction(state: Interaction, due: int) -> bytes:
    """For a table and its changelog: when it is due next (ms), then the state as MessagePack."""
    return due.to_bytes(_DUE_BYTES, "big", signed=True) + _ENCODER.encode(state)


def decode_interaction(raw: bytes) -> Interaction:
    """The state that encode_interaction wrote. Raises UnreadableState."""
    try:
        state = _DECODER.decode(raw[_DUE_BYTES:])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableState(str(error)) from error
    if state.latest is None or len(state.bursts) != 2 * len(state.burst_channels):
        raise UnreadableState("the state of no conversation")
    return state


def due_of(raw: bytes) -> int:
    """When an encoded interaction is due (ms), without decoding the rest. Raises UnreadableState
    where it is too short to be one.
    """
    if len(raw) <= _DUE_BYTES:
        raise UnreadableState(f"{len(raw)} bytes")
    return int.from_bytes(raw[:_DUE_BYTES], "big", signed=True)
