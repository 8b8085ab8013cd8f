"""Small adversarial logs: few conversations, agents and channels on a coarse grid of times.

Ties, swaps within the 5 s tolerance, thresholds, gaps of inactivity, expiry and whatever terms
change (books.py) all lie on that grid or a millisecond beside it, so that they collide in a dozen
events.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Any

from hypothesis import strategies as st

from streams.domain.contract import ContractBook
from tests.log_builder import T, erasure_requested
from tests.properties.books import DAY_MS, LINKED_SETTINGS, SETTINGS, SLOW_SETTINGS, Setting
from tests.properties.event_kinds import SAID, STORIES, THEMES, VISITS, maker

Log = list[bytes | int]

_TIMES = st.builds(
    lambda step, beside: T(step * 10) + beside,
    st.one_of(st.integers(0, 12), st.integers(0, 45)),
    st.sampled_from((0, 0, 0, 1, -1, 2_000, 5_000, 5_001)),
)

# From one event of a story to the next: the thresholds of books.py, the tolerance, and ties.
_STEPS = st.sampled_from((0, 1, 5_000, 20_000, 20_001, 30_000, 40_000, 60_000))
# Few customers, so that each has several conversations; some are known from one event only.
_CUSTOMERS = st.sampled_from((None, "k1", "k1", "k2"))
_CHANNELS = st.sampled_from(("chat", "chat", "chat", "voice", "email"))
_JOURNEYS = st.sampled_from(("billing", None, "outage"))


@dataclass(frozen=True)
class Happening:
    """One event: when it happened, when it was read (both ms), and its bytes."""

    time: int
    arrival: int
    raw: bytes


@cache
def _happening(kind: str, max_delay_ms: int, begin_ms: int = 0) -> st.SearchStrategy[Happening]:
    make = maker(kind)

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
                "channel": _CHANNELS,
                "market": st.sampled_from(("SG", "SG", None, "MY", "PH")),
                "journey": _JOURNEYS,
                "customer_key": _CUSTOMERS,
                "test": st.sampled_from((None,) * 30 + (True,)),
            }
        ),
        SAID[kind],
    )


def happenings(max_delay_ms: int = 200_000) -> st.SearchStrategy[Happening]:
    """One event of one of three conversations, read up to `max_delay_ms` after it happened."""
    return _any_of(THEMES[0], max_delay_ms, 0)


@cache
def _any_of(
    kinds: tuple[str, ...], max_delay_ms: int, begin_ms: int
) -> st.SearchStrategy[Happening]:
    return st.one_of([_happening(kind, max_delay_ms, begin_ms) for kind in kinds])


@st.composite
def _story(draw: st.DrawFn, begin_ms: int) -> list[Happening]:
    """One conversation's events in their natural order, as soon as they happened."""
    kinds = draw(st.sampled_from(STORIES))
    times = list(accumulate((draw(_STEPS) for _ in kinds[1:]), initial=draw(_TIMES)))
    channel, customer = draw(_CHANNELS), draw(_CUSTOMERS)
    told = []
    for kind, time in zip(kinds, times, strict=True):
        fields = draw(SAID[kind])
        raw = maker(kind)("c1", begin_ms + time, channel=channel, customer_key=customer, **fields)
        told.append(Happening(begin_ms + time, begin_ms + time, raw))
    return told


@st.composite
def _logs(draw: st.DrawFn, begin_ms: int) -> Log:
    kinds = draw(st.sampled_from(THEMES))
    one = _any_of(kinds, 200_000, begin_ms)
    told = draw(st.one_of(st.just([]), _story(begin_ms), _story(begin_ms)))
    events = [*told, *draw(st.lists(one, min_size=0 if told else 1, max_size=16))]
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
    st.sampled_from((0, 0, 0, 1, 3, 6, 7, 7, 8, 8, 9)),
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
        st.sampled_from(draw(st.sampled_from(THEMES))),
        st.sampled_from(visits),
        _TIMES,
        st.one_of(st.just(0), st.just(0), _EDGES),
    )
    for kind, visit, beside, delay in draw(st.lists(told, min_size=1, max_size=12)):
        time = visit + beside
        name = draw(st.sampled_from(("c1", "c1", "c2")))
        channel = draw(st.sampled_from(("chat", "chat", "voice")))
        about = {
            "channel": channel,
            "market": draw(st.sampled_from(("SG", None))),
            "journey": draw(_JOURNEYS),
            "customer_key": draw(_CUSTOMERS),
        }
        raw = maker(kind)(name, time, **about, **draw(SAID[kind]))
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


# From a close on: the horizons of a return, and a millisecond beside them.
_HORIZONS = st.builds(
    lambda days, beside: days * DAY_MS + beside,
    st.sampled_from((0, 0, 0, 0, 1, 1, 3, 7)),
    st.sampled_from((0, 0, 0, 1, -1, 60_000)),
)
_STEPS = st.sampled_from((0, 0, 1, 10_000, 10_000, 50_000))


@st.composite
def _logs_of_links(draw: st.DrawFn, begin_ms: int) -> Log:
    """Customers who come back by other conversations, at the edges of what counts as a return."""
    arrivals: list[tuple[int, bytes | int]] = []
    moments = [begin_ms + T(10)]
    for number in range(draw(st.integers(2, 7))):
        time = draw(st.sampled_from(moments)) + draw(_HORIZONS)
        customer, channel = draw(st.sampled_from(("k1",) * 6 + ("k2", None))), draw(_CHANNELS)
        journey = draw(st.sampled_from(("billing", "billing", "outage", None)))
        for kind in draw(st.sampled_from(VISITS)):
            about = {
                "channel": channel,
                "market": draw(st.sampled_from(("SG", "MY", None))),
                "journey": journey,
                # Who it is may be told by some of the events only.
                "customer_key": draw(st.sampled_from((customer, customer, customer, None))),
            }
            raw = maker(kind)(f"c{number}", time, **about, **draw(SAID[kind]))
            delay = draw(st.sampled_from((0,) * 20 + (1_000, 30_000, 200_000, 2 * DAY_MS)))
            arrivals.append((time + delay, raw))
            moments.append(time)
            time += draw(_STEPS)
    ticks = st.tuples(st.sampled_from(moments), st.one_of(_HORIZONS, _STEPS))
    for moment, past in draw(st.lists(ticks, max_size=4)):
        arrivals.append((moment + past, moment + past))
    arrivals.sort(key=lambda item: item[0])
    return [item for _, item in arrivals]


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


# Where a log ends: within it, and at or past what becomes due hours, days and weeks later.
_ENDS = (T(60), T(133), T(420), T(1_000), T(90_000), T(3_000_000))
# Closes of the first minutes have just come to the end of 24 h, 72 h and 7 d, or not yet.
_LINKED_ENDS = (T(420), *(T(days * 86_400 + 120) for days in (1, 3, 4, 7, 8, 11)), T(3_000_000))


@st.composite
def _asked_to_erase(draw: st.DrawFn, logs: st.SearchStrategy[Log], begin_ms: int) -> Log:
    """A log into which requests of erasure are put, near the events that they speak of, and some of
    what went before them once more.
    """
    log = draw(logs)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(log)))
        ticks = [item for item in log[: place + 1] if isinstance(item, int)]
        near = max(ticks, default=begin_ms + T(60))
        time = near + draw(st.sampled_from((0, 1, -1, 60_000, -60_000, -DAY_MS, -8 * DAY_MS)))
        kind = draw(st.sampled_from(("customer", "customer", None, "conversation")))
        names = ("c1", "c1", "c2") if kind == "conversation" else ("k1", "k1", "k1", "k2")
        again = [item for item in log[:place] if isinstance(item, bytes)]
        log.insert(place, erasure_requested(draw(st.sampled_from(names)), time, kind))
        if again and draw(st.booleans()):
            later = draw(st.integers(place + 1, len(log)))
            log.insert(later, draw(st.sampled_from(again)))
    return log


def cases(
    *, weeks: bool = False, links: bool = False, erasures: bool = False
) -> st.SearchStrategy[Case]:
    """A log, a contract book, and how a pipeline happens to read them.

    `weeks`: one in which conversations fall silent for so long that they are forgotten, and return.
    `links`: one whose customers have several conversations, days apart. `erasures`: with requests
    to erase some of it.
    """
    logs, ends, settings = _logs, _ENDS, SETTINGS
    if weeks:
        logs, settings = _logs_of_weeks, (*SETTINGS, *SLOW_SETTINGS)
    elif links:
        logs, ends, settings = _logs_of_links, _LINKED_ENDS, LINKED_SETTINGS

    def of(setting: Setting) -> st.SearchStrategy[Case]:
        def build(log: Log, end: int, lateness_ms: int, **how: Any) -> Case:
            reached = setting.begin_ms + end + lateness_ms
            return Case([*log, reached], setting.book, lateness_ms=lateness_ms, **how)

        told = logs(setting.begin_ms)
        return st.builds(
            build,
            _asked_to_erase(told, setting.begin_ms) if erasures else told,
            st.sampled_from(ends),
            lateness_ms=st.sampled_from((0, 1, 20_000)),
            partitions=st.integers(1, 4),
            batch=st.integers(1, 7),
            restart_every=st.sampled_from((None, None, 1, 2, 3)),
            chance=st.integers(0, 1_000).map(random.Random),
        )

    return st.sampled_from(settings).flatmap(of)
