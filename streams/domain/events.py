"""Canonical events: the typed form of the CloudEvents that `interaction-events` carries.

Definitions: DEFINITIONS.md, DOMAIN.md section 2; the wire contract is schemas/events/*.json, to
which a test holds these classes. Unknown fields are dropped, unknown types refused.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from string import ascii_uppercase
from typing import Annotated, Literal

import msgspec

Channel = Literal["voice", "chat", "email", "messaging"]
Author = Literal["customer", "ai", "human", "system", "automation", "campaign"]
FailureReason = Literal[
    "human_requested",
    "no_match",
    "low_confidence",
    "tool_error",
    "policy_block",
    "guardrail",
    "negative_feedback",
    "loop_detected",
    "timeout",
    "out_of_scope",
    "unknown",
]
EndedBy = Literal["customer", "ai", "human", "system", "automation", "unknown"]
RequestedBy = Literal["customer", "ai", "human", "system"]
Party = Literal["ai", "human", "automation", "customer"]
EvidenceKind = Literal["customer_confirmed", "system_of_record", "qa_pass", "llm_judge", "none"]
Owner = Literal["client", "supplier", "third_party"]

Ident = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
# The pattern is MARKETS'; wire.py holds events to it, at a tenth of what a regex costs with each.
Market = Annotated[str, msgspec.Meta(max_length=2, extra_json_schema={"pattern": "^[A-Z]{2}$"})]
MARKETS = frozenset(first + second for first, second in product(ascii_uppercase, repeat=2))
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", max_length=3)]
# What 64 bits hold: orjson, MessagePack and every reader downstream can carry it.
_MOST = 2**63 - 1
NonNegative = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
Micros = Annotated[int, msgspec.Meta(ge=-_MOST, le=_MOST)]
# A hundred million units: sums over a quarter still fit into 64 bits.
_MOST_COST = 10**14
CostMicros = Annotated[int, msgspec.Meta(ge=-_MOST_COST, le=_MOST_COST)]
Whole = Annotated[int, msgspec.Meta(ge=-_MOST, le=_MOST)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Data(msgspec.Struct, frozen=True, gc=False):
    """What every event about a contact says, whatever its type. Never free text, never a name."""

    contract: Ident
    conversation_id: Ident
    channel: Channel
    supplier: Word | None = None
    episode_id: Ident | None = None
    customer_key: Ident | None = None
    channel_subtype: Word | None = None
    market: Market | None = None
    language: Word | None = None
    journey: Word | None = None
    intent: Word | None = None
    direction: Literal["inbound", "outbound"] | None = None
    test: bool = False


class Event(msgspec.Struct, frozen=True, gc=False, tag_field="type"):
    """A CloudEvents 1.0 envelope; `time` is when it happened, `recordedtime` when it was written
    down.
    """

    id: Ident
    source: Ident
    time: Instant
    specversion: Literal["1.0"] = "1.0"
    subject: Ident | None = None
    recordedtime: Instant | None = None
    partitionkey: Ident | None = None
    correlationid: Ident | None = None
    causationid: Ident | None = None
    sequence: Word | None = None
    dataclassification: Word | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


# What is further off could not be written down any more once a duration is added to it.
EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)


def epoch_ms(moment: datetime) -> int:
    """Integer milliseconds since 1970 UTC, cut (not rounded) to the millisecond."""
    return (moment - _EPOCH) // _MILLISECOND


EARLIEST_MS, LATEST_MS = epoch_ms(EARLIEST), epoch_ms(LATEST)
# An instant in ms, where one is read back from a topic or a table.
Moment = Annotated[int, msgspec.Meta(ge=EARLIEST_MS, le=LATEST_MS)]


class Tick(Event, frozen=True, gc=False, kw_only=True, tag="baton.tick"):
    """The time to which the partition that holds it has been read."""


class _ContactEvent(Event, frozen=True, gc=False, kw_only=True):
    data: Data


class ContactStarted(
    _ContactEvent, frozen=True, gc=False, kw_only=True, tag="baton.contact.started"
):
    pass


class ContactDataUpdated(
    _ContactEvent, frozen=True, gc=False, kw_only=True, tag="baton.contact.data_updated"
):
    pass


class ContactEndedData(Data, frozen=True, gc=False):
    ended_by: EndedBy = "unknown"
    disconnect_reason: Word | None = None


class ContactEnded(Event, frozen=True, gc=False, kw_only=True, tag="baton.contact.ended"):
    data: ContactEndedData


class MessageData(Data, frozen=True, gc=False, kw_only=True):
    author: Author
    visibility: Literal["public", "private"] = "public"
    message_id: Ident | None = None
    in_reply_to: Ident | None = None
    agent_id: Ident | None = None
    customer_repeated_info: bool | None = None


class MessageSent(Event, frozen=True, gc=False, kw_only=True, tag="baton.message.sent"):
    data: MessageData


class AiTurnData(Data, frozen=True, gc=False, kw_only=True):
    agent_name: Word | None = None
    agent_version: Word | None = None
    prompt_version: Word | None = None
    model: Word | None = None
    knowledge_version: Word | None = None
    input_tokens: NonNegative | None = None
    output_tokens: NonNegative | None = None
    duration_ms: NonNegative | None = None
    confidence_ppm: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    answer_fingerprint: Word | None = None
    error_type: Word | None = None


class AiTurn(Event, frozen=True, gc=False, kw_only=True, tag="baton.ai.turn"):
    data: AiTurnData


class AiToolCallData(Data, frozen=True, gc=False, kw_only=True):
    tool: Word
    outcome: Literal["ok", "error", "denied"]
    call_id: Ident | None = None
    duration_ms: NonNegative | None = None
    side_effect: bool | None = None
    approval_ref: Ident | None = None


class AiToolCall(Event, frozen=True, gc=False, kw_only=True, tag="baton.ai.tool_call"):
    data: AiToolCallData


class AiFailureData(Data, frozen=True, gc=False, kw_only=True):
    signal: FailureReason
    raw_reason: Word | None = None
    detector_version: Word | None = None
    agent_version: Word | None = None
    prompt_version: Word | None = None
    model: Word | None = None
    knowledge_version: Word | None = None


class AiFailureSignalled(
    Event, frozen=True, gc=False, kw_only=True, tag="baton.ai.failure_signalled"
):
    data: AiFailureData


class HandoffContext(msgspec.Struct, frozen=True, gc=False):
    """What was handed to the human: names of the fields present, never their content."""

    fields_present: tuple[Word, ...] = ()
    summary_ref: Ident | None = None
    transcript_ref: Ident | None = None


class HandoffData(Data, frozen=True, gc=False, kw_only=True):
    handoff_id: Ident


class HandoffRequestedData(HandoffData, frozen=True, gc=False, kw_only=True):
    requested_by: RequestedBy = "ai"
    required_skills: tuple[Word, ...] = ()
    failure_reason: FailureReason | None = None
    context: HandoffContext = HandoffContext()


class HandoffRequested(Event, frozen=True, gc=False, kw_only=True, tag="baton.handoff.requested"):
    data: HandoffRequestedData


class HandoffQueuedData(HandoffData, frozen=True, gc=False, kw_only=True):
    queue_id: Word | None = None
    priority: Whole | None = None


class HandoffQueued(Event, frozen=True, gc=False, kw_only=True, tag="baton.handoff.queued"):
    data: HandoffQueuedData


class HandoffDequeuedData(HandoffData, frozen=True, gc=False, kw_only=True):
    outcome: Literal["answered", "abandoned", "flow_out", "callback"]
    queue_id: Word | None = None


class HandoffDequeued(Event, frozen=True, gc=False, kw_only=True, tag="baton.handoff.dequeued"):
    data: HandoffDequeuedData


class HandoffOfferData(HandoffData, frozen=True, gc=False, kw_only=True):
    agent_id: Ident | None = None
    attempt: NonNegative | None = None


class HandoffOffered(Event, frozen=True, gc=False, kw_only=True, tag="baton.handoff.offered"):
    data: HandoffOfferData


class HandoffDeclined(Event, frozen=True, gc=False, kw_only=True, tag="baton.handoff.declined"):
    data: HandoffOfferData


class HandoffTimedOut(Event, frozen=True, gc=False, kw_only=True, tag="baton.handoff.timed_out"):
    data: HandoffOfferData


class HandoffAgentData(HandoffData, frozen=True, gc=False, kw_only=True):
    agent_id: Ident
    skills: tuple[Word, ...] | None = None
    qualified: bool | None = None


class HandoffAccepted(Event, frozen=True, gc=False, kw_only=True, tag="baton.handoff.accepted"):
    data: HandoffAgentData


class HandoffConnected(Event, frozen=True, gc=False, kw_only=True, tag="baton.handoff.connected"):
    data: HandoffAgentData


class FirstHumanMessageData(HandoffData, frozen=True, gc=False, kw_only=True):
    agent_id: Ident | None = None
    message_id: Ident | None = None
    customer_repeated_info: bool | None = None


class HandoffFirstHumanMessage(
    Event, frozen=True, gc=False, kw_only=True, tag="baton.handoff.first_human_message"
):
    data: FirstHumanMessageData


class HandoffReturnedData(HandoffData, frozen=True, gc=False, kw_only=True):
    to: Literal["ai", "queue", "agent"]


class HandoffReturned(Event, frozen=True, gc=False, kw_only=True, tag="baton.handoff.returned"):
    data: HandoffReturnedData


class HandoffAbandoned(Event, frozen=True, gc=False, kw_only=True, tag="baton.handoff.abandoned"):
    data: HandoffData


class CallbackScheduledData(HandoffData, frozen=True, gc=False, kw_only=True):
    scheduled_at: Instant | None = None


class HandoffCallbackScheduled(
    Event, frozen=True, gc=False, kw_only=True, tag="baton.handoff.callback_scheduled"
):
    data: CallbackScheduledData


class ResolutionClaimedData(Data, frozen=True, gc=False, kw_only=True):
    claimed_by: Party
    claim_id: Ident | None = None
    query_type: Word | None = None


class ResolutionClaimed(Event, frozen=True, gc=False, kw_only=True, tag="baton.resolution.claimed"):
    data: ResolutionClaimedData


class ResolutionEvidenceData(Data, frozen=True, gc=False, kw_only=True):
    kind: EvidenceKind
    owner: Owner
    result: bool
    ref: Ident | None = None
    claim_id: Ident | None = None


class ResolutionEvidence(
    Event, frozen=True, gc=False, kw_only=True, tag="baton.resolution.evidence"
):
    data: ResolutionEvidenceData


class ResolutionDisputedData(Data, frozen=True, gc=False, kw_only=True):
    dispute_id: Ident
    party: Literal["customer", "client"]
    claim_id: Ident | None = None


class ResolutionDisputed(
    Event, frozen=True, gc=False, kw_only=True, tag="baton.resolution.disputed"
):
    data: ResolutionDisputedData


class ResolutionReturnData(Data, frozen=True, gc=False, kw_only=True):
    prior_claim_id: Ident | None = None
    same_journey: bool | None = None
    trivial: bool = False


class ResolutionReopened(
    Event, frozen=True, gc=False, kw_only=True, tag="baton.resolution.reopened"
):
    data: ResolutionReturnData


class ResolutionRecontacted(
    Event, frozen=True, gc=False, kw_only=True, tag="baton.resolution.recontacted"
):
    data: ResolutionReturnData


class QaEvaluatedData(Data, frozen=True, gc=False, kw_only=True):
    evaluation_id: Ident
    evaluator: Literal["human", "auto", "client"]
    status: Literal["draft", "final", "deleted"]
    subject: Literal["ai", "human"]
    score_ppm: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    automatic_fail: bool = False
    form: Word | None = None
    sampling_job_id: Ident | None = None
    escalation_needed: bool | None = None


class QaEvaluated(Event, frozen=True, gc=False, kw_only=True, tag="baton.qa.evaluated"):
    data: QaEvaluatedData


class CsatRequestedData(Data, frozen=True, gc=False, kw_only=True):
    survey_id: Ident


class CsatRequested(Event, frozen=True, gc=False, kw_only=True, tag="baton.csat.requested"):
    data: CsatRequestedData


class CsatReceivedData(CsatRequestedData, frozen=True, gc=False, kw_only=True):
    score: Whole
    scale_min: Whole
    scale_max: Whole
    subject: Literal["ai", "human", "overall"] = "overall"


class CsatReceived(Event, frozen=True, gc=False, kw_only=True, tag="baton.csat.received"):
    data: CsatReceivedData


class ComplianceData(Data, frozen=True, gc=False, kw_only=True):
    exception_id: Ident
    rule_id: Word
    severity: Literal["minor", "major", "critical"] = "major"
    regulation: Word | None = None
    detector: Word | None = None
    due_at: Instant | None = None


class ComplianceException(
    Event, frozen=True, gc=False, kw_only=True, tag="baton.compliance.exception"
):
    data: ComplianceData


class ComplianceClosed(Event, frozen=True, gc=False, kw_only=True, tag="baton.compliance.closed"):
    data: ComplianceData


class ConfigChangedData(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    contract: Ident
    object: Literal["prompt", "model", "knowledge", "routing", "rubric", "sla", "price", "calendar"]
    to_version: Word
    from_version: Word | None = None
    effective_at: Instant | None = None
    risk_class: Word | None = None
    requested_by: Ident | None = None
    approved_by: Ident | None = None
    approval_ref: Ident | None = None


class ConfigChanged(Event, frozen=True, gc=False, kw_only=True, tag="baton.config.changed"):
    data: ConfigChangedData


class CostRecordedData(Data, frozen=True, gc=False, kw_only=True):
    component: Literal["llm", "platform", "telephony", "human", "qa"]
    amount_micros: CostMicros
    currency: Currency
    quantity: NonNegative | None = None
    unit: Word | None = None


class CostRecorded(Event, frozen=True, gc=False, kw_only=True, tag="baton.cost.recorded"):
    data: CostRecordedData


class BusinessOutcomeData(Data, frozen=True, gc=False, kw_only=True):
    kind: Literal["conversion", "refund", "churn", "renewal"]
    value_micros: Micros | None = None
    currency: Currency | None = None


class BusinessOutcome(Event, frozen=True, gc=False, kw_only=True, tag="baton.business.outcome"):
    data: BusinessOutcomeData


SubjectKind = Literal["customer", "conversation"]


class GovernanceData(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    contract: Ident
    subject_key: Ident
    scope: Word | None = None
    legal_basis: Word | None = None
    deadline_at: Instant | None = None
    actor: Ident | None = None
    subject_kind: SubjectKind = "customer"


class ErasureRequested(
    Event, frozen=True, gc=False, kw_only=True, tag="baton.governance.erasure_requested"
):
    data: GovernanceData


class Erased(Event, frozen=True, gc=False, kw_only=True, tag="baton.governance.erased"):
    data: GovernanceData


class Accessed(Event, frozen=True, gc=False, kw_only=True, tag="baton.governance.accessed"):
    data: GovernanceData


AnyEvent = (
    Tick
    | ContactStarted
    | ContactDataUpdated
    | ContactEnded
    | MessageSent
    | AiTurn
    | AiToolCall
    | AiFailureSignalled
    | HandoffRequested
    | HandoffQueued
    | HandoffDequeued
    | HandoffOffered
    | HandoffDeclined
    | HandoffTimedOut
    | HandoffAccepted
    | HandoffConnected
    | HandoffFirstHumanMessage
    | HandoffReturned
    | HandoffAbandoned
    | HandoffCallbackScheduled
    | ResolutionClaimed
    | ResolutionEvidence
    | ResolutionDisputed
    | ResolutionReopened
    | ResolutionRecontacted
    | QaEvaluated
    | CsatRequested
    | CsatReceived
    | ComplianceException
    | ComplianceClosed
    | ConfigChanged
    | CostRecorded
    | BusinessOutcome
    | ErasureRequested
    | Erased
    | Accessed
)

# About no conversation; their data is not Data, and a tick has none.
APART: frozenset[type[Event]] = frozenset((Tick, ConfigChanged, ErasureRequested, Erased, Accessed))

EVENT_TYPES: dict[str, type[Event]] = {
    str(cls.__struct_config__.tag): cls for cls in AnyEvent.__args__
}
