"""Which indicators a platform can feed, by what its events must say for them to be honest.

An indicator that lacks what it needs is unknown, never 0 or 100 %. Definitions: DEFINITIONS.md
sections 5, 7, 7a and 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

from streams.domain import events as ev
from streams.domain.contract import Indicator
from streams.domain.events import EVENT_TYPES, Event


class Need(NamedTuple):
    """One thing that events must say: any of these signs."""

    meaning: str
    signs: tuple[str, ...]


class Family(NamedTuple):
    """Indicators that need the same things said."""

    indicators: tuple[Indicator, ...]
    needs: tuple[Need, ...]


_REQUEST: Final = Need(
    "that a customer waits for a human",
    ("handoff.requested", "handoff.queued", "ai.failure_signalled human_requested"),
)
_TAKEOVER: Final = Need(
    "that a human took over (voice: connected; else: wrote)",
    ("handoff.connected voice", "message.sent human", "handoff.first_human_message"),
)
_AI: Final = Need(
    "that an AI served the customer",
    (
        *("ai.turn", "ai.tool_call", "ai.failure_signalled"),
        *("message.sent ai", "resolution.claimed ai"),
    ),
)
_CUSTOMER: Final = Need(
    "that the customer said something",
    ("message.sent customer", "contact.started voice", "ai.failure_signalled human_requested"),
)
_END: Final = Need("that the contact ended", ("contact.ended",))
_KEY: Final = Need("who the customer is (customer_key)", ("customer_key",))
_CLAIM: Final = Need("that the AI claims a resolution", ("resolution.claimed ai",))
_PROOF: Final = Need("evidence of the resolution", ("resolution.evidence",))

FAMILIES: Final[Mapping[str, Family]] = {
    "escalation latency": Family(("escalation_wait", "escalation_within"), (_REQUEST, _TAKEOVER)),
    "answer service level": Family(
        ("answer_within", "answer_removed_within"),
        (
            Need("that a human was asked for", ("handoff.requested", "handoff.queued")),
            _TAKEOVER,
        ),
    ),
    "abandonment": Family(
        ("abandonment",),
        (
            _REQUEST,
            Need(
                "that a customer gave up waiting",
                ("handoff.abandoned", "handoff.dequeued abandoned", "contact.ended customer"),
            ),
        ),
    ),
    "first response": Family(
        ("first_response_within",),
        (
            Need("when the customer wrote", ("message.sent customer",)),
            Need("when somebody answered", ("message.sent ai", "message.sent human")),
        ),
    ),
    "containment": Family(
        ("containment_raw", "containment_safe", "human_takeover"), (_AI, _CUSTOMER, _END, _REQUEST)
    ),
    "recontact": Family(
        (
            *("containment_no_recontact", "first_contact", "recontact", "unlinked"),
            *("recontact_24h", "recontact_72h", "recontact_7d"),
            *("recontact_same_24h", "recontact_same_72h", "recontact_same_7d"),
        ),
        (_AI, _CUSTOMER, _END, _KEY),
    ),
    "verified resolution": Family(
        ("verified_resolution", "containment_safe_verified"), (_AI, _CUSTOMER, _CLAIM, _PROOF)
    ),
    "failure reasons": Family(
        ("failure_share",), (Need("why the AI failed", ("ai.failure_signalled",)),)
    ),
    "handoff context": Family(
        ("context_complete",),
        (Need("what was handed to the human", ("context",)), _TAKEOVER),
    ),
    "customer repeated": Family(
        ("customer_repeated",), (Need("that the customer had to repeat it all", ("repeated",)),)
    ),
    "quality assurance": Family(
        ("qa_coverage_ai", "qa_coverage_human", "qa_pass_ai", "qa_pass_human"),
        (Need("how a contact was evaluated", ("qa.evaluated",)),),
    ),
    "satisfaction": Family(
        ("csat_satisfied", "csat_response"),
        (
            Need("that the customer was asked", ("csat.requested",)),
            Need("what the customer answered", ("csat.received",)),
        ),
    ),
    "compliance": Family(
        ("compliance_exceptions",),
        (Need("that a rule was broken", ("compliance.exception",)),),
    ),
    "cost": Family(
        ("cost_per_verified",),
        (Need("what it cost", ("cost.recorded",)), _CLAIM, _PROOF),
    ),
}

Level = Literal["yes", "partly", "no"]


class Feed(NamedTuple):
    """Whether a platform feeds a family; if not wholly, why, and how to get it there."""

    level: Level
    why: str = ""
    how: str = ""


Feeds = Mapping[str, Feed]
YES: Final = Feed("yes")


def no_feeds(why: str, how: str) -> dict[str, Feed]:
    """No family at all, for one reason: to be overridden with what a platform does feed."""
    return dict.fromkeys(FAMILIES, Feed("no", why, how))


def signs_of(event: Event) -> frozenset[str]:
    """What `event` shows, in the words of the needs above."""
    name = _NAMES[type(event)]
    found = {name}
    data = getattr(event, "data", None)
    if isinstance(data, ev.Data) and data.customer_key is not None:
        found.add("customer_key")
    if isinstance(event, ev.MessageSent):
        if event.data.visibility == "public":
            found.add(f"{name} {event.data.author}")
        if event.data.customer_repeated_info is not None:
            found.add("repeated")
    elif isinstance(event, ev.HandoffFirstHumanMessage):
        if event.data.customer_repeated_info is not None:
            found.add("repeated")
    elif isinstance(event, ev.AiFailureSignalled):
        found.add(f"{name} {event.data.signal}")
    elif isinstance(event, ev.HandoffConnected):
        found.add(f"{name} {event.data.channel}")
    elif isinstance(event, ev.ContactStarted):
        if event.data.direction != "outbound":
            found.add(f"{name} {event.data.channel}")
    elif isinstance(event, ev.ContactEnded):
        found.add(f"{name} {event.data.ended_by}")
    elif isinstance(event, ev.HandoffDequeued):
        found.add(f"{name} {event.data.outcome}")
    elif isinstance(event, ev.ResolutionClaimed):
        found.add(f"{name} {event.data.claimed_by}")
    elif isinstance(event, ev.HandoffRequested) and event.data.context.fields_present:
        found.add("context")
    return frozenset(found)


def missing(family: str, signs: Iterable[str]) -> list[Need]:
    """What of the family's needs none of `signs` meets. Raises KeyError for an unknown family."""
    seen = frozenset(signs)
    return [need for need in FAMILIES[family].needs if seen.isdisjoint(need.signs)]


_NAMES: dict[type[Event], str] = {
    kind: name.removeprefix("baton.") for name, kind in EVENT_TYPES.items()
}
