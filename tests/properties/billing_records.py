"""Small adversarial accounts: few customers, conversations and journeys over three months, whose
facts are corrected, retracted and disputed beside the ends of windows and of billing periods.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import add
from typing import Any

from hypothesis import strategies as st

from streams.domain.billing.records import Told
from streams.domain.calendar_period import PERIODS
from streams.domain.commercial import (
    RESOLVERS,
    Band,
    BillingRules,
    ClauseCredit,
    CommercialTerms,
    Price,
    VolumeTier,
)
from streams.domain.contract import AMOUNTS, Clause, ContractBook, Dimension, Indicator, Terms
from streams.domain.facts import Fact, FactKind
from streams.domain.links import customer_digest
from tests.log_builder import CONTRACT, EPOCH_MS

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
VERIFICATION_MS = 3 * DAY_MS
END_MS = EPOCH_MS + 130 * DAY_MS
# What the ledger reads in the end, and when: the account of three months is closed by then.
ZONE = "Asia/Singapore"
_CHANGE = EPOCH_MS + 45 * DAY_MS
_GROUPINGS: tuple[tuple[Dimension, ...], ...] = ((), ("channel",), ("market",))
# Midnight of 1 April and 1 May there, as days since the epoch: 2 March, 0 h UTC.
_MONTHS = (29 * DAY_MS + 16 * HOUR_MS, 59 * DAY_MS + 16 * HOUR_MS)

_times = st.one_of(
    st.integers(0, 80 * 6).map(lambda step: step * 4 * HOUR_MS),
    st.builds(
        lambda end, beside: end + beside,
        st.sampled_from([month - lag for month in _MONTHS for lag in (0, VERIFICATION_MS)]),
        st.sampled_from((-60_001, -60_000, -1, 0, 1, HOUR_MS, 2 * DAY_MS)),
    ),
).map(lambda offset: EPOCH_MS + offset)
_delays = st.sampled_from((1, 1, HOUR_MS, DAY_MS, 3 * DAY_MS, 20 * DAY_MS, 40 * DAY_MS))
_customers = st.sampled_from((None, "k1", "k1", "k2"))
_journeys = st.sampled_from(("billing", "billing", "outage", "unknown"))
_channels = st.sampled_from(("chat", "voice"))
# Around the ends of the windows in which a resolution can be disputed.
_AFTER_CLOSE = tuple(
    VERIFICATION_MS + window + beside for window in (0, DAY_MS, 5 * DAY_MS) for beside in (0, 1)
)
_micros = st.sampled_from((0, 1, 333_333, 990_000, 1_400_000, 2_200_007))


@st.composite
def books(draw: st.DrawFn) -> ContractBook:
    """A contract of one or two versions that says all that billing can be told."""
    change = draw(st.sampled_from((None, _CHANGE, _CHANGE, EPOCH_MS + _MONTHS[0])))
    begin = draw(st.sampled_from((EPOCH_MS - DAY_MS, EPOCH_MS - DAY_MS, EPOCH_MS + 12 * DAY_MS)))
    end = draw(st.sampled_from((None, None, EPOCH_MS + _MONTHS[1], EPOCH_MS + 75 * DAY_MS)))
    quarterly = draw(st.sampled_from((False, False, True)))
    if change is None:
        whole = {"effective_from_ms": begin, "effective_to_ms": end}
        return ContractBook([_terms(draw, 1, quarterly, **whole)])
    former = {"effective_from_ms": begin, "effective_to_ms": change}
    latter = {"effective_from_ms": change, "effective_to_ms": end}
    return ContractBook(
        [_terms(draw, 1, quarterly, **former), _terms(draw, 2, quarterly, **latter)]
    )


def _terms(draw: st.DrawFn, version: int, quarterly: bool, **given: Any) -> Terms:
    money = draw(_money(_INDICATORS))
    return Terms(
        contract=CONTRACT,
        version=version,
        clauses=tuple(draw(_clause(name, quarterly)) for name in _INDICATORS),
        commercial=money,
        currency="USD",
        time_zone=ZONE,
        inactivity_ms=HOUR_MS,
        escalation_expiry_ms=DAY_MS,
        verification_ms=VERIFICATION_MS,
        thresholds_ms={},
        required_context=frozenset(),
        groupings=_GROUPINGS,
        scope={
            "channel": frozenset(("chat",)),
            "market": frozenset(("SG", "MY")),
            "journey": frozenset(("billing", "outage")),
        },
        **given,
    )


_INDICATORS: tuple[Indicator, ...] = (
    "escalation_within",
    "verified_resolution",
    "containment_raw",
    "recontact_24h",
    "unlinked",
    "compliance_exceptions",
)


@st.composite
def _clause(draw: st.DrawFn, name: Indicator, quarterly: bool) -> Clause:
    period = draw(st.sampled_from((None, *PERIODS) if quarterly else (None, "1d", "1w", "1M")))
    amount = name in AMOUNTS
    return Clause(
        id=name,
        indicator=name,
        grouping=draw(st.sampled_from(_GROUPINGS)),
        window_ms=0 if period else HOUR_MS,
        period=period,
        target_ppm=1_000_000 if amount else draw(st.sampled_from((400_000, 700_000))),
        minimum_volume=1 if amount else draw(st.sampled_from((1, 1, 2))),
    )


@st.composite
def _money(draw: st.DrawFn, names: Sequence[Indicator]) -> CommercialTerms:
    price = st.builds(
        Price,
        amount_micros=_micros,
        channel=st.none() | _channels,
        journey=st.none() | st.just("billing"),
        query_type=st.none() | st.just("refund"),
        client_former_micros=st.none() | _micros,
        provider_micros=st.none() | _micros,
        agent_ppm=st.sampled_from((None, 200_000, 333_333)),
    )
    return CommercialTerms(
        currency="USD",
        prices=tuple(draw(st.lists(price, max_size=4, unique_by=lambda p: p.selector))),
        fixed_fee_micros=draw(st.sampled_from((0, 0, 10_000_001))),
        at_risk_ppm=draw(st.sampled_from((150_000, 1_000_000))),
        cap_ppm=draw(st.sampled_from((20_000, 120_000, 1_000_000))),
        credits=tuple(draw(_credit(name)) for name in names),
        billing=draw(_rules),
    )


@st.composite
def _credit(draw: st.DrawFn, name: Indicator) -> ClauseCredit:
    at_most = Clause(id=name, indicator=name, grouping=()).at_most
    bounds = (700_000, 900_000) if at_most else (400_000, 200_000)
    if name in AMOUNTS:
        bounds = (1_000_000, 2_000_000)
    shares = (250_000, 1_000_000)
    count = draw(st.integers(0, 2))
    return ClauseCredit(
        clause=name,
        weight_ppm=draw(st.sampled_from((100_000, 500_000))),
        bands=tuple(Band(b, s) for b, s in zip(bounds, shares, strict=True))[:count],
        earn_back_periods=draw(st.sampled_from((0, 1, 2))),
        earn_back_ppm=draw(st.sampled_from((500_000, 1_000_000))),
    )


_rules = st.builds(
    BillingRules,
    bills=st.sampled_from(("verified", "assumed", "assumed")),
    resolved_by=st.sampled_from((RESOLVERS, RESOLVERS, ("ai",))),
    disputed_by=st.sampled_from((("evidence",), ("evidence", "csat", "qa"))),
    recontact=st.sampled_from(("same_issue", "any", "none")),
    matter_ms=st.sampled_from((DAY_MS, 7 * DAY_MS)),
    dispute_ms=st.sampled_from((DAY_MS, 5 * DAY_MS)),
    grace_ms=st.sampled_from((None, HOUR_MS, 35 * DAY_MS)),
    allowance=st.sampled_from((0, 0, 1, 2)),
    tiers=st.sampled_from(
        ((), (VolumeTier(2, 900_000),), (VolumeTier(1, 950_000), VolumeTier(3, 333_333)))
    ),
    cap_micros=st.sampled_from((None, None, 2_000_000)),
    minimum_micros=st.sampled_from((0, 0, 1_500_000)),
)


@st.composite
def records(draw: st.DrawFn, book: ContractBook) -> list[Told]:
    """What is told of few conversations, each record once."""
    told: list[Told] = []
    places = st.tuples(st.sampled_from(("c1", "c1", "c2", "c3", "c4")), st.integers(1, 2))
    for conversation, episode in draw(st.sets(places, min_size=1, max_size=6)):
        told += draw(_episode(book, conversation, episode))
    closes = [one.fact for one in told if one.fact.kind == "episode_ended"]
    for number in range(draw(st.integers(0, 2))):
        about = draw(st.sampled_from(closes))
        place = (about.conversation, draw(st.integers(0, 2)))
        time = draw(_times | st.sampled_from(_AFTER_CLOSE).map(partial(add, about.time)))
        said = {"channel": "chat", "journey": about.journey, "market": about.market}
        told += draw(
            _versions(book, "resolution_disputed", place, time, said, None, _party, number)
        )
    return told


@st.composite
def _episode(draw: st.DrawFn, book: ContractBook, conversation: str, episode: int) -> list[Told]:
    customer = draw(_customers)
    close = draw(_times)
    about = {
        "channel": draw(_channels),
        "journey": draw(_journeys),
        "market": draw(st.sampled_from(("SG", "MY", "TH"))),
    }
    place = (conversation, episode)
    told: list[Told] = []

    def put(kind: FactKind, time: int, detail: st.SearchStrategy[dict[str, Any]]) -> None:
        told.extend(draw(_versions(book, kind, place, time, about, customer, detail)))

    human = draw(st.booleans())
    put("episode_ended", close, _ended(human))
    if draw(st.sampled_from((True, True, True, False))):
        put("episode_matured", close + VERIFICATION_MS, _matured(human))
    if draw(st.booleans()):
        put("customer_visited", draw(_times), st.just({}))
    if draw(st.booleans()):
        put("escalation_opened", close - HOUR_MS, _opened)
        if draw(st.booleans()):
            put("escalation_ended", close - draw(st.sampled_from((0, HOUR_MS))), _over)
    if draw(st.booleans()):
        put("csat_received", close + DAY_MS, _csat)
    if draw(st.booleans()):
        put("qa_evaluated", close + draw(st.sampled_from((HOUR_MS, 5 * DAY_MS))), _qa)
    if draw(st.booleans()):
        put("compliance_opened", close, st.just({"rule_id": "r", "severity": "minor"}))
    return told


@st.composite
def _versions(
    draw: st.DrawFn,
    book: ContractBook,
    kind: FactKind,
    place: tuple[str, int],
    time: int,
    about: dict[str, str],
    customer: str | None,
    detail: st.SearchStrategy[dict[str, Any]],
    number: int = 0,
) -> list[Told]:
    """A fact on time (or late) and, sometimes, its corrections."""
    known = time + draw(st.sampled_from((0, 0, 0, 0, HOUR_MS, 35 * DAY_MS)))
    told: list[Told] = []
    for revision in range(draw(st.sampled_from((1, 1, 1, 2, 3)))):
        journey = about["journey"] if revision == 0 else draw(_journeys)
        fact = Fact(
            kind=kind,
            contract=CONTRACT,
            version=book.at(CONTRACT, time).version,
            conversation=place[0],
            life=EPOCH_MS // DAY_MS,
            episode=place[1],
            ordinal=number + 1,
            time=time,
            channel=about["channel"],
            market=about["market"],
            journey=journey,
            supplier="northcall",
            prompt_version="unknown",
            model="unknown",
            knowledge_version="unknown",
            detail=draw(detail),
            revision=revision,
            late=known > time,
        )
        owner = customer if revision == 0 else draw(_customers)
        digest = None
        resolved = kind == "episode_ended" and fact.detail["resolved"] is True
        if owner is not None and (kind == "customer_visited" or resolved):
            digest = customer_digest(CONTRACT, owner)
        told.append(Told(fact, known, digest))
        more = revision < 2 and draw(st.booleans())
        if not more:
            break
        known += draw(_delays)
        # The assertion of the next revision comes with it, or later, or never.
        told.append(Told(_retraction(fact), known, None))
        known += draw(st.sampled_from((0, 0, 1, DAY_MS)))
    return told


def _retraction(fact: Fact) -> Fact:
    fields = {name: getattr(fact, name) for name in fact.__struct_fields__}
    return Fact(**{**fields, "retracts": True, "late": True})


def _ended(human: bool) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "cause": st.just("customer"),
            "eligible": st.just(True),
            "outcome": st.just("escalated" if human else "contained"),
            "safe": st.just(True) if human else st.none(),
            "excluded": st.just(False),
            "repeated": st.just(False),
            "resolved": st.sampled_from((True, True, True, True, False)),
        }
    )


def _matured(human: bool) -> st.SearchStrategy[dict[str, Any]]:
    outcomes = ("escalated_safe", "escalated_safe", "escalated_unsafe", "trapped", "abandoned")
    if not human:
        outcomes = ("verified", "verified", "verified", "assumed", "void")
    return st.fixed_dictionaries(
        {
            "outcome": st.sampled_from(outcomes),
            "human": st.just(human),
            "claimed": st.booleans(),
            "resolved": st.just(True),
            "returned": st.sampled_from((False, False, False, True)),
            "first_contact": st.booleans(),
            "qa_ai": st.booleans(),
            "qa_human": st.booleans(),
        },
        optional={
            "proven": st.booleans(),
            "query_type": st.sampled_from((None, "refund")),
            "claimed_at": st.sampled_from((None, _CHANGE - 1, _CHANGE)),
        },
    )


_party = st.fixed_dictionaries({"party": st.sampled_from(("customer", "client"))})
_opened = st.fixed_dictionaries(
    {"t0": st.just(EPOCH_MS), "eligible": st.booleans(), "excluded": st.just(False)}
)
_over = st.fixed_dictionaries(
    {
        "t0": st.just(EPOCH_MS),
        "outcome": st.just("taken_over"),
        "latency_ms": st.just(1_000),
        "within": st.booleans(),
        "overdue": st.just(False),
        "clamped": st.just(False),
        "answer": st.none(),
        "removed_within": st.none(),
        "context_complete": st.none(),
    }
)
_csat = st.fixed_dictionaries(
    {"subject": st.sampled_from(("ai", "human")), "satisfied": st.booleans()}
)
_qa = st.fixed_dictionaries(
    {"subject": st.sampled_from(("ai", "human")), "evaluator": st.just("client"),
     "passed": st.booleans()}
)  # fmt: skip


@st.composite
def accounts(draw: st.DrawFn) -> tuple[ContractBook, list[Told]]:
    """A contract and its records, in an order of no meaning."""
    book = draw(books())
    return book, draw(records(book))
