"""Where one life of a conversation ends for the judge, and the next begins."""

from __future__ import annotations

import pytest

from streams.domain.lifecycle import LifecyclePartition
from streams.domain.memory import DAY_MS, FORGET_AFTER_MS, LATE_LIMIT_MS
from streams.domain.wire import decode_event
from streams.oracle.judge import judge
from tests.log_builder import LIFE, T, customer_message, ended, failure, requested
from tests.unit.oracle.verdicts import BOOK, book_with

RETURN = T(60) + FORGET_AFTER_MS


def lives(*log: bytes | int) -> list[tuple[int, int]]:
    """(life, episode) of every episode that ended."""
    facts = judge(log, BOOK, lateness_ms=0).facts
    return [(f.life, f.episode) for f in facts if f.kind == "episode_ended" and not f.retracts]


def contact(conversation: str, time: int) -> list[bytes | int]:
    """An episode of its own: a failure of the AI, and the end a millisecond later."""
    return [failure(conversation, time), ended(conversation, time + 1)]


def test_a_conversation_that_returns_after_it_was_forgotten_begins_anew() -> None:
    log = [failure("c1", T(0)), ended("c1", T(60)), RETURN, *contact("c1", RETURN + 1)]
    assert lives(*log, RETURN + DAY_MS) == [(LIFE, 1), (LIFE + 8, 1)]


def test_one_that_returns_before_the_tick_that_forgets_goes_on() -> None:
    log = [failure("c1", T(0)), ended("c1", T(60)), RETURN - 1, *contact("c1", RETURN)]
    assert lives(*log, RETURN + DAY_MS) == [(LIFE, 1), (LIFE, 2)]


def test_an_event_before_the_tick_that_would_forget_keeps_it() -> None:
    back = failure("c1", T(60) + 2 * DAY_MS)  # late, and now the latest
    log = [failure("c1", T(0)), ended("c1", T(60)), RETURN - 1, back, RETURN]
    assert lives(*log, *contact("c1", RETURN + 1), RETURN + DAY_MS) == [
        (LIFE, 1),
        (LIFE, 2),
        (LIFE, 3),
    ]


def test_a_late_event_of_a_forgotten_life_begins_another() -> None:
    late = T(60) + DAY_MS + 1  # 7 days less a millisecond behind the tick that forgets
    log = [failure("c1", T(0)), ended("c1", T(60)), RETURN, failure("c1", late)]
    facts = judge([*log, RETURN + DAY_MS], BOOK, lateness_ms=0).facts
    assert {fact.life for fact in facts} == {LIFE, LIFE + 1}
    assert {fact.late for fact in facts if fact.life == LIFE + 1} == {True}
    assert not any(fact.retracts for fact in facts)


def test_an_event_seven_days_behind_is_a_dead_letter() -> None:
    tick = T(0) + LATE_LIMIT_MS
    verdict = judge([tick, failure("c1", T(0)), failure("c2", T(0) + 1)], BOOK, lateness_ms=0)
    assert verdict.dead_letters == {"too_late": 1}
    assert verdict.events == 1


def test_a_late_event_before_midnight_takes_every_fact_to_the_day_before() -> None:
    log = [requested("c1", T(5)), T(120), customer_message("c1", T(-5)), T(130)]
    facts = judge(log, BOOK, lateness_ms=0).facts
    assert sorted((f.life, f.kind, f.retracts) for f in facts if f.kind == "escalation_opened") == [
        (LIFE - 1, "escalation_opened", False),
        (LIFE, "escalation_opened", False),
        (LIFE, "escalation_opened", True),
    ]


@pytest.mark.parametrize(
    ("terms", "rests_from"),
    [
        ({"inactivity_ms": 9 * DAY_MS}, T(0) + 9 * DAY_MS),  # its last burst fades
        ({"verification_ms": 10 * DAY_MS}, T(60) + 10 * DAY_MS),  # its episode matures
        ({"escalation_expiry_ms": 12 * DAY_MS}, T(0) + 12 * DAY_MS),  # somebody waits
    ],
    ids=["inactivity", "verification", "expiry"],
)
@pytest.mark.parametrize("tick", [-1, 0], ids=["before", "at"])
def test_a_slower_timer_of_its_contract_keeps_it(
    terms: dict[str, int], rests_from: int, tick: int
) -> None:
    book = book_with(**{"verification_ms": 1, **terms})
    log = [failure("c1", T(0), "human_requested"), ended("c1", T(60)), rests_from + tick]
    if "escalation_expiry_ms" in terms:
        del log[1]
        rests_from += 1
        log[-1] = rests_from + tick
    back = failure("c1", rests_from + 1)
    facts = judge([*log, back, rests_from + DAY_MS], book, lateness_ms=0).facts
    assert ({fact.life for fact in facts} == {LIFE}) == (tick < 0)

    partition = LifecyclePartition(book, 0, {})
    told = []
    for item in (*log, back, rests_from + DAY_MS):
        if isinstance(item, int):
            partition.tick(item)
        else:
            partition.event(decode_event(item, book))
        told += partition.flush().facts
    assert {fact.id for fact in told} == {fact.id for fact in facts}
