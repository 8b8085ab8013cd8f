"""What is remembered of a conversation is a set: order, grouping and repetition cannot change it.

And what it means at a moment depends on nothing that happened later. DEFINITIONS.md sections 2, 6.
"""

from __future__ import annotations

import random

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from streams.domain.contract import ContractBook
from streams.domain.events import epoch_ms
from streams.domain.interaction import Interaction, Pace, fold
from streams.domain.interaction_codec import decode_interaction, encode_interaction
from streams.domain.lifecycle import pace_of
from streams.domain.path import Path
from streams.domain.walk import walk
from streams.domain.wire import Rejection, decode_event
from tests.log_builder import CONTRACT, T
from tests.properties.books import BOOKS, INACTIVITY_MS, TWO_VERSIONS
from tests.properties.strategies import Happening, happenings

HAPPENINGS = st.lists(happenings(), max_size=16)
WHOLE_SECONDS = st.integers(-1, 460)
slow = settings(max_examples=100, deadline=None)


def remembered(*happened: Happening, into: Interaction | None = None) -> Interaction:
    """All of it as one conversation, whichever it came from; folded into a copy of `into`."""
    state = Interaction()
    if into is not None and into.latest is not None:  # what is empty is not stored
        state = decode_interaction(encode_interaction(into, 0))
    for one in happened:
        try:
            event = decode_event(one.raw, TWO_VERSIONS)
        except Rejection:
            continue  # as a score off its scale
        assert epoch_ms(event.time) == one.time
        fold(state, event, one.time, Pace(INACTIVITY_MS))
    return state


@slow
@given(HAPPENINGS, st.randoms(use_true_random=False))
def test_folding_is_commutative(happened: list[Happening], chance: random.Random) -> None:
    shuffled = list(happened)
    chance.shuffle(shuffled)
    assert remembered(*shuffled) == remembered(*happened)


@slow
@given(HAPPENINGS, st.randoms(use_true_random=False))
def test_folding_is_idempotent(happened: list[Happening], chance: random.Random) -> None:
    once = remembered(*happened)
    again = chance.choices(happened, k=len(happened)) if happened else []
    assert remembered(*again, into=once) == once


@slow
@given(HAPPENINGS, HAPPENINGS, HAPPENINGS)
def test_folding_is_associative(
    first: list[Happening], second: list[Happening], third: list[Happening]
) -> None:
    # (a + b) + c, with each sum stored and read back between, and a + (c + b).
    there = remembered(*third, into=remembered(*second, into=remembered(*first)))
    back = remembered(*first, into=remembered(*second, into=remembered(*third)))
    assert there == back == remembered(*first, *second, *third)


@slow
@given(st.lists(happenings(), min_size=1, max_size=16))
def test_a_stored_interaction_is_read_back_as_it_was(happened: list[Happening]) -> None:
    state = remembered(*happened)
    assume(state.latest is not None)  # of dead letters nothing is stored
    state.revisions = {"escalation_ended:1:1": 2}
    assert decode_interaction(encode_interaction(state, -1)) == state


@slow
@given(HAPPENINGS)
def test_bursts_are_apart_by_more_than_the_inactivity_and_each_has_a_channel(
    happened: list[Happening],
) -> None:
    state = remembered(*happened)
    ends, starts = state.bursts[1::2], state.bursts[2::2]
    assert all(start - end > INACTIVITY_MS for end, start in zip(ends, starts, strict=False))
    assert state.bursts == sorted(state.bursts)
    assert len(state.burst_channels) * 2 == len(state.bursts)
    assert state.milestones == sorted(set(state.milestones))


@slow
@given(HAPPENINGS, WHOLE_SECONDS, st.sampled_from(BOOKS))
def test_facts_up_to_a_moment_do_not_change_by_what_happens_after_it(
    happened: list[Happening], second: int, book: ContractBook
) -> None:
    moment = T(second)
    then = remembered(*(one for one in happened if one.time <= moment))
    now = remembered(*happened)
    assert _facts(now, book, moment) == _facts(then, book, moment)


@slow
@given(HAPPENINGS, st.lists(WHOLE_SECONDS, max_size=5), st.sampled_from(BOOKS))
def test_facts_told_step_by_step_are_those_told_at_once(
    happened: list[Happening], seconds: list[int], book: ContractBook
) -> None:
    state = remembered(*happened)
    told, after = [], None
    for moment in (*map(T, sorted(seconds)), T(1_000)):
        told += walk(state, CONTRACT, "c1", book, after, moment)[0]
        after = moment
    assert told == _facts(state, book, T(1_000))


@slow
@given(
    HAPPENINGS,
    st.lists(WHOLE_SECONDS, max_size=5),
    st.sampled_from(BOOKS),
    st.randoms(use_true_random=False),
)
def test_a_path_that_is_read_on_while_events_come_tells_what_is_told_at_once(
    happened: list[Happening], seconds: list[int], book: ContractBook, chance: random.Random
) -> None:
    state, pace = Interaction(), pace_of(book.versions(CONTRACT))
    path, told, after = Path(state, CONTRACT, book), [], None
    waiting = [one for one in happened if is_taken(one)]
    for moment in (*map(T, sorted(seconds)), T(1_000)):
        # Whatever comes by then is on time; of the rest some is known long before.
        known = [one for one in waiting if one.time <= moment or chance.random() < 0.3]
        waiting = [one for one in waiting if one not in known]
        for one in known:
            fold(state, decode_event(one.raw, TWO_VERSIONS), one.time, pace)
        if state.latest is not None:
            step, due = walk(state, CONTRACT, "c1", book, after, moment, path)
            assert (step, due) == walk(state, CONTRACT, "c1", book, after, moment)
            told += step
            after = moment
    assert told == _facts(state, book, T(1_000))


@slow
@given(HAPPENINGS, WHOLE_SECONDS, st.sampled_from(BOOKS))
def test_no_fact_comes_before_the_walk_says_that_one_could(
    happened: list[Happening], second: int, book: ContractBook
) -> None:
    state, moment = remembered(*happened), T(second)
    _, due = walk(state, CONTRACT, "c1", book, None, moment)
    coming = [fact.time for fact in _facts(state, book, T(1_000)) if fact.time > moment]
    assert not coming or (due is not None and moment < due <= min(coming))


def _facts(state: Interaction, book: ContractBook, upto: int) -> object:
    return walk(state, CONTRACT, "c1", book, None, upto)[0]


@slow
@given(HAPPENINGS, WHOLE_SECONDS, st.sampled_from(BOOKS))
def test_no_fact_comes_of_an_event_before_its_folding_says_that_one_could(
    happened: list[Happening], second: int, book: ContractBook
) -> None:
    moment, pace = T(second), pace_of(book.versions(CONTRACT))
    state = remembered(*(one for one in happened if one.time <= moment))
    due = None if state.latest is None else walk(state, CONTRACT, "c1", book, None, moment)[1]
    for one in happened:
        if one.time <= moment or not is_taken(one):
            continue
        soonest = one.time + fold(state, decode_event(one.raw, TWO_VERSIONS), one.time, pace)
        due = soonest if due is None else min(due, soonest)
        coming = [fact.time for fact in _facts(state, book, T(1_000)) if fact.time > moment]
        assert not coming or due <= min(coming)


@slow
@given(HAPPENINGS)
def test_the_earliest_and_latest_event_are_those_of_all_that_was_folded(
    happened: list[Happening],
) -> None:
    state, taken = remembered(*happened), [one.time for one in happened if is_taken(one)]
    assert state.earliest == min(taken, default=None)
    assert state.latest == max(taken, default=None)
    for times in (state.customer_messages, state.ai_messages, state.notes):
        assert times == sorted(set(times))  # type: ignore[type-var]


def is_taken(one: Happening) -> bool:
    """Whether it is no dead letter."""
    try:
        decode_event(one.raw, TWO_VERSIONS)
    except Rejection:
        return False
    return True
