"""What a trace holds. All times in ms since 1970 UTC, durations in ms; document.py writes them."""

from __future__ import annotations

from typing import Any

import msgspec


class EventLine(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was used. `corrected` are the ids of the facts that it changed afterwards."""

    time: int
    type: str
    channel: str
    source: str | None = None
    id: str | None = None
    said: dict[str, Any]
    recorded_at: int | None = None
    origin: str | None = None
    late: bool = False
    same_id: bool = False
    corrected: list[str] = []


class Unused(msgspec.Struct, frozen=True, kw_only=True):
    """A record that changed nothing; `why` is `duplicate`, `repeats`, `test` or a dead letter's
    code.
    """

    origin: str
    why: str
    message: str = ""
    type: str | None = None
    time: int | None = None
    source: str | None = None
    id: str | None = None
    watermark: int | None = None


class Attribute(msgspec.Struct, frozen=True, kw_only=True):
    """What a conversation is known by, since when."""

    name: str
    value: str
    since: int


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """What bears on a verdict; `at` None for what did not happen."""

    at: int | None
    said: str


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """A stage of a wait that was reached; `after_ms` T0."""

    name: str
    at: int
    after_ms: int


class HumanSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A human who accepted, was connected or wrote during an episode.

    `why`: what the verdict on the qualification rests on. `took_over`: whether this ended a wait.
    """

    time: int
    type: str
    agent: str | None
    qualified: bool
    why: str
    took_over: bool


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """One escalation. `outcome` is `waiting` while it is open; `age_ms` is then its age at the
    watermark. `promised_by` are the clauses that are about such a wait.
    """

    ordinal: int
    t0: int
    t0_why: str
    known_at: int
    channel: str
    version: int
    clock: str
    t0_in_service_hours: bool | None
    promised_by: list[str]
    threshold_ms: int | None
    answer_threshold_ms: int | None
    excluded: str | None
    legs: list[Leg]
    required_skills: list[str]
    context_required: list[str]
    context_passed: list[str]
    context_missing: list[str]
    context_complete: bool | None = None
    outcome: str
    outcome_why: str
    ended_at: int | None = None
    latency_ms: int | None = None
    service_latency_ms: int | None = None
    age_ms: int | None = None
    within: bool | None = None
    overdue_at: int | None = None
    answer: str | None = None
    clamped: bool = False


class Maturity(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an episode's outcome. `final` None until `at` has been reached."""

    at: int
    version: int
    verification_ms: int
    final: str | None
    why: list[Reason]


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One episode."""

    ordinal: int
    opened_at: int
    opened_by: str
    channel: str
    closed_at: int | None = None
    cause: str | None = None
    failures: list[Attribute] = []
    waits: list[Wait] = []
    humans: list[HumanSeen] = []
    eligible: bool | None = None
    eligible_why: str = ""
    outcome: str | None = None
    safe: bool | None = None
    safe_why: list[str] = []
    maturity: Maturity | None = None


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """How one fact counts for one clause: in which window, as what part of its ratio.

    `bad` is what speaks against the clause. `while_waiting`: until the wait ends and no longer.
    """

    clause: str
    indicator: str
    version: int
    key: dict[str, str]
    window: str
    slice_end: int
    numerator: int
    denominator: int
    bad: int
    while_waiting: bool = False


class FactLine(msgspec.Struct, frozen=True, kw_only=True):
    """A fact as it was published. `standing`: no later revision or retraction replaced it."""

    id: str
    time: int
    kind: str
    episode: int
    ordinal: int
    revision: int
    version: int
    late: bool
    retracts: bool
    standing: bool
    detail: dict[str, Any]
    counts: list[Counted]


class LinkLine(msgspec.Struct, frozen=True, kw_only=True):
    """A return of the customer: from the close of one episode by the visit of another."""

    closed_at: int
    closed_conversation: str
    closed_episode: int
    visited_at: int
    visited_conversation: str
    visited_episode: int
    after_ms: int
    same_issue: bool


class LinkCount(msgspec.Struct, frozen=True, kw_only=True):
    """How a resolved close (`fact`) counts for clauses about returns, in the slice that ends at
    `at`.
    """

    fact: str
    at: int
    counts: list[Counted]


class BreachLine(msgspec.Struct, frozen=True, kw_only=True):
    """A record of a breach whose evidence names the conversation."""

    id: str
    status: str
    clause: str
    version: int
    key: dict[str, str]
    opened_at: int
    time: int
    overdue: int


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What one matured episode comes to in money, as far as its fact tells.

    `amount_micros` None where nothing is due or no price admits it.
    """

    fact: str
    time: int
    episode: int
    outcome: str
    version: int
    billed: bool
    why: str
    price: dict[str, str] | None = None
    amount_micros: int | None = None
    currency: str | None = None


class ErasedLife(msgspec.Struct, frozen=True, kw_only=True):
    """That a life was erased, by a request of the time `asked_at`.

    `gone`: nothing is told of it any more but what it came to in money.
    """

    asked_at: int
    gone: bool


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """One life of the conversation: from its first event until it was forgotten."""

    day: str
    erased: ErasedLife | None = None
    attributes: list[Attribute]
    runs: list[Run]
    events: list[EventLine]
    facts: list[FactLine]
    bills: list[Bill]


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """The whole. `basis` says what it was read from, `limits` what it therefore cannot say.

    `looked_around`: whether links and breaches were looked for.
    """

    contract: str
    conversation: str
    time_zone: str
    watermark: int | None
    basis: str
    limits: list[str]
    lives: list[Life]
    unused: list[Unused]
    looked_around: bool
    links: list[LinkLine]
    link_counts: list[LinkCount]
    breaches: list[BreachLine]
