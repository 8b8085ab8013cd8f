"""The judge's draw and the sampler's, two pieces of code on the same facts, are one."""

from __future__ import annotations

from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from streams.domain.audit.record import Lottery, samples_of
from streams.domain.audit.strata import frame_of
from streams.domain.audit.terms import SPLITS, SamplingTerms
from streams.domain.events import Channel, FailureReason
from streams.domain.facts import Fact
from streams.oracle.audit_draw import winners
from tests.log_builder import CONTRACT
from tests.unit.domain.audit.frames import AT, BOOK, DAY, ended, fact, matured

_words = st.sampled_from(["unknown", "SG", "billing", "northcall", "Jane-Doe"])
_terms = st.builds(
    SamplingTerms,
    confidence_ppm=st.sampled_from([500_000, 800_000, 950_000, 999_000]),
    margin_ppm=st.integers(10_000, 500_000),
    minimum=st.integers(1, 12),
    allocation=st.sampled_from(["proportional", "each"]),
    strata=st.lists(st.sampled_from(SPLITS), unique=True).map(tuple),
)


@st.composite
def _episodes(draw: st.DrawFn) -> list[Fact]:
    """The facts of some episodes, also some that ended on another day."""
    found: list[Fact] = []
    names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=3)
    for conversation in draw(st.lists(names, unique=True, max_size=40)):
        time = draw(st.sampled_from([AT, AT, AT, DAY.start_ms, DAY.end_ms, DAY.end_ms + 1]))
        place: dict[str, Any] = {
            "channel": draw(st.sampled_from(get_args(Channel))),
            "market": draw(_words),
            "journey": draw(_words),
            "supplier": draw(_words),
        }
        outcome = draw(st.sampled_from(["contained", "escalated", "trapped", None]))
        excluded = outcome is None and draw(st.booleans())
        found.append(ended(conversation, outcome, time=time, excluded=excluded, **place))
        if outcome is not None:
            found.append(matured(conversation, human=draw(st.booleans())))
        if draw(st.booleans()):
            reason = draw(st.sampled_from(get_args(FailureReason)))
            found.append(fact("ai_failure", conversation, time - 5, reason=reason, first=True))
    return draw(st.permutations(found))


@given(facts=_episodes(), terms=_terms, key=st.binary(min_size=1, max_size=80))
def test_the_judge_draws_what_the_sampler_draws(
    facts: list[Fact], terms: SamplingTerms, key: bytes
) -> None:
    frame = frame_of(facts, BOOK, CONTRACT, DAY, terms.strata)
    drawn = samples_of(Lottery(frame, DAY, DAY.end_ms, terms, key, ()), lambda _: ()).samples
    ours = {
        (one.subject, one.data.episode): (
            tuple(one.data.stratum.items()),
            one.data.counts.population,
            one.data.counts.sampled,
            one.data.draw.rank,
            one.data.draw.ticket,
        )
        for one in drawn
    }
    theirs = winners([facts], BOOK, CONTRACT, DAY, terms, key)
    assert ours == {(name, episode): tuple(w) for (name, _, episode), w in theirs.items()}
