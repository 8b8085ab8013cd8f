"""Small adversarial logs: few conversations, agents and channels on a coarse grid of times.

Ties, swaps within the 5 s tolerance, thresholds, gaps of inactivity, expiry and whatever terms
change (books.py) all lie on that grid or a millisecond beside it, so that they collide in a dozen
events.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from streams.domain.contract import ContractBook
from tests import log_builder as b
from tests.log_builder import T
from tests.properties.books import DAY_MS, SETTINGS, SLOW_SETTINGS, Setting

Log = list[bytes | int]

_FLAGS = st.sampled_from((None, True, False))
_SKILLS = st.sampled_from((None, (), ("billing",), ("billing", "malay")))
_AGENTS = st.sampled_from(("ann", "bob"))
_REQUIRED = st.sampled_from(((), ("billing",), ("malay", "billing")))
_FIELDS = st.sampled_from(((), ("issue",), ("attempts", "issue"), ("attempts",)))
_SIGNALS = st.sampled_from(("human_requested", "no_match", "tool_error", "timeout"))
_VISIBILITY = st.sampled_from((None, None, None, "private"))
_PROMPTS = st.sampled_from((None, "p-1", "p-12", "p-2"))
_MODELS = st.sampled_from((None, "m-1", "m-9"))
_KNOWLEDGE = st.sampled_from((None, "k-1", "other-1"))
_RULES = st.sampled_from(("disclosure", "identity"))

_NOTES = ("evaluated", "survey_sent", "survey_answered", "exception", "exception_closed", "cost")
_KINDS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "started": {"direction": st.sampled_from((None, "outbound"))},
    "data_updated": {},
    "ended": {"by": st.sampled_from(("customer", "ai", "human", "automation", None))},
    "customer_message": {"visibility": _VISIBILITY},
    "ai_message": {"visibility": _VISIBILITY},
    "ai_turn": {"prompt_version": _PROMPTS, "model": _MODELS, "knowledge_version": _KNOWLEDGE},
    "automation": {},
    "failure": {"signal": _SIGNALS, "prompt_version": _PROMPTS, "knowledge_version": _KNOWLEDGE},
    "requested": {
        "by": st.sampled_from(("ai", "customer", "human")),
        "skills": _REQUIRED,
        "fields": _FIELDS,
    },
    "queued": {},
    "offered": {"agent": _AGENTS},
    "declined": {"agent": _AGENTS},
    "dequeued": {"outcome": st.sampled_from(("answered", "abandoned"))},
    "accepted": {"agent": _AGENTS, "skills": _SKILLS, "qualified": _FLAGS},
    "connected": {"agent": _AGENTS, "skills": _SKILLS, "qualified": _FLAGS},
    "human_message": {
        "agent": st.sampled_from((None, "ann", "bob")),
        "customer_repeated_info": st.sampled_from((None, None, True)),
        "visibility": _VISIBILITY,
    },
    "first_human_message": {"agent": st.sampled_from((None, "ann", "bob"))},
    "returned": {"to": st.sampled_from(("ai", "queue", "agent"))},
    "abandoned": {},
    "claimed": {"by": st.sampled_from(("ai", "ai", "human", "customer"))},
    "evidence": {
        "kind": st.sampled_from(("system_of_record", "qa_pass", "llm_judge")),
        "result": st.booleans(),
    },
    "reopened": {"trivial": st.booleans()},
    "recontacted": {"trivial": st.booleans()},
    "evaluated": {
        "evaluation": st.sampled_from(("q1", "q1", "q2")),
        "status": st.sampled_from(("final", "final", "final", "draft", "deleted", "deleted")),
        "subject": st.sampled_from(("ai", "human")),
        "score": st.sampled_from((None, 799_999, 800_000, 900_000)),
        "fails": st.sampled_from((False, False, True)),
        "evaluator": st.sampled_from(("auto", "human")),
    },
    "survey_sent": {"survey": st.sampled_from(("s1", "s2"))},
    "survey_answered": {
        "survey": st.sampled_from(("s1", "s1", "s2")),
        "score": st.sampled_from((0, 1, 3, 4, 5)),
        "scale": st.sampled_from(((1, 5), (1, 5), (0, 4), (-1, 5), (3, 3))),
        "subject": st.sampled_from((None, "ai", "human")),
    },
    "exception": {
        "exception": st.sampled_from(("x1", "x1", "x2")),
        "due_in": st.sampled_from((None, -10_000, -1, 0, 1, 10_000, 30_000, 100_000, 9 * DAY_MS)),
        "rule": _RULES,
        "severity": st.sampled_from(("minor", "major", "critical")),
    },
    "exception_closed": {"exception": st.sampled_from(("x1", "x1", "x2")), "rule": _RULES},
    "cost": {
        "amount_micros": st.sampled_from((-300_000, 0, 100_000, 250_000)),
        "currency": st.sampled_from(("USD", "USD", "SGD")),
        "component": st.sampled_from(("llm", "human")),
        "quantity": st.sampled_from((None, 1)),
    },
}
# The wait for a human is where rules meet, so its milestones come more often.
_OFTEN = ("failure", "requested", "queued", "human_message", "connected", "returned", "ended")
# What a log is mostly about: of all kinds at once too few meet those that bear on them.
_THEMES: tuple[tuple[str, ...], ...] = (
    (*_KINDS, *_OFTEN),
    tuple(kind for kind in (*_KINDS, *_OFTEN) if kind not in _NOTES),
    (*_NOTES, *_NOTES, "started", "customer_message", "ai_turn", "human_message", "ended"),
    (
        *("started", "customer_message", "customer_message", "ai_message", "ai_turn"),
        *("human_message", "first_human_message", "requested", "returned", "ended", "reopened"),
    ),
    (
        *("started", "customer_message", "ai_turn", "failure", "human_message", "returned"),
        *("claimed", "evidence", "evaluated", "recontacted", "reopened", "ended", "cost"),
    ),
)


def _automation(conversation: str, time: int, **data: Any) -> bytes:
    return b.message(conversation, time, "automation", **data)


def _exception(conversation: str, time: int, due_in: int | None, **data: Any) -> bytes:
    return b.exception(conversation, time, due=None if due_in is None else time + due_in, **data)


_MAKERS: dict[str, Callable[..., bytes]] = {"automation": _automation, "exception": _exception}


def _maker(kind: str) -> Callable[..., bytes]:
    return _MAKERS.get(kind) or getattr(b, kind)  # type: ignore[no-any-return]


_TIMES = st.builds(
    lambda step, beside: T(step * 10) + beside,
    st.one_of(st.integers(0, 12), st.integers(0, 45)),
    st.sampled_from((0, 0, 0, 1, -1, 2_000, 5_000, 5_001)),
)


@dataclass(frozen=True)
class Happening:
    """One event: when it happened, when it was read (both ms), and its bytes."""

    time: int
    arrival: int
    raw: bytes


def _happening(kind: str, max_delay_ms: int, begin_ms: int = 0) -> st.SearchStrategy[Happening]:
    make = _maker(kind)

    def build(
        conversation: str, time: int, delay: int, about: dict[str, Any], fields: dict[str, Any]
    ) -> Happening:
        raw = make(conversation, begin_ms + time, **about, **fields)
        return Happening(begin_ms + time, begin_ms + time + delay, raw)

    return st.builds(
        build,
        st.sampled_from(("c1", "c1", "c2", "c3")),
        _TIMES,
        st.sampled_from([d for d in (0, 0, 0, 0, 1_000, 30_000, 200_000) if d <= max_delay_ms]),
        st.fixed_dictionaries(
            {
                "channel": st.sampled_from(("chat", "chat", "voice", "email")),
                "market": st.sampled_from(("SG", "SG", None, "MY", "PH")),
                "journey": st.sampled_from(("billing", None, "outage")),
                "test": st.sampled_from((None,) * 30 + (True,)),
            }
        ),
        st.fixed_dictionaries(_KINDS[kind]),
    )


def happenings(max_delay_ms: int = 200_000) -> st.SearchStrategy[Happening]:
    """One event of one of three conversations, read up to `max_delay_ms` after it happened."""
    return st.one_of([_happening(kind, max_delay_ms) for kind in _THEMES[0]])


@st.composite
def _logs(draw: st.DrawFn, begin_ms: int) -> Log:
    kinds = draw(st.sampled_from(_THEMES))
    one = st.one_of([_happening(kind, 200_000, begin_ms) for kind in kinds])
    events = draw(st.lists(one, min_size=1, max_size=18))
    arrivals: list[tuple[int, bytes | int]] = []
    for event in events:
        arrivals.append((event.arrival, event.raw))
    for event in draw(st.lists(st.sampled_from(events), max_size=2)):
        arrivals.append((event.arrival + draw(st.sampled_from((0, 10_000, 100_000))), event.raw))
    for tick in draw(st.lists(st.integers(0, 50), max_size=8)):
        # A tick that is read late moves nothing; one that comes early makes much of it late.
        early = draw(st.sampled_from((0, 0, 0, 60_000, -60_000)))
        moment = begin_ms + T(tick * 10)
        arrivals.append((moment, moment + early))
    if draw(st.booleans()):
        moment = begin_ms + draw(_TIMES)
        arrivals.append((moment, draw(st.sampled_from((b"", b"{", b"\xff")))))
    arrivals.sort(key=lambda item: item[0])
    return [item for _, item in arrivals]


# The edges of what is still taken (7 d), of a life's rest (8 d), and of a day.
_EDGES = st.builds(
    lambda days, beside: days * DAY_MS + beside,
    st.sampled_from((0, 0, 0, 1, 6, 7, 7, 8, 8, 9)),
    st.sampled_from((0, 0, 1, -1, 90_000, 150_000, -30_000, 400_000)),
)


@st.composite
def _logs_of_weeks(draw: st.DrawFn, begin_ms: int) -> Log:
    """Visits days apart, some told of so late that the conversation may have been forgotten."""
    arrivals: list[tuple[int, bytes | int]] = []
    visits = [begin_ms + draw(st.sampled_from((0, -30_000, -150_000)))]
    for _ in range(draw(st.integers(0, 3))):
        visits.append(visits[-1] + draw(_EDGES))
    told = st.tuples(
        st.sampled_from(draw(st.sampled_from(_THEMES))),
        st.sampled_from(visits),
        _TIMES,
        st.one_of(st.just(0), st.just(0), _EDGES),
    )
    for kind, visit, beside, delay in draw(st.lists(told, min_size=1, max_size=12)):
        time = visit + beside
        name = draw(st.sampled_from(("c1", "c1", "c2")))
        channel = draw(st.sampled_from(("chat", "chat", "voice")))
        market = draw(st.sampled_from(("SG", None)))
        fields = draw(st.fixed_dictionaries(_KINDS[kind]))
        raw = _maker(kind)(name, time, channel=channel, market=market, **fields)
        arrivals.append((time + max(0, delay), raw))
    moments = [arrival for arrival, _ in arrivals]
    pasts = draw(st.lists(st.tuples(st.sampled_from(moments), _EDGES), min_size=1, max_size=8))
    ticks = [moment + past for moment, past in pasts]
    if draw(st.booleans()):
        # Time that goes on with every event, as where ticks come from the data.
        ticks += moments
    timed: list[tuple[int, bytes | int]] = [(tick, tick) for tick in ticks]
    # What comes at the same moment is read just before the tick, or just after it.
    both = timed + arrivals if draw(st.booleans()) else arrivals + timed
    both.sort(key=lambda item: item[0])
    return [item for _, item in both]


@dataclass(frozen=True)
class Case:
    """A log with its last tick in it, and how it is read."""

    log: Log
    book: ContractBook
    lateness_ms: int
    partitions: int
    batch: int
    restart_every: int | None
    chance: random.Random


def cases(*, weeks: bool = False) -> st.SearchStrategy[Case]:
    """A log, a contract book, and how a pipeline happens to read them.

    `weeks`: one in which conversations fall silent for so long that they are forgotten, and return.
    """

    def of(setting: Setting) -> st.SearchStrategy[Case]:
        logs = _logs_of_weeks if weeks else _logs

        def build(log: Log, end: int, lateness_ms: int, **how: Any) -> Case:
            reached = setting.begin_ms + end + lateness_ms
            return Case([*log, reached], setting.book, lateness_ms=lateness_ms, **how)

        return st.builds(
            build,
            logs(setting.begin_ms),
            st.sampled_from((T(60), T(133), T(420), T(1_000), T(90_000), T(3_000_000))),
            lateness_ms=st.sampled_from((0, 1, 20_000)),
            partitions=st.integers(1, 4),
            batch=st.integers(1, 7),
            restart_every=st.sampled_from((None, None, 1, 2, 3)),
            chance=st.integers(0, 1_000).map(random.Random),
        )

    settings = (*SETTINGS, *SLOW_SETTINGS) if weeks else SETTINGS
    return st.sampled_from(settings).flatmap(of)
