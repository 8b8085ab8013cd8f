"""What changes about audit samples between two versions of a contract, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from streams.domain.contract_change import Change, Effect
from streams.domain.money import percent_text

if TYPE_CHECKING:
    from streams.domain.audit.terms import SamplingTerms
    from streams.domain.contract import Terms

_ALLOCATIONS = {"proportional": "the whole keeps the margin", "each": "each stratum keeps it"}


def sampling_changes(before: Terms, after: Terms) -> Iterator[Change]:
    """Stricter where more has to be reviewed for the same calls."""
    old, new = before.sampling, after.sampling
    if old == new:
        return
    if new is None:
        yield Change("terms", "nothing is agreed about audit samples any more", "looser")
    elif old is None:
        yield Change("terms", f"audit samples: {_words(new)}; nothing was agreed", "stricter")
    else:
        effect = _effect(old, new)
        yield Change("terms", f"audit samples: {_words(new)}; until then {_words(old)}", effect)


def _words(terms: SamplingTerms) -> str:
    split = " x ".join(terms.strata) or "no strata"
    return (
        f"within {percent_text(terms.margin_ppm)} at a confidence of"
        f" {percent_text(terms.confidence_ppm)} by {split},"
        f" at least {terms.minimum} of each, so that {_ALLOCATIONS[terms.allocation]}"
    )


def _effect(old: SamplingTerms, new: SamplingTerms) -> Effect:
    if old.strata != new.strata:
        return "neutral"
    was, now = (
        (-t.margin_ppm, t.confidence_ppm, t.minimum, t.allocation == "each") for t in (old, new)
    )
    if all(a <= b for a, b in zip(was, now, strict=True)):
        return "stricter"
    return "looser" if all(a >= b for a, b in zip(was, now, strict=True)) else "neutral"
