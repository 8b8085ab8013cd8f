"""Frames, lotteries and samples made up for tests, without a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from streams.contract_files import bundled_contract, load_contracts
from streams.domain.audit.record import Lottery, Sample, samples_of
from streams.domain.audit.strata import HeldFrame, frame_of
from streams.domain.audit.terms import SamplingTerms
from streams.domain.calendar_period import NamedPeriod, period_named
from streams.domain.facts import Fact, FactKind
from tests.log_builder import CONTRACT, EPOCH_MS, LIFE

BOOK = load_contracts([bundled_contract(CONTRACT)])
DAY: NamedPeriod = period_named("2026-03-02", "Asia/Singapore")
TERMS = SamplingTerms()
KEY = b"a key of this test alone"
AT = EPOCH_MS + 60_000


def fact(kind: FactKind, conversation: str, time: int = AT, **given: Any) -> Fact:
    """A fact of the first episode of a conversation; what is no field goes into its detail."""
    fields = {name: given.pop(name) for name in tuple(given) if name in Fact.__struct_fields__}
    plain: dict[str, Any] = {
        **dict.fromkeys(("market", "journey", "supplier"), "unknown"),
        **dict.fromkeys(("prompt_version", "model", "knowledge_version"), "unknown"),
        "contract": CONTRACT,
        "version": 1,
        "life": LIFE,
        "episode": 1,
        "ordinal": 1,
        "channel": "chat",
    }
    return Fact(
        kind=kind, conversation=conversation, time=time, detail=given, **{**plain, **fields}
    )


def ended(conversation: str, outcome: str | None = "contained", **given: Any) -> Fact:
    """The end of an eligible episode; without outcome, of one that is not."""
    detail = {"cause": "ai", "eligible": outcome is not None, "outcome": outcome, "safe": None}
    rest = {"excluded": False, "repeated": False, "resolved": None}
    return fact("episode_ended", conversation, **{**detail, **rest, **given})


def matured(conversation: str, *, human: bool = False, **given: Any) -> Fact:
    """The maturity of an episode."""
    names = ("claimed", "resolved", "returned", "first_contact", "qa_ai", "qa_human")
    detail = {"outcome": "assumed", "human": human, **dict.fromkeys(names, False)}
    return fact("episode_matured", conversation, AT + 21_600_000, **{**detail, **given})


def contained(count: int, begin: int = 0, **given: Any) -> Iterator[Fact]:
    """So many contained episodes, ended and matured."""
    for number in range(begin, begin + count):
        yield ended(f"c-{number:06d}", **given)
        yield matured(f"c-{number:06d}")


def frame(facts: Sequence[Fact], terms: SamplingTerms = TERMS) -> HeldFrame:
    """The frame of the tests' day."""
    return frame_of(facts, BOOK, CONTRACT, DAY, terms.strata)


def samples(facts: Sequence[Fact], terms: SamplingTerms = TERMS, key: bytes = KEY) -> list[Sample]:
    """The sample of the tests' day, without events."""
    lottery = Lottery(frame(facts, terms), DAY, DAY.end_ms, terms, key, ("0" * 64,))
    return samples_of(lottery, lambda conversation: ()).samples
