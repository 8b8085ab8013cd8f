"""The client's calls, one a type of event. Made by generate.py; not to be edited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal

from streams.domain.events import (
    Author,
    EndedBy,
    EvidenceKind,
    FailureReason,
    HandoffContext,
    Owner,
    Party,
    RequestedBy,
)

Emit = Callable[[str, str | None, datetime | None, dict[str, Any]], str | None]


class Calls:
    """The calls of one family; each returns the event's id, or None where it was not accepted.

    `id` and `time` say which event it is: called again with the same, it is the same event. Without
    them it happened now and is a new one.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit


class ContactCalls(Calls):
    """`baton.contact.*`."""

    def started(
        self,
        *,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """A contact began. Opens an episode when none is open."""
        return self._emit("baton.contact.started", id, time, {})

    def data_updated(
        self,
        *,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """The common data of a contact became known or changed: for each of market, journey and
        supplier the earliest event that states it counts.
        """
        return self._emit("baton.contact.data_updated", id, time, {})

    def ended(
        self,
        *,
        ended_by: EndedBy | None = None,
        disconnect_reason: str | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """A contact was ended. Closes the open episode."""
        return self._emit(
            "baton.contact.ended",
            id,
            time,
            {
                "ended_by": ended_by,
                "disconnect_reason": disconnect_reason,
            },
        )


class MessageCalls(Calls):
    """`baton.message.*`."""

    def sent(
        self,
        *,
        author: Author,
        visibility: Literal["public", "private"] | None = None,
        message_id: str | None = None,
        in_reply_to: str | None = None,
        agent_id: str | None = None,
        customer_repeated_info: bool | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """Someone wrote a message; its text is never carried. A public message by a human ends the
        wait of a customer who asked for one, except on voice.
        """
        return self._emit(
            "baton.message.sent",
            id,
            time,
            {
                "author": author,
                "visibility": visibility,
                "message_id": message_id,
                "in_reply_to": in_reply_to,
                "agent_id": agent_id,
                "customer_repeated_info": customer_repeated_info,
            },
        )


class AiCalls(Calls):
    """`baton.ai.*`."""

    def turn(
        self,
        *,
        agent_name: str | None = None,
        agent_version: str | None = None,
        prompt_version: str | None = None,
        model: str | None = None,
        knowledge_version: str | None = None,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        duration_ms: int | None = None,
        confidence_ppm: int | None = None,
        answer_fingerprint: str | None = None,
        error_type: str | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """The AI took a turn: what produced it, what it used and how sure it was."""
        return self._emit(
            "baton.ai.turn",
            id,
            time,
            {
                "agent_name": agent_name,
                "agent_version": agent_version,
                "prompt_version": prompt_version,
                "model": model,
                "knowledge_version": knowledge_version,
                "input_tokens": input_tokens,
                "output_tokens": output_tokens,
                "duration_ms": duration_ms,
                "confidence_ppm": confidence_ppm,
                "answer_fingerprint": answer_fingerprint,
                "error_type": error_type,
            },
        )

    def tool_call(
        self,
        *,
        tool: str,
        outcome: Literal["ok", "error", "denied"],
        call_id: str | None = None,
        duration_ms: int | None = None,
        side_effect: bool | None = None,
        approval_ref: str | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """The AI called a tool."""
        return self._emit(
            "baton.ai.tool_call",
            id,
            time,
            {
                "tool": tool,
                "outcome": outcome,
                "call_id": call_id,
                "duration_ms": duration_ms,
                "side_effect": side_effect,
                "approval_ref": approval_ref,
            },
        )

    def failure_signalled(
        self,
        *,
        signal: FailureReason,
        raw_reason: str | None = None,
        detector_version: str | None = None,
        agent_version: str | None = None,
        prompt_version: str | None = None,
        model: str | None = None,
        knowledge_version: str | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """The AI can no longer serve the contact, or the customer wants a person. The earliest
        signal since the AI took the contact starts the clock of an escalation.
        """
        return self._emit(
            "baton.ai.failure_signalled",
            id,
            time,
            {
                "signal": signal,
                "raw_reason": raw_reason,
                "detector_version": detector_version,
                "agent_version": agent_version,
                "prompt_version": prompt_version,
                "model": model,
                "knowledge_version": knowledge_version,
            },
        )


class HandoffCalls(Calls):
    """`baton.handoff.*`."""

    def requested(
        self,
        *,
        handoff_id: str,
        requested_by: RequestedBy | None = None,
        required_skills: Sequence[str] | None = None,
        failure_reason: FailureReason | None = None,
        context: HandoffContext | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """A human was asked for. Opens an escalation where none is open."""
        return self._emit(
            "baton.handoff.requested",
            id,
            time,
            {
                "handoff_id": handoff_id,
                "requested_by": requested_by,
                "required_skills": required_skills,
                "failure_reason": failure_reason,
                "context": context,
            },
        )

    def queued(
        self,
        *,
        handoff_id: str,
        queue_id: str | None = None,
        priority: int | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """The contact entered a queue for a human."""
        return self._emit(
            "baton.handoff.queued",
            id,
            time,
            {
                "handoff_id": handoff_id,
                "queue_id": queue_id,
                "priority": priority,
            },
        )

    def dequeued(
        self,
        *,
        handoff_id: str,
        outcome: Literal["answered", "abandoned", "flow_out", "callback"],
        queue_id: str | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """The contact left the queue. Leaving it is no takeover: only `abandoned` ends the wait."""
        return self._emit(
            "baton.handoff.dequeued",
            id,
            time,
            {
                "handoff_id": handoff_id,
                "outcome": outcome,
                "queue_id": queue_id,
            },
        )

    def offered(
        self,
        *,
        handoff_id: str,
        agent_id: str | None = None,
        attempt: int | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """The contact was offered to a human agent."""
        return self._emit(
            "baton.handoff.offered",
            id,
            time,
            {
                "handoff_id": handoff_id,
                "agent_id": agent_id,
                "attempt": attempt,
            },
        )

    def declined(
        self,
        *,
        handoff_id: str,
        agent_id: str | None = None,
        attempt: int | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """A human agent declined the offer."""
        return self._emit(
            "baton.handoff.declined",
            id,
            time,
            {
                "handoff_id": handoff_id,
                "agent_id": agent_id,
                "attempt": attempt,
            },
        )

    def timed_out(
        self,
        *,
        handoff_id: str,
        agent_id: str | None = None,
        attempt: int | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """An offer ran out without an answer."""
        return self._emit(
            "baton.handoff.timed_out",
            id,
            time,
            {
                "handoff_id": handoff_id,
                "agent_id": agent_id,
                "attempt": attempt,
            },
        )

    def accepted(
        self,
        *,
        handoff_id: str,
        agent_id: str,
        skills: Sequence[str] | None = None,
        qualified: bool | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """A human agent accepted the contact. It is a leg of the escalation, never its end."""
        return self._emit(
            "baton.handoff.accepted",
            id,
            time,
            {
                "handoff_id": handoff_id,
                "agent_id": agent_id,
                "skills": skills,
                "qualified": qualified,
            },
        )

    def connected(
        self,
        *,
        handoff_id: str,
        agent_id: str,
        skills: Sequence[str] | None = None,
        qualified: bool | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """A human agent and the customer were connected. On voice this is the takeover, if the
        agent is qualified.
        """
        return self._emit(
            "baton.handoff.connected",
            id,
            time,
            {
                "handoff_id": handoff_id,
                "agent_id": agent_id,
                "skills": skills,
                "qualified": qualified,
            },
        )

    def first_human_message(
        self,
        *,
        handoff_id: str,
        agent_id: str | None = None,
        message_id: str | None = None,
        customer_repeated_info: bool | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """A human's first message after a handoff, from sources that publish it apart. It is the
        takeover except on voice, as a public `baton.message.sent` by a human is.
        """
        return self._emit(
            "baton.handoff.first_human_message",
            id,
            time,
            {
                "handoff_id": handoff_id,
                "agent_id": agent_id,
                "message_id": message_id,
                "customer_repeated_info": customer_repeated_info,
            },
        )

    def returned(
        self,
        *,
        handoff_id: str,
        to: Literal["ai", "queue", "agent"],
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """A human gave the contact back."""
        return self._emit(
            "baton.handoff.returned",
            id,
            time,
            {
                "handoff_id": handoff_id,
                "to": to,
            },
        )

    def abandoned(
        self,
        *,
        handoff_id: str,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """The customer gave up waiting for a human."""
        return self._emit(
            "baton.handoff.abandoned",
            id,
            time,
            {
                "handoff_id": handoff_id,
            },
        )

    def callback_scheduled(
        self,
        *,
        handoff_id: str,
        scheduled_at: datetime | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """A call back was promised. The wait goes on until a human has taken over."""
        return self._emit(
            "baton.handoff.callback_scheduled",
            id,
            time,
            {
                "handoff_id": handoff_id,
                "scheduled_at": scheduled_at,
            },
        )


class ResolutionCalls(Calls):
    """`baton.resolution.*`."""

    def claimed(
        self,
        *,
        claimed_by: Party,
        claim_id: str | None = None,
        query_type: str | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """Someone says that the matter is resolved. It is a claim until evidence or silence settles
        it.
        """
        return self._emit(
            "baton.resolution.claimed",
            id,
            time,
            {
                "claimed_by": claimed_by,
                "claim_id": claim_id,
                "query_type": query_type,
            },
        )

    def evidence(
        self,
        *,
        kind: EvidenceKind,
        owner: Owner,
        result: bool,
        ref: str | None = None,
        claim_id: str | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """Something speaks for or against a resolution."""
        return self._emit(
            "baton.resolution.evidence",
            id,
            time,
            {
                "kind": kind,
                "owner": owner,
                "result": result,
                "ref": ref,
                "claim_id": claim_id,
            },
        )

    def disputed(
        self,
        *,
        dispute_id: str,
        party: Literal["customer", "client"],
        claim_id: str | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """The customer, or the client on its behalf, says that the matter is not resolved."""
        return self._emit(
            "baton.resolution.disputed",
            id,
            time,
            {
                "dispute_id": dispute_id,
                "party": party,
                "claim_id": claim_id,
            },
        )

    def reopened(
        self,
        *,
        prior_claim_id: str | None = None,
        same_journey: bool | None = None,
        trivial: bool | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """The conversation was taken up again after its resolution. Opens an episode when none is
        open.
        """
        return self._emit(
            "baton.resolution.reopened",
            id,
            time,
            {
                "prior_claim_id": prior_claim_id,
                "same_journey": same_journey,
                "trivial": trivial,
            },
        )

    def recontacted(
        self,
        *,
        prior_claim_id: str | None = None,
        same_journey: bool | None = None,
        trivial: bool | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """The customer came back in another conversation. Voids the resolution of this one and
        opens no episode in it.
        """
        return self._emit(
            "baton.resolution.recontacted",
            id,
            time,
            {
                "prior_claim_id": prior_claim_id,
                "same_journey": same_journey,
                "trivial": trivial,
            },
        )


class QaCalls(Calls):
    """`baton.qa.*`."""

    def evaluated(
        self,
        *,
        evaluation_id: str,
        evaluator: Literal["human", "auto", "client"],
        status: Literal["draft", "final", "deleted"],
        subject: Literal["ai", "human"],
        score_ppm: int | None = None,
        automatic_fail: bool | None = None,
        form: str | None = None,
        sampling_job_id: str | None = None,
        escalation_needed: bool | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """A contact was evaluated for quality."""
        return self._emit(
            "baton.qa.evaluated",
            id,
            time,
            {
                "evaluation_id": evaluation_id,
                "evaluator": evaluator,
                "status": status,
                "subject": subject,
                "score_ppm": score_ppm,
                "automatic_fail": automatic_fail,
                "form": form,
                "sampling_job_id": sampling_job_id,
                "escalation_needed": escalation_needed,
            },
        )


class CsatCalls(Calls):
    """`baton.csat.*`."""

    def requested(
        self,
        *,
        survey_id: str,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """The customer was asked for a rating."""
        return self._emit(
            "baton.csat.requested",
            id,
            time,
            {
                "survey_id": survey_id,
            },
        )

    def received(
        self,
        *,
        survey_id: str,
        score: int,
        scale_min: int,
        scale_max: int,
        subject: Literal["ai", "human", "overall"] | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """The customer gave a rating."""
        return self._emit(
            "baton.csat.received",
            id,
            time,
            {
                "survey_id": survey_id,
                "score": score,
                "scale_min": scale_min,
                "scale_max": scale_max,
                "subject": subject,
            },
        )


class ComplianceCalls(Calls):
    """`baton.compliance.*`."""

    def exception(
        self,
        *,
        exception_id: str,
        rule_id: str,
        severity: Literal["minor", "major", "critical"] | None = None,
        regulation: str | None = None,
        detector: str | None = None,
        due_at: datetime | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """A rule was found broken. Open until its `baton.compliance.closed`."""
        return self._emit(
            "baton.compliance.exception",
            id,
            time,
            {
                "exception_id": exception_id,
                "rule_id": rule_id,
                "severity": severity,
                "regulation": regulation,
                "detector": detector,
                "due_at": due_at,
            },
        )

    def closed(
        self,
        *,
        exception_id: str,
        rule_id: str,
        severity: Literal["minor", "major", "critical"] | None = None,
        regulation: str | None = None,
        detector: str | None = None,
        due_at: datetime | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """An exception was dealt with."""
        return self._emit(
            "baton.compliance.closed",
            id,
            time,
            {
                "exception_id": exception_id,
                "rule_id": rule_id,
                "severity": severity,
                "regulation": regulation,
                "detector": detector,
                "due_at": due_at,
            },
        )


class CostCalls(Calls):
    """`baton.cost.*`."""

    def recorded(
        self,
        *,
        component: Literal["llm", "platform", "telephony", "human", "qa"],
        amount_micros: int,
        currency: str,
        quantity: int | None = None,
        unit: str | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """A contact cost something."""
        return self._emit(
            "baton.cost.recorded",
            id,
            time,
            {
                "component": component,
                "amount_micros": amount_micros,
                "currency": currency,
                "quantity": quantity,
                "unit": unit,
            },
        )


class BusinessCalls(Calls):
    """`baton.business.*`."""

    def outcome(
        self,
        *,
        kind: Literal["conversion", "refund", "churn", "renewal"],
        value_micros: int | None = None,
        currency: str | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """What came of the contact for the business."""
        return self._emit(
            "baton.business.outcome",
            id,
            time,
            {
                "kind": kind,
                "value_micros": value_micros,
                "currency": currency,
            },
        )


class ConfigCalls(Calls):
    """`baton.config.*`."""

    def changed(
        self,
        *,
        contract: str,
        object: Literal[
            "prompt", "model", "knowledge", "routing", "rubric", "sla", "price", "calendar"
        ],
        to_version: str,
        from_version: str | None = None,
        effective_at: datetime | None = None,
        risk_class: str | None = None,
        requested_by: str | None = None,
        approved_by: str | None = None,
        approval_ref: str | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """A part of the service was changed. Concerns the contract as a whole, so it names no
        conversation.
        """
        return self._emit(
            "baton.config.changed",
            id,
            time,
            {
                "contract": contract,
                "object": object,
                "to_version": to_version,
                "from_version": from_version,
                "effective_at": effective_at,
                "risk_class": risk_class,
                "requested_by": requested_by,
                "approved_by": approved_by,
                "approval_ref": approval_ref,
            },
        )


class GovernanceCalls(Calls):
    """`baton.governance.*`."""

    def erasure_requested(
        self,
        *,
        contract: str,
        subject_key: str,
        scope: str | None = None,
        legal_basis: str | None = None,
        deadline_at: datetime | None = None,
        actor: str | None = None,
        subject_kind: Literal["customer", "conversation"] | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """A person asked for their data to be erased."""
        return self._emit(
            "baton.governance.erasure_requested",
            id,
            time,
            {
                "contract": contract,
                "subject_key": subject_key,
                "scope": scope,
                "legal_basis": legal_basis,
                "deadline_at": deadline_at,
                "actor": actor,
                "subject_kind": subject_kind,
            },
        )

    def erased(
        self,
        *,
        contract: str,
        subject_key: str,
        scope: str | None = None,
        legal_basis: str | None = None,
        deadline_at: datetime | None = None,
        actor: str | None = None,
        subject_kind: Literal["customer", "conversation"] | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """A person's data was erased."""
        return self._emit(
            "baton.governance.erased",
            id,
            time,
            {
                "contract": contract,
                "subject_key": subject_key,
                "scope": scope,
                "legal_basis": legal_basis,
                "deadline_at": deadline_at,
                "actor": actor,
                "subject_kind": subject_kind,
            },
        )

    def accessed(
        self,
        *,
        contract: str,
        subject_key: str,
        scope: str | None = None,
        legal_basis: str | None = None,
        deadline_at: datetime | None = None,
        actor: str | None = None,
        subject_kind: Literal["customer", "conversation"] | None = None,
        id: str | None = None,
        time: datetime | None = None,
    ) -> str | None:
        """A person's data was looked at."""
        return self._emit(
            "baton.governance.accessed",
            id,
            time,
            {
                "contract": contract,
                "subject_key": subject_key,
                "scope": scope,
                "legal_basis": legal_basis,
                "deadline_at": deadline_at,
                "actor": actor,
                "subject_kind": subject_kind,
            },
        )


class InteractionCalls:
    """All families of calls about a conversation."""

    def __init__(self, emit: Emit) -> None:
        self.contact = ContactCalls(emit)
        self.message = MessageCalls(emit)
        self.ai = AiCalls(emit)
        self.handoff = HandoffCalls(emit)
        self.resolution = ResolutionCalls(emit)
        self.qa = QaCalls(emit)
        self.csat = CsatCalls(emit)
        self.compliance = ComplianceCalls(emit)
        self.cost = CostCalls(emit)
        self.business = BusinessCalls(emit)


class ClientCalls:
    """The families of calls that concern no conversation."""

    def __init__(self, emit: Emit) -> None:
        self.config = ConfigCalls(emit)
        self.governance = GovernanceCalls(emit)
