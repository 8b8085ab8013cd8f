"""Only what a person says about a drawn episode counts, once, the client before the supplier."""

from __future__ import annotations

import random
from typing import Any

import pytest

from streams.domain.audit.report import report_of
from streams.domain.audit.reviews import Joined, joined
from streams.domain.events import Event
from streams.domain.wire import decode_event
from tests.log_builder import CONTRACT, T, event
from tests.unit.domain.audit.frames import BOOK, contained, ended, samples

SAMPLES = {one.id: one for one in samples(list(contained(3)))}
ONE, OTHER, THIRD = SAMPLES.values()
_LATER = 400_000


def review(at: float = 0, **given: Any) -> Event:
    sample = given.pop("sample", ONE)
    said = {
        "evaluation_id": "e-1",
        "evaluator": "client",
        "status": "final",
        "subject": "ai",
        "score_ppm": 900_000,
        "sampling_job_id": sample.id,
        **given,
    }
    raw = event("qa.evaluated", sample.subject, T(_LATER + at), **said)
    return decode_event(raw, (CONTRACT,))


def standing(found: Joined) -> dict[str, bool]:
    return {name: one.passed for (name, _), one in found.standing.items()}


def test_a_review_is_joined_to_the_sample_it_names() -> None:
    found = joined(SAMPLES, [review(), review(sample=OTHER, score_ppm=100_000)], BOOK)
    assert standing(found) == {ONE.id: True, OTHER.id: False}
    assert (found.by_client, found.by_supplier) == (2, 0)


# telco-2026 passes from 0.7 on.
@pytest.mark.parametrize(
    ("score", "automatic", "passed"),
    [
        (700_000, False, True),
        (699_999, False, False),
        (1_000_000, True, False),
        (None, False, False),
    ],
)
def test_passing_follows_the_contract(score: int | None, automatic: bool, passed: bool) -> None:
    found = joined(SAMPLES, [review(score_ppm=score, automatic_fail=automatic)], BOOK)
    assert standing(found) == {ONE.id: passed}


@pytest.mark.parametrize(
    ("said", "counted_as"),
    [
        ({"status": "draft"}, "drafts"),
        ({"evaluator": "auto"}, "automatic"),
        ({"sampling_job_id": "draw-2026-05"}, "strangers"),
        ({"sampling_job_id": OTHER.id}, "misplaced"),
    ],
)
def test_what_is_no_review_of_the_sample_is_counted_apart(
    said: dict[str, Any], counted_as: str
) -> None:
    found = joined(SAMPLES, [review(**said)], BOOK)
    assert found.standing == {}
    assert getattr(found, counted_as) == 1


def test_an_evaluation_picked_by_hand_says_nothing_of_the_period() -> None:
    assert joined(SAMPLES, [review(sampling_job_id=None)], BOOK) == Joined()


def test_a_review_that_was_taken_back_is_none() -> None:
    found = joined(SAMPLES, [review(), review(9, status="deleted")], BOOK)
    assert (found.standing, found.deleted) == ({}, 1)


def test_a_second_review_does_not_replace_the_first_and_is_told_where_it_is_contrary() -> None:
    again = [
        review(1, evaluation_id="e-2", score_ppm=100_000),
        review(2, evaluation_id="e-3"),
    ]
    found = joined(SAMPLES, [*again, review()], BOOK)
    assert (standing(found), found.second, found.contrary) == ({ONE.id: True}, 2, 1)


def test_the_clients_review_stands_before_an_earlier_one_of_the_suppliers() -> None:
    ours = review(-60, evaluation_id="e-2", evaluator="human", score_ppm=1_000_000)
    found = joined(SAMPLES, [ours, review(score_ppm=100_000)], BOOK)
    assert (standing(found), found.contrary) == ({ONE.id: False}, 1)


@pytest.mark.parametrize("seed", range(5))
def test_neither_order_nor_repetition_of_reviews_matters(seed: int) -> None:
    some = [
        review(),
        review(status="draft", score_ppm=1),
        review(3, evaluation_id="e-2", score_ppm=100_000),
        review(sample=OTHER, evaluator="human"),
        review(5, sample=OTHER, evaluation_id="e-4", status="deleted"),
    ]
    mixed = [*some, *some]
    random.Random(seed).shuffle(mixed)
    assert joined(SAMPLES, mixed, BOOK) == joined(SAMPLES, some, BOOK)


def test_the_report_names_what_was_drawn_and_not_reviewed() -> None:
    told = report_of([*SAMPLES.values(), ONE], [review()], BOOK)
    assert told.drawn == told.population == 3
    assert set(told.unreviewed["ai"]) == {OTHER.id, THIRD.id}
    assert told.unreviewed["human"] == ()


def test_where_there_is_nothing_to_review_it_is_said() -> None:
    told = report_of(samples([ended("a", None)]), [], BOOK)
    assert told.not_applicable == 1
    assert told.pass_rates[0].overall.share is None


def test_a_report_is_on_one_draw() -> None:
    with pytest.raises(ValueError, match="no sample"):
        report_of([], [], BOOK)
    with pytest.raises(ValueError, match="several draws"):
        report_of([*SAMPLES.values(), *samples(list(contained(4)))], [], BOOK)
    with pytest.raises(ValueError, match="several draws"):
        report_of([ONE, *samples(list(contained(4)))[3:]], [], BOOK)
