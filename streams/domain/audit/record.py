"""The sample as it is written: one CloudEvent for each episode that was drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

import msgspec
import orjson

from streams.domain.audit.draw import Place, drawn
from streams.domain.audit.erased import Requests
from streams.domain.audit.path import fact_entry, path_of
from streams.domain.audit.sizes import allocated
from streams.domain.audit.strata import Frame, Member, Populations, Unit
from streams.domain.audit.terms import Allocation, SamplingTerms
from streams.domain.calendar_period import NamedPeriod, Period
from streams.domain.events import Channel, Event, epoch_ms
from streams.domain.facts import SOURCE, life_date, rfc3339
from streams.domain.memory import DAY_MS

EventsOf = Callable[[str], Iterable[Event]]


class SampledPeriod(msgspec.Struct, frozen=True):
    """The period of a sample, (start, end], and by when its events had to be written down."""

    name: str
    kind: Period
    start: str
    end: str
    cut: str


class Precision(msgspec.Struct, frozen=True):
    """What the size was computed from, shares in ppm."""

    confidence_ppm: int
    margin_ppm: int
    minimum: int
    allocation: Allocation


class StratumCounts(msgspec.Struct, frozen=True):
    """How many of the stratum there are, and how many are drawn."""

    population: int
    population_ai: int
    population_human: int
    population_handed_over: int
    sampled: int


class Draw(msgspec.Struct, frozen=True):
    """How the episode was drawn; the probability is sampled / population, rounded down."""

    rank: int
    ticket: str
    inclusion_ppm: int
    frame: str
    commitments: tuple[str, ...]


class SampleData(msgspec.Struct, frozen=True):
    """An episode that was drawn, with its whole path; `human` None: nobody says."""

    contract: str
    contract_version: int
    period: SampledPeriod
    precision: Precision
    stratum: dict[str, str]
    counts: StratumCounts
    draw: Draw
    conversation_id: str
    life: str
    episode: int
    outcome: str
    final: str | None
    ai: bool
    human: bool | None
    handed_over: bool
    channel: Channel
    market: str
    journey: str
    supplier: str
    prompt_version: str
    model: str
    knowledge_version: str
    events: list[dict[str, Any]]
    facts: list[dict[str, Any]]


class Sample(msgspec.Struct, frozen=True):
    """A structured CloudEvent; equal samples are equal bytes."""

    id: str
    time: str
    subject: str
    data: SampleData
    specversion: Literal["1.0"] = "1.0"
    source: str = SOURCE
    type: Literal["baton.audit.sample"] = "baton.audit.sample"
    datacontenttype: str = "application/json"


_DECODER = msgspec.json.Decoder(Sample)


def sample_id(contract: str, period: str, unit: Unit) -> str:
    """The same for the same episode and period, whoever draws: reviews name it."""
    name = orjson.dumps([contract, period, *unit.named])
    return hashlib.sha256(name).hexdigest()[:32]


@dataclass(frozen=True)
class Lottery:
    """All that a draw follows from, its events apart."""

    frame: Frame
    period: NamedPeriod
    cut_ms: int
    terms: SamplingTerms
    key: bytes
    commitments: tuple[str, ...]


class Drawing(NamedTuple):
    """What was drawn, by stratum and rank: what becomes a sample, and what a request of erasure
    names, which must not.
    """

    samples: list[Sample]
    erased: list[Sample]


def samples_of(lottery: Lottery, events_of: EventsOf, requests: Requests | None = None) -> Drawing:
    """The drawing. `events_of` a conversation: in any order, also repeated."""
    requests = requests or Requests()
    sizes = allocated(
        {s: n.all for s, n in lottery.frame.census.populations.items()}, lottery.terms
    )
    places = drawn(lottery.frame, sizes, lottery.key, lottery.period.name)
    made: dict[Unit, Sample] = {}
    erased: set[Unit] = set()
    for member in lottery.frame.members_of(places):
        unit = member.unit
        events = list(events_of(unit.conversation))
        made[unit] = sample_of(member, places[unit], sizes[member.stratum], lottery, events)
        about = (lottery.frame.contract, unit.conversation, unit.life * DAY_MS, member.matured_at)
        if requests.name(*about, events):
            erased.add(unit)
    return Drawing(
        [made[unit] for unit in places if unit not in erased],
        [made[unit] for unit in places if unit in erased],
    )


def names_sample(requests: Requests, sample: Sample, events: Iterable[Event]) -> bool:
    """Whether a request names the episode of a sample that was made; `events` are all of its
    conversation.
    """
    data = sample.data
    begins = _ms(f"{data.life}T00:00:00+00:00")
    # The path ends with what it told last.
    until = max((_ms(event["time"]) for event in data.events), default=begins)
    return requests.name(data.contract, data.conversation_id, begins, until, events)


def _ms(text: str) -> int:
    return epoch_ms(datetime.fromisoformat(text))


def sample_of(
    member: Member, place: Place, sampled: int, lottery: Lottery, events: Iterable[Event]
) -> Sample:
    """The record of one episode that was drawn."""
    closed, period, terms = member.closed, lottery.period, lottery.terms
    numbers: Populations = lottery.frame.census.populations[member.stratum]
    return Sample(
        id=sample_id(closed.contract, period.name, member.unit),
        time=rfc3339(period.end_ms),
        subject=member.unit.conversation,
        data=SampleData(
            contract=closed.contract,
            contract_version=closed.version,
            period=SampledPeriod(
                period.name,
                period.kind,
                rfc3339(period.start_ms),
                rfc3339(period.end_ms),
                rfc3339(lottery.cut_ms),
            ),
            precision=Precision(
                terms.confidence_ppm, terms.margin_ppm, terms.minimum, terms.allocation
            ),
            stratum=dict(member.stratum),
            counts=StratumCounts(*numbers, sampled),
            draw=Draw(
                place.rank,
                place.ticket,
                1_000_000 * sampled // numbers.all,
                lottery.frame.census.digest,
                tuple(sorted(lottery.commitments)),
            ),
            conversation_id=member.unit.conversation,
            life=life_date(member.unit.life),
            episode=member.unit.episode,
            outcome=member.outcome,
            final=member.final,
            ai=member.by_ai,
            human=member.human,
            handed_over=member.handed_over,
            channel=closed.channel,  # type: ignore[arg-type]
            market=closed.market,
            journey=closed.journey,
            supplier=closed.supplier,
            prompt_version=closed.prompt_version,
            model=closed.model,
            knowledge_version=closed.knowledge_version,
            events=path_of(member, events),
            facts=[fact_entry(fact) for fact in member.facts],
        ),
    )


def encode_sample(sample: Sample) -> bytes:
    """The sample as JSON; equal samples give equal bytes."""
    return msgspec.json.encode(sample)


def decode_sample(raw: bytes) -> Sample:
    """What encode_sample wrote. Raises ValueError naming the field that is wrong, not its value."""
    try:
        return _DECODER.decode(raw)
    except msgspec.ValidationError as error:
        # msgspec says what it found, too; a path names nothing but our own fields.
        place = str(error).rpartition(" - at ")[2] if " - at " in str(error) else "a field of it"
        raise ValueError(f"is no audit sample: {place} is missing or of another kind") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("is no audit sample: no JSON document") from None


def sample_key(sample: Sample) -> bytes:
    """The record's key: JSON of contract, stratum and id without spaces, so that a tombstone can
    erase this one; closed lists, the contract's own words and a digest alone.
    """
    return orjson.dumps([sample.data.contract, sample.data.stratum, sample.id])
