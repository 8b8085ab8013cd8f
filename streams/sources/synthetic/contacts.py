"""Who makes contact, when, and how the AI fares: the plan of a day before its desks run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from streams.sources.synthetic import calibration as c
from streams.sources.synthetic.chance import Chance, Choice
from streams.sources.synthetic.day import HOUR_MS, SyntheticDay

Course = Literal["contained", "escalated", "trapped", "campaign"]
SpellOutcome = Literal["answered", "abandoned", "callback", "flow_out"]

_RECONTACT_WITHIN_MS = 5 * HOUR_MS
_RECONTACT_AFTER_MS = 10 * 60_000


@dataclass(slots=True)
class Spell:
    """One stay in a human desk's queue and what came of it. Times in ms.

    `left` is when the queue was left; for an answered spell that is the first offer to an agent,
    and there are `accepted`, `joined` (connected, or the first human message) and `until` (the
    human is done). `signalled` and `requested` are set where the spell has its own.
    """

    channel: str
    handoff: int
    entered: int
    requested: int | None = None
    signalled: int | None = None
    outcome: SpellOutcome = "abandoned"
    left: int = 0
    agent: int = 0
    accepted: int = 0
    joined: int = 0
    until: int = 0
    qualified: bool = True
    refusal: str = ""


@dataclass(slots=True)
class Contact:
    """One conversation's plan. Times in ms.

    `turns`: the customer's turns with the AI. `signals`: the AI's failures, by time. `recontacted`:
    when a return of the customer was recognised, whether for the same journey, whether trivial.
    """

    number: int
    start: int
    channel: str
    subtype: str
    market: str
    language: str
    journey: str
    customer: str
    bad: bool
    course: Course
    test: bool
    turns: tuple[int, ...]
    signals: list[tuple[int, str]]
    quirk: str = ""
    requested: int = 0
    queued: int = 0
    spells: list[Spell] = field(default_factory=list)
    recontacted: tuple[int, bool, bool] | None = None

    @property
    def known(self) -> bool:
        """Whether the customer is identified: one in 32 never is."""
        return int(self.customer[-2:], 16) % 32 != 0

    @property
    def id(self) -> str:
        """Ordered by start."""
        return f"c-{self.number:06d}"


def contacts_of(day: SyntheticDay) -> list[Contact]:
    """The day's contacts by start, without their spells."""
    chance = Chance(day.seed, 0)
    bad_from, bad_to = day.bad_period or (day.end_ms, day.end_ms)
    contacts: list[Contact] = []
    for number, start in enumerate(_starts(day, chance), day.first_contact):
        contact = _contact(number, start, bad_from <= start < bad_to, chance)
        if chance.hit(c.RECONTACT_PPM):
            _join_earlier(contact, contacts, chance)
        contacts.append(contact)
    return contacts


def _starts(day: SyntheticDay, chance: Chance) -> list[int]:
    hours: Choice[int] = Choice(dict(enumerate(hour_weights(day))))
    return sorted(
        day.start_ms + chance.pick(hours) * HOUR_MS + chance.below(HOUR_MS)
        for _ in range(day.interactions)
    )


def hour_weights(day: SyntheticDay) -> list[int]:
    """The weight of each of the day's hours, by its local hour."""
    return [c.HOUR_WEIGHTS[day.local_hour(day.start_ms + i * HOUR_MS)] for i in range(day.hours)]


def _contact(number: int, start: int, bad: bool, chance: Chance) -> Contact:
    channel = chance.pick(c.CHANNELS)
    market = chance.pick(c.MARKETS)
    course = _course(channel, bad, chance)
    test = course == "contained" and chance.hit(c.TEST_PPM)
    if course == "campaign":
        channel = "messaging"
    contact = Contact(
        number=number,
        start=start,
        channel=channel,
        subtype=chance.pick(c.SUBTYPES[channel]),
        market=market,
        language=chance.pick(c.LANGUAGES[market]),
        journey=chance.pick(c.JOURNEYS),
        # From a letter on: digits alone could be taken for somebody's number.
        customer=f"{10 + chance.below(6):x}{chance.below(1 << 28):07x}{chance.below(1 << 32):08x}",
        bad=bad,
        course=course,
        test=test,
        turns=_turns(start, channel, course, chance),
        signals=[],
    )
    _signal(contact, chance)
    if course == "escalated":
        contact.quirk = chance.pick(c.QUIRKS[channel])
        if contact.quirk == "swapped" and contact.signals[-1][1] == "human_requested":
            contact.quirk = ""
        contact.requested = contact.signals[-1][0] + chance.between(400, 2_500)
        contact.queued = contact.requested + chance.between(80, 700)
    return contact


def _course(channel: str, bad: bool, chance: Chance) -> Course:
    if chance.hit(c.CAMPAIGN_PPM):
        return "campaign"
    if chance.hit(c.BAD_TRAPPED_PPM if bad else c.TRAPPED_PPM):
        return "trapped"
    return (
        "escalated"
        if chance.hit(c.BAD_ESCALATED_PPM if bad else c.ESCALATED_PPM[channel])
        else "contained"
    )


def _turns(start: int, channel: str, course: Course, chance: Chance) -> tuple[int, ...]:
    if course == "campaign":
        if not chance.hit(c.CAMPAIGN_REPLY_PPM):
            return ()
        start += chance.between(60_000, 3_600_000)
    at = start + c.GREETING[channel]
    turns = [at]
    for _ in range(chance.pick(c.TURNS[channel]) - 1):
        at += chance.value(c.PAUSE[channel])
        turns.append(at)
    return tuple(turns)


def _signal(contact: Contact, chance: Chance) -> None:
    """When the AI failed, and why; the last failure ends its part of an escalated contact."""
    reasons = c.BAD_REASONS if contact.bad else c.REASONS
    turns = contact.turns
    if contact.course == "contained":
        if chance.hit(c.BAD_STUMBLE_PPM if contact.bad else c.STUMBLE_PPM):
            reason = chance.pick(reasons)
            # A customer who asks for a human is waiting for one: that is no stumble.
            if reason != "human_requested":
                turn = turns[chance.below(len(turns))]
                contact.signals.append((turn + signal_delay(contact.channel, reason), reason))
    elif contact.course == "trapped":
        contact.signals += [(turn + 150, "human_requested") for turn in turns[-2:]]
    elif contact.course == "escalated":
        early = c.BAD_EARLY_SIGNAL_PPM if contact.bad else c.EARLY_SIGNAL_PPM
        if len(turns) > 1 and chance.hit(early):
            reason = "tool_error" if contact.bad else "no_match"
            contact.signals.append((turns[-2] + signal_delay(contact.channel, reason), reason))
        reason = chance.pick(reasons)
        contact.signals.append((turns[-1] + signal_delay(contact.channel, reason), reason))


def signal_delay(channel: str, reason: str) -> int:
    """From the customer's turn to the failure signal that answers it, in ms."""
    if reason == "human_requested":
        return 150
    return 20_000 if channel == "email" else 1_600


def _join_earlier(contact: Contact, earlier: list[Contact], chance: Chance) -> None:
    """Make the contact a return of a customer whom the AI alone served within the last hours."""
    if contact.course == "campaign" or contact.test or not earlier:
        return
    prior = earlier[max(0, len(earlier) - 1 - chance.below(min(len(earlier), 5_000)))]
    gap = contact.start - prior.turns[-1] if prior.turns else 0
    if (
        prior.course != "contained"
        or prior.test
        or prior.recontacted
        or not _RECONTACT_AFTER_MS <= gap <= _RECONTACT_WITHIN_MS
    ):
        return
    contact.customer, contact.market = prior.customer, prior.market
    contact.language = prior.language
    if chance.hit(800_000):
        contact.journey = prior.journey
    trivial = chance.hit(c.TRIVIAL_PPM)
    recognised = contact.start + chance.between(2_000, 15_000)
    prior.recontacted = (recognised, contact.journey == prior.journey, trivial)
