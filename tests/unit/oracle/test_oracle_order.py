"""Neither order nor repetition changes what is true; late events change what was said of it."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.domain.contract import Exclusion
from streams.domain.facts import Fact
from streams.domain.service_hours import ServiceHours
from streams.event_log import address
from streams.oracle.judge import Verdict, judge, judge_partitions
from tests import log_builder as b
from tests.log_builder import T
from tests.stream_run import synthetic_log
from tests.unit.oracle.verdicts import BOOK, book_with

LATENESS_MS = 60_000
# On the service clock, shut for most of the time in which things happen.
FULL_BOOK = book_with(
    hours=ServiceHours("Asia/Singapore", (((480, 484), (490, 780)),) * 7),
    service_clock=True,
    exclusions=(
        Exclusion(T(100), T(200), "outage"),
        Exclusion(T(6_000), T(9_000), "outage", frozenset({"chat"})),
    ),
    answer_ms={"chat": 30_000, "voice": 20_000},
    first_response_ms={"chat": 20_000},
)
END = T(12 * 3_600)
# Close together, so that ties, swaps and the 5 s tolerance are met; far apart for silence.
SECONDS = st.one_of(st.integers(0, 30), st.integers(0, 400), st.integers(0, 20_000))
CHANNELS = st.sampled_from(("chat", "voice"))
AGENTS = st.sampled_from(("ann", "bob"))


def _of(kind: str, **fields: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[int, bytes]]:
    make = getattr(b, kind)

    def build(
        conversation: str, seconds: int, channel: str, data: dict[str, object]
    ) -> tuple[int, bytes]:
        return T(seconds), make(conversation, T(seconds), channel=channel, **data)

    names = st.sampled_from(("c1", "c2"))
    return st.builds(build, names, SECONDS, CHANNELS, st.fixed_dictionaries(fields))


FLAGS = st.sampled_from((None, True, False))
SKILLS = st.sampled_from((None, (), ("billing",)))
EVENTS = st.one_of(
    _of("started"),
    _of("ended", by=st.sampled_from(("customer", "ai", "human"))),
    _of("customer_message"),
    _of("ai_message"),
    _of(
        "ai_turn",
        market=st.sampled_from(("SG", "MY", None)),
        prompt_version=st.sampled_from(("p-1", "p-2", None)),
    ),
    _of("failure", signal=st.sampled_from(("human_requested", "no_match", "tool_error"))),
    _of(
        "requested",
        by=st.sampled_from(("ai", "human", "system")),
        skills=st.sampled_from(((), ("billing",))),
        fields=st.sampled_from(((), ("issue", "attempts"))),
    ),
    _of("queued"),
    _of("offered", agent=AGENTS),
    _of("accepted", agent=AGENTS, skills=SKILLS, qualified=FLAGS),
    _of("connected", agent=AGENTS, skills=SKILLS, qualified=FLAGS),
    _of("human_message", agent=st.sampled_from(("ann", "bob", None))),
    _of("returned", to=st.sampled_from(("ai", "queue", "agent"))),
    _of("abandoned"),
    _of("claimed"),
    _of("evidence", result=st.booleans()),
    _of("reopened", trivial=st.booleans()),
    _of("recontacted", trivial=st.booleans()),
    _of(
        "evaluated",
        evaluation=st.sampled_from(("q1", "q2")),
        status=st.sampled_from(("draft", "final", "final", "deleted")),
        subject=st.sampled_from(("ai", "human")),
        score=st.sampled_from((None, 700_000, 900_000)),
    ),
    _of("survey_sent", survey=st.sampled_from(("s1", "s2"))),
    _of("survey_answered", score=st.integers(1, 5), survey=st.sampled_from(("s1", "s2"))),
    _of(
        "exception",
        exception=st.sampled_from(("x1", "x2")),
        due=st.one_of(st.none(), SECONDS.map(T)),
    ),
    _of("exception_closed", exception=st.sampled_from(("x1", "x2"))),
    _of("cost", amount_micros=st.integers(-2, 2), currency=st.sampled_from(("USD", "SGD"))),
)
LOGS = st.lists(EVENTS, min_size=1, max_size=14)
settings.register_profile("oracle", suppress_health_check=[HealthCheck.too_slow], deadline=None)


def in_order(events: Sequence[tuple[int, bytes]], *, until: int = END) -> Verdict:
    records = [raw for _, raw in sorted(events)]
    return judge([*records, until + LATENESS_MS], FULL_BOOK, lateness_ms=LATENESS_MS)


def as_read(arrivals: Sequence[tuple[int, int, bytes]]) -> Verdict:
    """The log in order of arrival, with a tick at every arrival."""
    records: list[bytes | int] = []
    for arrival, _, raw in sorted(arrivals):
        records += [arrival, raw]
    return judge([*records, END + LATENESS_MS], FULL_BOOK, lateness_ms=LATENESS_MS)


@settings(settings.get_profile("oracle"), max_examples=150)
@given(st.lists(st.tuples(EVENTS, st.integers(0, LATENESS_MS - 1), st.booleans()), min_size=1))
def test_a_log_shuffled_within_lateness_gives_the_same_verdict(
    delayed: list[tuple[tuple[int, bytes], int, bool]],
) -> None:
    events = [event for event, _, _ in delayed]
    arrivals = [(time + delay, time, raw) for (time, raw), delay, _ in delayed]
    repeated = [(time + LATENESS_MS - 1, time, raw) for (time, raw), _, again in delayed if again]
    expected, verdict = in_order(events), as_read([*arrivals, *repeated])
    assert verdict.facts == expected.facts
    assert verdict.windows == expected.windows
    assert verdict.breaches == expected.breaches
    assert verdict.late_facts == 0


@settings(settings.get_profile("oracle"), max_examples=150)
@given(LOGS, st.integers(0, 20_000))
def test_a_fact_depends_only_on_what_happened_at_or_before_it(
    events: list[tuple[int, bytes]], seconds: int
) -> None:
    cut = T(seconds)
    known_then = in_order([event for event in events if event[0] <= cut], until=cut)
    known_now = in_order(events)
    assert known_then.facts == tuple(f for f in known_now.facts if f.time <= cut)


@settings(settings.get_profile("oracle"), max_examples=150)
@given(st.lists(st.tuples(EVENTS, st.integers(0, 3 * 3_600_000)), min_size=1, max_size=14))
def test_corrections_leave_standing_what_would_have_been_said_had_nothing_been_late(
    delayed: list[tuple[tuple[int, bytes], int]],
) -> None:
    verdict = as_read([(time + delay, time, raw) for (time, raw), delay in delayed])
    standing: dict[str, Fact] = {}
    for fact in sorted(verdict.facts, key=lambda f: (f.revision, f.retracts)):
        where = f"{fact.conversation} {fact.place}"
        if fact.retracts:
            # What is retracted stands, with the same content.
            assert _content(standing.pop(where)) == _content(fact)
        else:
            assert where not in standing
            standing[where] = fact
    truth = in_order([event for event, _ in delayed])
    assert sorted(map(repr, map(_content, standing.values()))) == sorted(
        map(repr, map(_content, truth.facts))
    )
    assert verdict.late_facts == sum(fact.late for fact in verdict.facts)


def _content(fact: Fact) -> Fact:
    return replace(fact, revision=0, late=False, retracts=False)


def test_a_log_judged_by_partition_is_judged_as_a_whole() -> None:
    log = synthetic_log(300, hours=6)
    parts: list[list[bytes | int]] = [[], [], []]
    for item in log.items:
        if isinstance(item, int):
            for part in parts:
                part.append(item)
        else:
            parts[crc32((address(item).conversation or "").encode()) % 3].append(item)
    assert all(parts)
    assert judge_partitions(parts, log.book, lateness_ms=30_000) == log.verdict


def test_windows_and_breaches_wait_for_the_partition_that_is_behind() -> None:
    asked = [b.failure("c1", T(5), "human_requested"), T(600) + LATENESS_MS]
    ahead = judge_partitions([asked, [T(600) + LATENESS_MS]], BOOK, lateness_ms=LATENESS_MS)
    behind = judge_partitions([asked, [T(30) + LATENESS_MS]], BOOK, lateness_ms=LATENESS_MS)
    unheard = judge_partitions([asked, []], BOOK, lateness_ms=LATENESS_MS)
    assert ahead.facts == behind.facts == unheard.facts
    assert (ahead.watermark, behind.watermark, unheard.watermark) == (T(600), T(30), None)
    assert ahead.windows
    assert not behind.windows
    assert not unheard.windows
