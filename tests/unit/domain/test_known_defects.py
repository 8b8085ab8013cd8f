"""Defects that real platforms and their reports had, each as what must hold here instead.

DOMAIN.md section 5 names the systems; sections 0 and 1 the two from measured data.
"""

from __future__ import annotations

from dataclasses import replace

from streams.domain.contract import ContractBook
from streams.domain.indicators import ratio
from streams.domain.window_value import WindowValue
from tests.in_memory_pipeline import InMemoryPipeline, Published
from tests.log_builder import (
    CONTRACT,
    T,
    abandoned,
    accepted,
    ai_turn,
    claimed,
    customer_message,
    ended,
    event,
    failure,
    human_message,
    message,
    queued,
    reopened,
    requested,
    returned,
    started,
)
from tests.unit.domain.walked import HOUR, episodes, finals, only, timeline, waits, walked
from tests.unit.oracle.verdicts import BOOK, TERMS

ASKED = failure("c1", T(0), "human_requested")
DAY = 24 * HOUR


def published(*records: bytes | int, until: int) -> Published:
    return InMemoryPipeline(BOOK, lateness_ms=0).run([*records, until])


def whole_contract(*records: bytes | int, until: int) -> WindowValue:
    """The 24 h window of the whole contract."""
    return published(*records, until=until).windows[((CONTRACT, ()), "24h")]


def contained(conversation: str, *, channel: str = "chat") -> list[bytes]:
    return [
        started(conversation, T(0), channel),
        customer_message(conversation, T(1), channel=channel),
        ai_turn(conversation, T(2), channel=channel),
        ended(conversation, T(9), channel=channel),
    ]


def test_bot_messages_are_no_first_human_response() -> None:
    bots = [message("c1", T(n), who) for n, who in enumerate(("ai", "automation", "campaign"), 1)]
    assert waits(walked(ASKED, *bots, human_message("c1", T(60)), until=T(60))) == [
        ("taken_over", 60.0)
    ]


def test_private_notes_are_no_first_human_response() -> None:
    note = message("c1", T(5), "human", visibility="private")
    assert waits(walked(ASKED, note, until=T(60))) == []


def test_the_wait_starts_at_the_failure_and_not_at_the_bots_greeting() -> None:
    log = [started("c1", T(0)), ai_turn("c1", T(1)), requested("c1", T(300))]
    assert waits(walked(*log, human_message("c1", T(310)), until=T(310))) == [("taken_over", 10.0)]


def test_a_handoff_does_not_erase_since_when_the_customer_waits() -> None:
    log = [ASKED, requested("c1", T(50)), queued("c1", T(51)), human_message("c1", T(60))]
    assert waits(walked(*log, until=T(60))) == [("taken_over", 60.0)]


def test_a_reopened_contact_is_timed_from_its_own_failure() -> None:
    log = [*contained("c1"), reopened("c1", T(HOUR)), failure("c1", T(HOUR + 5), "human_requested")]
    answered = human_message("c1", T(HOUR + 25))
    assert waits(walked(*log, answered, until=T(HOUR + 25))) == [("taken_over", 20.0)]


def test_handoff_and_resolution_rates_never_exceed_one() -> None:
    both = [ASKED, requested("c1", T(1)), human_message("c1", T(5)), claimed("c1", T(6))]
    counts = whole_contract(*both, ended("c1", T(9)), *contained("c2"), until=T(60)).counts
    outcomes = sum(n for name, n in counts.items() if name.startswith("outcome."))
    assert (outcomes, counts["eligible"]) == (2, 2)


def test_days_with_the_bot_are_no_part_of_the_wait_for_a_human() -> None:
    days = [ai_turn("c1", T(HOUR * n)) for n in range(48)]
    asked = failure("c1", T(48 * HOUR), "human_requested")
    answered = human_message("c1", T(48 * HOUR + 7))
    assert waits(walked(*days, asked, answered, until=T(49 * HOUR))) == [("taken_over", 7.0)]


def test_contacts_without_ai_or_without_a_request_are_in_no_denominator() -> None:
    greeting = [ai_turn("c2", T(1)), ended("c2", T(9))]
    humans_only = [customer_message("c3", T(1)), human_message("c3", T(2)), ended("c3", T(9))]
    value = whole_contract(*contained("c1"), *greeting, *humans_only, until=T(60))
    assert (ratio("containment_raw", value.counts), value.counts["ineligible"]) == ((1, 1), 2)


def test_second_handoff_is_not_dropped() -> None:
    log = [ASKED, human_message("c1", T(20)), returned("c1", T(60), "ai")]
    again = [requested("c1", T(100), handoff="h2"), human_message("c1", T(130))]
    assert waits(walked(*log, *again, until=T(130))) == [
        ("taken_over", 20.0),
        ("taken_over", 30.0),
    ]


def test_an_event_delivered_twice_is_counted_once() -> None:
    log = [ASKED, requested("c1", T(5)), human_message("c1", T(20)), ended("c1", T(30))]
    once, twice = published(*log, until=T(60)), published(*log, *log, until=T(60))
    assert (once.facts, once.windows) == (twice.facts, twice.windows)


def test_a_lost_end_event_leaves_no_episode_open_for_ever() -> None:
    log = contained("c1")[:-1]
    assert [cause for _, cause, *_ in episodes(walked(*log, until=T(3 * HOUR)))] == ["inactivity"]


def test_new_terms_do_not_rewrite_past_waits() -> None:
    lax = replace(TERMS, effective_to_ms=T(10), thresholds_ms={"chat": 600_000})
    strict = replace(TERMS, version=2, effective_from_ms=T(10), thresholds_ms={"chat": 5_000})
    log = [requested("c1", T(9)), human_message("c1", T(300))]
    facts = walked(*log, until=T(300), book=ContractBook([lax, strict]))
    assert (only(facts, "escalation_ended")["within"], facts[0].version) == (True, 1)


def test_every_fact_has_an_id_of_its_own() -> None:
    log = [ASKED, human_message("c1", T(20)), returned("c1", T(60), "ai"), failure("c1", T(61))]
    log += [requested("c1", T(62)), ended("c1", T(300)), *contained("c2"), T(400)]
    late = [failure("c1", T(59)), human_message("c1", T(70))]
    facts = published(*log, *late, until=T(DAY)).facts
    assert len({fact.id for fact in facts}) == len(facts)


def test_a_breach_is_judged_to_the_millisecond() -> None:
    facts = walked(requested("c1", T(0)), until=T(HOUR))
    assert timeline(facts)[1:] == [(120.001, "escalation_overdue")]


def test_reopening_does_not_move_the_first_resolution() -> None:
    log = [*contained("c1"), reopened("c1", T(HOUR)), ended("c1", T(2 * HOUR))]
    assert [at for at, *_ in episodes(walked(*log, until=T(3 * HOUR)))] == [9.0, 2.0 * HOUR]


def test_every_close_says_by_whom_bots_included() -> None:
    log = [*contained("c1")[:-1], ended("c1", T(9), "ai")]
    log += [reopened("c1", T(60)), ended("c1", T(90), "human")]
    assert [cause for _, cause, *_ in episodes(walked(*log, until=T(90)))] == ["ai", "human"]


def test_a_contact_closed_but_never_resolved_is_not_verified() -> None:
    assert finals(walked(*contained("c1"), until=T(DAY))) == ["assumed"]


def test_unknown_fields_and_types_break_nothing() -> None:
    strange = [event("handoff.teleported", "c1", T(2)), requested("c1", T(5), mood="good")]
    found = published(*strange, human_message("c1", T(9)), until=T(60))
    assert (waits(found.facts), found.dead_letters) == ([("taken_over", 4.0)], {"unknown_type": 1})


def test_abandonment_in_the_queue_is_counted() -> None:
    counts = whole_contract(ASKED, requested("c1", T(1)), abandoned("c1", T(9)), until=T(60)).counts
    assert (counts["ended.abandoned"], counts["missed"]) == (1, 1)


def test_abandonment_does_not_improve_the_share_within() -> None:
    answered = [requested("c2", T(0)), human_message("c2", T(9))]
    left = [requested("c1", T(0)), abandoned("c1", T(5))]
    counts = whole_contract(*answered, *left, until=T(60)).counts
    assert ratio("escalation_within", counts) == (1, 2)


def test_nothing_is_final_before_its_verification_window_has_passed() -> None:
    log = contained("c1")
    assert finals(walked(*log, until=T(9 + 6 * HOUR) - 1)) == []
    assert finals(walked(*log, until=T(9 + 6 * HOUR))) == ["assumed"]


def test_swapped_clocks_give_no_negative_wait() -> None:
    log = [human_message("c1", T(20)), requested("c1", T(21)), queued("c1", T(22))]
    assert waits(walked(*log, until=T(60))) == [("taken_over", 0.0)]


def test_an_agent_who_accepts_and_never_answers_does_not_stop_the_clock() -> None:
    log = [requested("c1", T(0)), accepted("c1", T(5))]
    assert timeline(walked(*log, until=T(121)))[-1] == (120.001, "escalation_overdue")
