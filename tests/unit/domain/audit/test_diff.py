"""What changes about audit samples between versions is told, with whose burden it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.audit.diff import sampling_changes
from streams.domain.audit.terms import SamplingTerms
from tests.log_builder import CONTRACT, EPOCH_MS
from tests.unit.domain.audit.frames import BOOK

TERMS = replace(BOOK.at(CONTRACT, EPOCH_MS), sampling=SamplingTerms())


def told(sampling: SamplingTerms | None) -> list[tuple[str, str]]:
    return [(c.effect, c.text) for c in sampling_changes(TERMS, replace(TERMS, sampling=sampling))]


def test_the_same_plan_is_no_change() -> None:
    assert told(SamplingTerms()) == []


@pytest.mark.parametrize(
    ("changed", "effect", "words"),
    [
        ({"margin_ppm": 30_000}, "stricter", "within 3 % at a confidence of 95 %"),
        ({"confidence_ppm": 900_000}, "looser", "at a confidence of 90 %"),
        ({"minimum": 12}, "stricter", "at least 12 of each"),
        ({"allocation": "each"}, "stricter", "each stratum keeps it"),
        ({"margin_ppm": 30_000, "minimum": 1}, "neutral", "until then within 5 %"),
        ({"strata": ("market",)}, "neutral", "by market"),
    ],
)
def test_a_change_says_both_plans_and_who_has_more_to_do(
    changed: dict[str, Any], effect: str, words: str
) -> None:
    ((found, text),) = told(replace(SamplingTerms(), **changed))
    assert found == effect
    assert words in text


def test_a_plan_that_comes_or_goes_is_told() -> None:
    assert told(None) == [("looser", "nothing is agreed about audit samples any more")]
    ((effect, text),) = [
        (c.effect, c.text) for c in sampling_changes(replace(TERMS, sampling=None), replace(TERMS))
    ]
    assert effect == "stricter"
    assert text.endswith("; nothing was agreed")
