"""What one conversation's state keeps: bursts, milestones, attributes. DEFINITIONS.md section 2."""

from __future__ import annotations

from itertools import permutations

import pytest

from streams.domain.events import epoch_ms
from streams.domain.interaction import Interaction, Pace, fold
from streams.domain.interaction_codec import UnreadableState, decode_interaction, encode_interaction
from streams.domain.milestones import ACCEPTED, HUMAN_MESSAGE, REQUESTED, join_words, split_words
from streams.domain.wire import decode_event
from tests.log_builder import (
    CONTRACT,
    T,
    accepted,
    ai_turn,
    claimed,
    customer_message,
    evidence,
    failure,
    first_human_message,
    human_message,
    message,
    recontacted,
    reopened,
    requested,
    started,
)

GAP_MS = 60_000


def remembered(*records: bytes) -> Interaction:
    state = Interaction()
    for raw in records:
        event = decode_event(raw, {CONTRACT})
        fold(state, event, epoch_ms(event.time), Pace(GAP_MS))
    return state


def bursts(*times: float) -> list[tuple[float, float]]:
    """The bursts of activity at these seconds."""
    state = remembered(*(ai_turn("c1", T(time)) for time in times))
    seconds = [(time - T(0)) / 1000 for time in state.bursts]
    return list(zip(seconds[::2], seconds[1::2], strict=True))


def test_activity_at_most_the_gap_apart_is_one_burst() -> None:
    assert bursts(0, 60, 120.001) == [(0, 60), (120.001, 120.001)]


@pytest.mark.parametrize("order", list(permutations((0, 50, 100, 200))))
def test_bursts_do_not_depend_on_order(order: tuple[float, ...]) -> None:
    assert bursts(*order) == [(0, 100), (200, 200)]


def test_a_moment_between_two_bursts_joins_them() -> None:
    assert bursts(0, 100, 50) == [(0, 100)]


def test_a_moment_inside_a_burst_changes_nothing() -> None:
    assert bursts(0, 60, 30, 59, 1) == [(0, 60)]


@pytest.mark.parametrize("order", list(permutations((0, 1, 2))))
def test_a_burst_has_the_least_channel_of_its_first_moment(order: tuple[int, ...]) -> None:
    records = [
        ai_turn("c1", T(0), channel="voice"),
        ai_turn("c1", T(0), channel="email"),
        ai_turn("c1", T(5), channel="chat"),
    ]
    assert remembered(*(records[at] for at in order)).burst_channels == ["email"]


@pytest.mark.parametrize(
    "no_activity",
    [
        message("c1", T(0), "automation"),
        message("c1", T(0), "campaign"),
        message("c1", T(0), "system"),
        claimed("c1", T(0)),
        evidence("c1", T(0)),
        recontacted("c1", T(0)),
        reopened("c1", T(0), trivial=True),
    ],
)
def test_what_nobody_does_with_the_customer_is_no_activity(no_activity: bytes) -> None:
    assert remembered(no_activity).bursts == []


@pytest.mark.parametrize("author", ["customer", "human", "ai"])
def test_a_private_note_is_neither_activity_nor_milestone_nor_an_ai_that_serves(
    author: str,
) -> None:
    state = remembered(message("c1", T(0), author, visibility="private"))
    assert (state.bursts, state.milestones, state.ai_seen, state.spoke) == ([], [], None, None)
    assert state.latest == T(0)


def test_two_reports_of_one_human_message_are_one_milestone() -> None:
    state = remembered(human_message("c1", T(0), "ann"), first_human_message("c1", T(0), "ann"))
    assert state.milestones == [(T(0), HUMAN_MESSAGE, "chat", "ann", "f", "")]


def test_a_request_keeps_its_skills_and_fields_as_sets() -> None:
    state = remembered(requested("c1", T(0), skills=["b", "a", "b"], fields=["y", "x"]))
    ((_, rank, _, by, skills, fields),) = state.milestones
    assert (rank, by) == (REQUESTED, "ai")
    assert (split_words(skills), split_words(fields)) == ({"a", "b"}, {"x", "y"})


def test_no_skills_given_and_none_had_are_two_things_and_the_first_stands_first() -> None:
    state = remembered(
        accepted("c1", T(0), skills=["a"]), accepted("c1", T(0), skills=[]), accepted("c1", T(0))
    )
    assert [(rank, skills) for _, rank, _, _, skills, _ in state.milestones] == [
        (ACCEPTED, ""),
        (ACCEPTED, "="),
        (ACCEPTED, "=a"),
    ]


def test_a_qualification_not_given_stands_before_no_and_no_before_yes() -> None:
    state = remembered(*(accepted("c1", T(0), qualified=q) for q in (True, None, False)))
    assert [qualified for *_, qualified in state.milestones] == ["", "f", "t"]


def test_the_ai_was_seen_and_the_customer_spoke_first_at() -> None:
    state = remembered(
        customer_message("c1", T(9)),
        failure("c1", T(5), "human_requested"),
        ai_turn("c1", T(2)),
        claimed("c1", T(1), "ai"),
        claimed("c1", T(0), "human"),
    )
    assert (state.ai_seen, state.spoke) == (T(1), T(5))


@pytest.mark.parametrize(
    ("direction", "spoke"), [(None, T(0)), ("inbound", T(0)), ("outbound", None)]
)
def test_a_caller_speaks_by_calling_unless_we_called(direction: str, spoke: int | None) -> None:
    assert remembered(started("c1", T(0), "voice", direction=direction)).spoke == spoke


def test_an_attribute_is_its_earliest_statement_and_of_two_the_least() -> None:
    state = remembered(
        ai_turn("c1", T(5), market="MY"),
        ai_turn("c1", T(2), market="SG"),
        ai_turn("c1", T(2), market="PH"),
        ai_turn("c1", T(0), market=None),
    )
    assert state.market == (T(2), "PH")


@pytest.mark.parametrize("words", [(), ("a",), ("a b", "c,d", "e=f"), ("é", "")[:1]])
def test_words_joined_are_the_words_split(words: tuple[str, ...]) -> None:
    assert split_words(join_words(words)) == frozenset(words)


def test_a_state_is_read_as_it_was_written() -> None:
    state = remembered(started("c1", T(0)), requested("c1", T(5), skills=["a"]))
    assert decode_interaction(encode_interaction(state, T(60))) == state


@pytest.mark.parametrize(
    "raw", [b"", bytes(8), bytes(8) + b"\x90", bytes(8) + b"\xc1", bytes(8) + b"\x9a"]
)
def test_what_is_no_state_is_unreadable(raw: bytes) -> None:
    with pytest.raises(UnreadableState):
        decode_interaction(raw)
