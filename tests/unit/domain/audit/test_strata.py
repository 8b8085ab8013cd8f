"""Every episode that ended in a period is in just one stratum, whatever it was called."""

from __future__ import annotations

from msgspec.structs import replace

from streams.domain.audit.strata import frame_of
from tests.log_builder import CONTRACT
from tests.unit.domain.audit.frames import (
    AT,
    BOOK,
    DAY,
    contained,
    ended,
    fact,
    frame,
    matured,
)


def outcome_of(facts: list) -> tuple[str, ...]:  # type: ignore[type-arg]
    return tuple(value for _, value in frame(facts).members[0].stratum)


def test_a_stratum_is_outcome_channel_and_first_failure() -> None:
    told = [
        ended("a", "escalated", channel="voice"),
        fact("ai_failure", "a", AT - 9, reason="timeout", first=False, ordinal=2),
        fact("ai_failure", "a", AT - 10, reason="tool_error", first=True),
    ]
    assert outcome_of(told) == ("escalated", "voice", "tool_error")


def test_what_was_called_ineligible_or_excluded_is_drawn_from_too() -> None:
    assert outcome_of([ended("a", None)]) == ("ineligible", "chat", "none")
    assert outcome_of([ended("a", None, excluded=True)]) == ("excluded", "chat", "none")


def test_values_that_the_contract_does_not_list_are_no_stratum_of_their_own() -> None:
    told = [ended("a", market="SG", journey="Jane-Doe", supplier="northcall")]
    split = ("market", "journey", "supplier")
    (only,) = frame_of(told, BOOK, CONTRACT, DAY, split).members
    assert [value for _, value in only.stratum] == ["SG", "other", "northcall"]


def test_an_episode_is_in_the_period_that_holds_the_end_of_the_slice_of_its_close() -> None:
    at = {"start": DAY.start_ms, "after": DAY.start_ms + 1, "end": DAY.end_ms}
    told = [ended(name, time=time) for name, time in at.items()]
    told.append(ended("next", time=DAY.end_ms + 1))
    assert [one.unit.conversation for one in frame(told).members] == ["after", "end"]


def test_populations_count_what_there_is_to_review() -> None:
    told = [
        *(ended("a", "escalated"), matured("a", human=True)),
        fact("escalation_ended", "a", outcome="taken_over", requested_ms=5),
        *(ended("b", "escalated"), matured("b", human=True)),
        fact("escalation_ended", "b", outcome="trapped", requested_ms=None),
        *(ended("c", None), fact("response_given", "c", by="human")),
        ended("d", None),
    ]
    found = {stratum[0][1]: n for stratum, n in frame(told).census.populations.items()}
    assert found["escalated"]._asdict() == {"all": 2, "ai": 2, "human": 2, "handed_over": 1}
    assert found["ineligible"]._asdict() == {"all": 2, "ai": 0, "human": 1, "handed_over": 0}
    assert [one.human for one in frame(told).members] == [True, True, True, None]


def test_what_came_after_an_episode_matured_is_no_part_of_it() -> None:
    review = fact("qa_evaluated", "a", AT + 21_600_001, subject="ai", evaluator="client")
    (only,) = frame([ended("a"), matured("a"), review]).members
    assert [one.kind for one in only.facts] == ["episode_ended", "episode_matured"]


def test_frames_are_equal_by_digest_just_where_episodes_and_strata_are() -> None:
    told = list(contained(5))
    corrected = [replace(one, revision=3, late=True) for one in reversed(told)]
    assert frame(told).census.digest == frame(corrected).census.digest
    assert frame(told).census.digest != frame(told[2:]).census.digest
    assert (
        frame(told).census.digest != frame([ended("c-000000", "trapped"), *told[1:]]).census.digest
    )
