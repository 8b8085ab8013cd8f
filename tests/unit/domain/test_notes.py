"""Notes as they are remembered: a set in section 3's order, and what a table may hold of them."""

from __future__ import annotations

import random

import pytest

from streams.domain.interaction_codec import (
    UnreadableState,
    decode_interaction,
    encode_interaction,
)
from streams.domain.notes import ABSENT, COST, EXCEPTION, Note, well_formed
from tests.log_builder import (
    T,
    ai_message,
    ai_turn,
    cost,
    customer_message,
    evaluated,
    exception,
    exception_closed,
    failure,
    message,
    survey_answered,
    survey_sent,
)
from tests.unit.domain.walked import remembered

IN_ORDER = [
    evaluated("c1", T(0), "q1", status="deleted"),
    evaluated("c1", T(0), "q1", score=None),
    evaluated("c1", T(0), "q1", score=0),
    evaluated("c1", T(0), "q1", score=100),
    evaluated("c1", T(0), "q1", score=100, fails=True),
    survey_sent("c1", T(0)),
    survey_answered("c1", T(0), -9, scale=(-9, 9)),
    survey_answered("c1", T(0), 8, scale=(-9, 9)),
    exception("c1", T(0)),
    exception("c1", T(0), due=T(-5)),
    exception("c1", T(0), due=T(5)),
    exception_closed("c1", T(0)),
    cost("c1", T(0), -7),
    cost("c1", T(0), 6),
    evaluated("c1", T(1)),
]


@pytest.mark.parametrize("seed", range(5))
def test_notes_stand_in_the_order_of_the_page_whatever_order_they_came_in(seed: int) -> None:
    shuffled = [*IN_ORDER, *IN_ORDER[::3]]
    random.Random(seed).shuffle(shuffled)
    state = remembered(shuffled)
    assert state == remembered(IN_ORDER)
    assert [remembered([raw]).notes[0] for raw in IN_ORDER] == state.notes


def test_a_draft_is_not_remembered() -> None:
    assert remembered([evaluated("c1", T(0), status="draft")]).notes == []


def test_messages_are_remembered_by_author_as_far_as_they_are_public() -> None:
    state = remembered(
        [
            ai_message("c1", T(3)),
            customer_message("c1", T(2)),
            customer_message("c1", T(1)),
            customer_message("c1", T(2), channel="email"),
            message("c1", T(0), "customer", visibility="private"),
            message("c1", T(0), "ai", visibility="private"),
            message("c1", T(0), "automation"),
        ]
    )
    assert (state.customer_messages, state.ai_messages) == ([T(1), T(2)], [T(3)])


def test_versions_are_stated_by_turns_and_failures_and_the_first_holds() -> None:
    state = remembered(
        [
            failure("c1", T(2), model="m-2", prompt_version="p-2"),
            ai_turn("c1", T(1), model="m-1"),
            ai_turn("c1", T(3), model="m-3", knowledge_version="k-3"),
        ]
    )
    assert (state.model, state.prompt_version, state.knowledge_version) == (
        (T(1), "m-1"),
        (T(2), "p-2"),
        (T(3), "k-3"),
    )


def test_the_earliest_and_latest_event_of_whatever_kind_are_remembered() -> None:
    state = remembered([failure("c1", T(5)), cost("c1", T(-9), 1), evaluated("c1", T(50))])
    assert (state.earliest, state.latest) == (T(-9), T(50))


def test_a_state_with_notes_is_read_as_it_was_written() -> None:
    state = remembered([*IN_ORDER, customer_message("c1", T(0)), ai_message("c1", T(1))])
    assert decode_interaction(encode_interaction(state, T(60))) == state


def test_what_was_never_said_costs_a_byte_a_field() -> None:
    # Three versions that nobody stated; no messages of the customer and the AI, no notes, no
    # customer's key, and no erasure.
    encoded = encode_interaction(remembered([failure("c1", T(0))]), 0)
    assert encoded.endswith(b"\xc0\xc0\xc0\x90\x90\x90\xc0\xc0")


@pytest.mark.parametrize(
    "note",
    [
        (T(0), 99, "chat", (), "/s", "1"),
        (T(0), COST, "chat", ("llm", 5), "/s", "1"),
        (T(0), COST, "chat", ("llm", "5", "USD"), "/s", "1"),
        (T(0), EXCEPTION, "chat", ("x", "r", "major", 2**60), "/s", "1"),
    ],
)
def test_a_note_of_another_shape_makes_a_state_unreadable(note: Note) -> None:
    state = remembered([failure("c1", T(0))])
    state.notes = [note]
    with pytest.raises(UnreadableState):
        decode_interaction(encode_interaction(state, 0))


def test_an_exception_without_a_due_date_is_well_formed() -> None:
    assert well_formed((T(0), EXCEPTION, "chat", ("x", "r", "major", ABSENT), "/s", "1"))
