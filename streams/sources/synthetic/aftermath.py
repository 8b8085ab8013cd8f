"""What other systems say of a contact afterwards: evidence, returns, ratings, reviews, money."""

from __future__ import annotations

from streams.sources.synthetic import calibration as c
from streams.sources.synthetic.journey import Journey
from streams.sources.synthetic.reviews import review

_MINUTE = 60_000


def follow(journey: Journey) -> None:
    """Add to a told journey what other systems say of it, up to about five hours after its end."""
    contact = journey.contact
    if not contact.turns:
        return
    end, closed = journey.end, journey.closed
    _money(journey, end)
    if contact.test:
        return
    _ratings(journey, end)
    review(journey, end)
    if contact.course == "contained":
        if journey.claimed:
            _evidence(journey, end)
        if contact.recontacted is not None:
            at, same_journey, trivial = contact.recontacted
            journey.say(
                at,
                "resolution.recontacted",
                prior_claim_id=f"{contact.id}-r1",
                same_journey=same_journey,
                trivial=trivial,
            )
        if closed and contact.channel != "voice" and journey.chance.hit(c.REOPENED_PPM):
            _reopen(journey, end)
        if journey.claimed and journey.chance.hit(c.DISPUTED_PPM):
            _dispute(journey, end)


def _evidence(journey: Journey, end: int) -> None:
    chance = journey.chance
    kind, owner, result = chance.pick(c.EVIDENCE)
    if not kind:
        return
    own_claim = f"{journey.contact.id}-r1"
    after = chance.between(1_000, 60_000)
    if kind != "customer_confirmed":
        after = chance.between(2 * _MINUTE, 120 * _MINUTE)
    journey.say(
        end + after,
        "resolution.evidence",
        kind=kind,
        owner=owner,
        result=result,
        ref=f"crm-{journey.contact.number}",
        claim_id=own_claim,
    )


def _reopen(journey: Journey, end: int) -> None:
    chance = journey.chance
    at = end + chance.between(10 * _MINUTE, 240 * _MINUTE)
    own_claim = f"{journey.contact.id}-r1"
    journey.say(at, "resolution.reopened", prior_claim_id=own_claim, same_journey=True)
    journey.say(at + 500, "message.sent", author="customer")
    journey.say(at + 2_500, "ai.turn", **journey.versions)
    journey.say(at + 2_700, "message.sent", author="ai")
    journey.say(at + chance.between(30_000, 120_000), "contact.ended", ended_by="customer")


def _dispute(journey: Journey, end: int) -> None:
    chance, contact = journey.chance, journey.contact
    journey.say(
        end + chance.between(10 * _MINUTE, 300 * _MINUTE),
        "resolution.disputed",
        dispute_id=f"{contact.id}-d1",
        party=chance.pick(c.DISPUTERS),
        claim_id=f"{contact.id}-r1",
    )


def _money(journey: Journey, end: int) -> None:
    chance, contact = journey.chance, journey.contact
    tokens = len(contact.turns) * chance.between(1_000, 3_000)
    journey.say(
        end + chance.between(1_000, 20_000),
        "cost.recorded",
        component="llm",
        amount_micros=tokens * c.TOKEN_MICROS,
        currency=c.BILLING_CURRENCY,
        quantity=tokens,
        unit="tokens",
    )
    if contact.bad and chance.hit(c.CREDITED_PPM):
        # What the AI spent in vain is taken back by whom it was bought from.
        journey.say(
            end + chance.between(60 * _MINUTE, 180 * _MINUTE),
            "cost.recorded",
            component="llm",
            amount_micros=-tokens * c.TOKEN_MICROS,
            currency=c.BILLING_CURRENCY,
        )
    if contact.channel == "voice":
        seconds = (end - contact.start) // 1000
        journey.say(
            end + chance.between(1_000, 20_000),
            "cost.recorded",
            component="telephony",
            amount_micros=seconds * c.CARRIER_MICROS.get(contact.market, c.LINE_MICROS),
            currency=c.CARRIER_CURRENCIES.get(contact.market, c.BILLING_CURRENCY),
            quantity=seconds,
            unit="seconds",
        )
    held = sum(s.until - s.accepted for s in contact.spells if s.outcome == "answered") // 1000
    if held:
        journey.say(
            end + chance.between(1_000, 20_000),
            "cost.recorded",
            component="human",
            amount_micros=held * c.DESK_MICROS,
            currency=c.BILLING_CURRENCY,
            quantity=held,
            unit="seconds",
        )
    if contact.journey == "plan_change" and chance.hit(120_000):
        journey.say(
            end + chance.between(_MINUTE, 60 * _MINUTE),
            "business.outcome",
            kind="conversion" if chance.hit(700_000) else "renewal",
            value_micros=chance.between(5, 40) * 1_000_000,
            currency=c.CURRENCIES[contact.market],
        )
    elif contact.journey == "billing" and chance.hit(30_000):
        journey.say(
            end + chance.between(_MINUTE, 60 * _MINUTE),
            "business.outcome",
            kind="refund" if chance.hit(900_000) else "churn",
            value_micros=chance.between(1, 15) * 1_000_000,
            currency=c.CURRENCIES[contact.market],
        )


def _ratings(journey: Journey, end: int) -> None:
    chance, contact = journey.chance, journey.contact
    if not chance.hit(350_000):
        return
    survey = f"{contact.id}-s1"
    asked = end + chance.between(2_000, 30_000)
    journey.say(asked, "csat.requested", survey_id=survey)
    if chance.hit(250_000):
        happy = not contact.bad and contact.course in ("contained", "escalated")
        journey.say(
            asked + chance.between(20_000, 30 * _MINUTE),
            "csat.received",
            survey_id=survey,
            score=chance.between(3, 5) if happy else chance.between(1, 3),
            scale_min=1,
            scale_max=5,
        )
