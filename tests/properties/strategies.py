"""Small adversarial logs: few conversations, agents and channels on a coarse grid of times.

Ties, swaps within the 5 s tolerance, thresholds, gaps of inactivity, expiry and a change of terms
all lie on that grid or a millisecond beside it, so that they collide in a dozen events.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from streams.domain.contract import Clause, ContractBook, Dimension, Indicator, Terms
from tests import log_builder as b
from tests.log_builder import CONTRACT, T

Log = list[bytes | int]

INACTIVITY_MS = 60_000
EXPIRY_MS = 120_000
VERIFICATION_MS = 90_000
CHANGE_OF_TERMS = T(150)


def _ratio(
    name: str, indicator: Indicator, grouping: tuple[Dimension, ...] = (), **fields: Any
) -> Clause:
    given = {"window_ms": 300_000, "target_ppm": 500_000, **fields}
    return Clause(id=name, indicator=indicator, grouping=grouping, **given)


_FIRST_CLAUSES = (
    Clause(id="wait", indicator="escalation_wait", grouping=()),
    Clause(
        id="wait-chat",
        indicator="escalation_wait",
        grouping=("channel",),
        where=(("channel", "chat"),),
    ),
    Clause(id="wait-market", indicator="escalation_wait", grouping=("market",)),
    _ratio("within", "escalation_within", hysteresis_ppm=250_000),
    _ratio("within-channel", "escalation_within", ("channel",), minimum_volume=2),
    _ratio("raw", "containment_raw", target_ppm=700_000),
    _ratio("safe", "containment_safe", ("market",), target_ppm=900_000, hysteresis_ppm=200_000),
    _ratio("no-recontact", "containment_no_recontact", ("channel", "market"), target_ppm=1_000_000),
    _ratio("verified", "containment_safe_verified", window_ms=3_600_000, target_ppm=600_000),
    _ratio("errors", "failure_share", reason="tool_error", target_ppm=300_000),
    _ratio(
        "unmatched",
        "failure_share",
        ("channel",),
        reason="no_match",
        minimum_volume=2,
        hysteresis_ppm=100_000,
        target_ppm=400_000,
    ),
)
# Some clauses go, some come, some change where they are judged or how.
_SECOND_CLAUSES = (
    Clause(id="wait", indicator="escalation_wait", grouping=()),
    Clause(
        id="wait-sg",
        indicator="escalation_wait",
        grouping=("channel", "market"),
        where=(("market", "SG"),),
        severity="ticket",
    ),
    _ratio("within", "escalation_within", target_ppm=900_000, minimum_volume=2),
    _ratio("raw", "containment_raw", ("market",), target_ppm=700_000),
    _ratio("verified", "containment_safe_verified", target_ppm=900_000, minimum_volume=2),
    _ratio("errors", "failure_share", reason="tool_error", target_ppm=0, severity="ticket"),
    _ratio("journeys", "failure_share", ("journey",), reason="timeout", target_ppm=500_000),
)


def _terms(version: int, clauses: tuple[Clause, ...], **terms: Any) -> Terms:
    given: dict[str, Any] = {
        "effective_from_ms": T(-1_000),
        "effective_to_ms": None,
        "inactivity_ms": INACTIVITY_MS,
        "escalation_expiry_ms": EXPIRY_MS,
        "verification_ms": VERIFICATION_MS,
        "thresholds_ms": {"chat": 20_000, "voice": 10_000},
        "required_context": frozenset({"issue"}),
        "groupings": ((), ("channel",), ("market",), ("channel", "market")),
        "scope": {
            "channel": frozenset({"chat", "voice", "email"}),
            "market": frozenset({"SG", "MY"}),
            "journey": frozenset({"billing"}),
            "supplier": frozenset(),
        },
        **terms,
    }
    return Terms(
        contract=CONTRACT,
        version=version,
        time_zone="UTC",
        clauses=clauses,
        **given,
    )


def _book(change: int | None) -> ContractBook:
    if change is None:
        return ContractBook([_terms(1, _FIRST_CLAUSES)])
    return ContractBook(
        [
            _terms(1, _FIRST_CLAUSES, effective_to_ms=change),
            _terms(
                2,
                _SECOND_CLAUSES,
                effective_from_ms=change,
                thresholds_ms={"chat": 30_000, "voice": 10_000, "email": 15_000},
                required_context=frozenset({"issue", "attempts"}),
                groupings=((), ("channel", "market"), ("market",), ("journey",)),
                scope={
                    "channel": frozenset({"chat", "voice"}),
                    "market": frozenset({"SG", "PH"}),
                    "journey": frozenset({"billing", "outage"}),
                    "supplier": frozenset({"northcall"}),
                },
            ),
        ]
    )


ONE_VERSION = _book(None)
TWO_VERSIONS = _book(CHANGE_OF_TERMS)
BOOKS = (ONE_VERSION, TWO_VERSIONS, _book(T(180)), _book(T(61.5)))
_DAY = 86_400_000
# What a life waits for may outlast the 8 days after its last event: each timer, at the edge.
_SLOW_BOOKS = tuple(
    ContractBook([_terms(1, _FIRST_CLAUSES, **{name: days * _DAY + beside})])
    for name in ("inactivity_ms", "escalation_expiry_ms", "verification_ms")
    for days in (8, 9)
    for beside in (-1, 0)
)

_FLAGS = st.sampled_from((None, True, False))
_SKILLS = st.sampled_from((None, (), ("billing",), ("billing", "malay")))
_AGENTS = st.sampled_from(("ann", "bob"))
_REQUIRED = st.sampled_from(((), ("billing",), ("malay", "billing")))
_FIELDS = st.sampled_from(((), ("issue",), ("attempts", "issue"), ("attempts",)))
_SIGNALS = st.sampled_from(("human_requested", "no_match", "tool_error", "timeout"))

_KINDS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "started": {"direction": st.sampled_from((None, "outbound"))},
    "data_updated": {},
    "ended": {"by": st.sampled_from(("customer", "ai", "human", "automation", None))},
    "customer_message": {},
    "ai_turn": {},
    "automation": {},
    "failure": {"signal": _SIGNALS},
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
    },
    "first_human_message": {"agent": st.sampled_from((None, "ann", "bob"))},
    "returned": {"to": st.sampled_from(("ai", "queue", "agent"))},
    "abandoned": {},
    "claimed": {"by": st.sampled_from(("ai", "human"))},
    "evidence": {
        "kind": st.sampled_from(("system_of_record", "qa_pass", "llm_judge")),
        "result": st.booleans(),
    },
    "reopened": {"trivial": st.booleans()},
    "recontacted": {"trivial": st.booleans()},
}
# The wait for a human is where rules meet, so its milestones come more often.
_OFTEN = ("failure", "requested", "queued", "human_message", "connected", "returned", "ended")


def _automation(conversation: str, time: int, **data: Any) -> bytes:
    return b.message(conversation, time, "automation", **data)


def _maker(kind: str) -> Callable[..., bytes]:
    return _automation if kind == "automation" else getattr(b, kind)  # type: ignore[no-any-return]


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


def _happening(kind: str, max_delay_ms: int) -> st.SearchStrategy[Happening]:
    make = _maker(kind)

    def build(
        conversation: str, time: int, delay: int, about: dict[str, Any], fields: dict[str, Any]
    ) -> Happening:
        raw = make(conversation, time, **about, **fields)
        return Happening(time, time + delay, raw)

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
    kinds = (*_KINDS, *_OFTEN)
    return st.one_of([_happening(kind, max_delay_ms) for kind in kinds])


@st.composite
def _logs(draw: st.DrawFn) -> Log:
    events = draw(st.lists(happenings(), min_size=1, max_size=16))
    arrivals: list[tuple[int, bytes | int]] = []
    for event in events:
        arrivals.append((event.arrival, event.raw))
    for event in draw(st.lists(st.sampled_from(events), max_size=2)):
        arrivals.append((event.arrival + draw(st.sampled_from((0, 10_000, 100_000))), event.raw))
    for tick in draw(st.lists(st.integers(0, 50), max_size=8)):
        # A tick that is read late moves nothing; one that comes early makes much of it late.
        early = draw(st.sampled_from((0, 0, 0, 60_000, -60_000)))
        arrivals.append((T(tick * 10), T(tick * 10) + early))
    if draw(st.booleans()):
        arrivals.append((draw(_TIMES), draw(st.sampled_from((b"", b"{", b"\xff")))))
    arrivals.sort(key=lambda item: item[0])
    return [item for _, item in arrivals]


# The edges of what is still taken (7 d), of a life's rest (8 d), and of a day.
_EDGES = st.builds(
    lambda days, beside: days * _DAY + beside,
    st.sampled_from((0, 0, 0, 1, 6, 7, 7, 8, 8, 9)),
    st.sampled_from((0, 0, 1, -1, 90_000, 150_000, -30_000, 400_000)),
)


@st.composite
def _logs_of_weeks(draw: st.DrawFn) -> Log:
    """Visits days apart, some told of so late that the conversation may have been forgotten."""
    arrivals: list[tuple[int, bytes | int]] = []
    visits = [draw(st.sampled_from((0, -30_000, -150_000)))]
    for _ in range(draw(st.integers(0, 3))):
        visits.append(visits[-1] + draw(_EDGES))
    told = st.tuples(
        st.sampled_from((*_KINDS, *_OFTEN)),
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

    def build(log: Log, end: int, lateness_ms: int, **how: Any) -> Case:
        return Case([*log, end + lateness_ms], lateness_ms=lateness_ms, **how)

    return st.builds(
        build,
        _logs_of_weeks() if weeks else _logs(),
        st.sampled_from((T(60), T(133), T(420), T(1_000), T(90_000), T(3_000_000))),
        lateness_ms=st.sampled_from((0, 1, 20_000)),
        book=st.sampled_from((*BOOKS, *_SLOW_BOOKS) if weeks else BOOKS),
        partitions=st.integers(1, 4),
        batch=st.integers(1, 7),
        restart_every=st.sampled_from((None, None, 1, 2, 3)),
        chance=st.integers(0, 1_000).map(random.Random),
    )
