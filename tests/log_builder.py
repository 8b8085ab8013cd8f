"""Events for tests, as the raw structured CloudEvents a log holds.

    started("c1", T(0)), failure("c1", T(5), "tool_error"), human_message("c1", T(40), "ann")

Each function takes the conversation and the time in ms (`T(seconds)`: seconds after `EPOCH_MS`),
then what its type says; `channel`, `recorded` (`recordedtime`, ms) and any other field of `data` by
name, None to leave one out. Defaults: contract telco-2026, channel chat, market SG, journey
billing, supplier northcall. Equal calls give equal bytes: an event given twice is a duplicate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson

from streams.domain.facts import rfc3339

CONTRACT = "telco-2026"
EPOCH_MS = 1_772_409_600_000
"""2026-03-02T00:00:00Z, a whole minute, hour and day."""
LIFE = EPOCH_MS // 86_400_000
"""The life (its day) of a conversation that begins on the tests' first day."""


def T(seconds: float) -> int:
    """The time so many seconds into the test, in ms since 1970 UTC."""
    return EPOCH_MS + round(seconds * 1000)


def event(
    kind: str,
    conversation: str,
    time: int,
    /,
    *,
    channel: str = "chat",
    recorded: int | None = None,
    **data: Any,
) -> bytes:
    """An event of type `baton.<kind>`."""
    said = {
        "contract": CONTRACT,
        "conversation_id": conversation,
        "channel": channel,
        "market": "SG",
        "journey": "billing",
        "supplier": "northcall",
        **data,
    }
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "source": "/tests",
        "type": f"baton.{kind}",
        "time": rfc3339(time),
        "data": {name: value for name, value in said.items() if value is not None},
    }
    if recorded is not None:
        envelope["recordedtime"] = rfc3339(recorded)
    content = orjson.dumps(envelope, option=orjson.OPT_SORT_KEYS)
    return orjson.dumps({"id": hashlib.sha256(content).hexdigest()[:16], **envelope})


def tick(time: int) -> bytes:
    """A tick as a record; `judge` takes a bare int as well."""
    envelope = {"specversion": "1.0", "source": "/tests", "type": "baton.tick"}
    return orjson.dumps({**envelope, "id": str(time), "time": rfc3339(time)})


def erasure_requested(
    subject: str, time: int, kind: str | None = None, contract: str = CONTRACT
) -> bytes:
    """A request of erasure, of a customer unless `kind` says otherwise, for every partition."""
    data = {"contract": contract, "subject_key": subject, "subject_kind": kind}
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "source": "/tests",
        "type": "baton.governance.erasure_requested",
        "time": rfc3339(time),
        "data": {name: value for name, value in data.items() if value is not None},
    }
    content = orjson.dumps(envelope, option=orjson.OPT_SORT_KEYS)
    return orjson.dumps({"id": hashlib.sha256(content).hexdigest()[:16], **envelope})


def started(conversation: str, time: int, channel: str = "chat", **data: Any) -> bytes:
    return event("contact.started", conversation, time, channel=channel, **data)


def data_updated(conversation: str, time: int, channel: str = "chat", **data: Any) -> bytes:
    return event("contact.data_updated", conversation, time, channel=channel, **data)


def ended(conversation: str, time: int, by: str | None = "customer", **data: Any) -> bytes:
    return event("contact.ended", conversation, time, ended_by=by, **data)


def message(conversation: str, time: int, author: str, **data: Any) -> bytes:
    """A message by customer, ai, human, system, automation or campaign; public unless told."""
    return event("message.sent", conversation, time, author=author, **data)


def customer_message(conversation: str, time: int, **data: Any) -> bytes:
    return message(conversation, time, "customer", **data)


def human_message(conversation: str, time: int, agent: str | None = None, **data: Any) -> bytes:
    return message(conversation, time, "human", agent_id=agent, **data)


def first_human_message(
    conversation: str, time: int, agent: str | None = None, handoff: str = "h1", **data: Any
) -> bytes:
    data = {"handoff_id": handoff, "agent_id": agent, **data}
    return event("handoff.first_human_message", conversation, time, **data)


def ai_turn(conversation: str, time: int, **data: Any) -> bytes:
    return event("ai.turn", conversation, time, **data)


def failure(conversation: str, time: int, signal: str = "no_match", **data: Any) -> bytes:
    return event("ai.failure_signalled", conversation, time, signal=signal, **data)


def requested(
    conversation: str,
    time: int,
    by: str = "ai",
    *,
    skills: Sequence[str] = (),
    fields: Sequence[str] = ("issue", "attempts"),
    handoff: str = "h1",
    **data: Any,
) -> bytes:
    """A request for a human; by default it carries the context telco-2026 requires."""
    return event(
        "handoff.requested",
        conversation,
        time,
        handoff_id=handoff,
        requested_by=by,
        required_skills=list(skills),
        context={"fields_present": list(fields)},
        **data,
    )


def queued(conversation: str, time: int, handoff: str = "h1", **data: Any) -> bytes:
    return event("handoff.queued", conversation, time, handoff_id=handoff, **data)


def dequeued(conversation: str, time: int, outcome: str, handoff: str = "h1", **data: Any) -> bytes:
    data = {"handoff_id": handoff, "outcome": outcome, **data}
    return event("handoff.dequeued", conversation, time, **data)


def offered(
    conversation: str, time: int, agent: str = "ann", handoff: str = "h1", **data: Any
) -> bytes:
    data = {"handoff_id": handoff, "agent_id": agent, **data}
    return event("handoff.offered", conversation, time, **data)


def declined(
    conversation: str, time: int, agent: str = "ann", handoff: str = "h1", **data: Any
) -> bytes:
    data = {"handoff_id": handoff, "agent_id": agent, **data}
    return event("handoff.declined", conversation, time, **data)


def accepted(
    conversation: str,
    time: int,
    agent: str = "ann",
    *,
    skills: Sequence[str] | None = None,
    qualified: bool | None = None,
    handoff: str = "h1",
    **data: Any,
) -> bytes:
    return _agent("accepted", conversation, time, agent, skills, qualified, handoff, data)


def connected(
    conversation: str,
    time: int,
    agent: str = "ann",
    *,
    skills: Sequence[str] | None = None,
    qualified: bool | None = None,
    handoff: str = "h1",
    **data: Any,
) -> bytes:
    return _agent("connected", conversation, time, agent, skills, qualified, handoff, data)


def _agent(
    kind: str,
    conversation: str,
    time: int,
    agent: str,
    skills: Sequence[str] | None,
    qualified: bool | None,
    handoff: str,
    data: dict[str, Any],
) -> bytes:
    return event(
        f"handoff.{kind}",
        conversation,
        time,
        handoff_id=handoff,
        agent_id=agent,
        skills=None if skills is None else list(skills),
        qualified=qualified,
        **data,
    )


def returned(conversation: str, time: int, to: str, handoff: str = "h1", **data: Any) -> bytes:
    return event("handoff.returned", conversation, time, handoff_id=handoff, to=to, **data)


def abandoned(conversation: str, time: int, handoff: str = "h1", **data: Any) -> bytes:
    return event("handoff.abandoned", conversation, time, handoff_id=handoff, **data)


def claimed(conversation: str, time: int, by: str = "ai", **data: Any) -> bytes:
    return event("resolution.claimed", conversation, time, claimed_by=by, **data)


def evidence(
    conversation: str,
    time: int,
    kind: str = "system_of_record",
    *,
    result: bool = True,
    owner: str = "client",
    **data: Any,
) -> bytes:
    data = {"kind": kind, "result": result, "owner": owner, **data}
    return event("resolution.evidence", conversation, time, **data)


def disputed(
    conversation: str,
    time: int,
    dispute: str = "d1",
    *,
    party: str = "customer",
    **data: Any,
) -> bytes:
    data = {"dispute_id": dispute, "party": party, **data}
    return event("resolution.disputed", conversation, time, **data)


def reopened(conversation: str, time: int, trivial: bool = False, **data: Any) -> bytes:
    return event("resolution.reopened", conversation, time, trivial=trivial, **data)


def recontacted(conversation: str, time: int, trivial: bool = False, **data: Any) -> bytes:
    return event("resolution.recontacted", conversation, time, trivial=trivial, **data)


def ai_message(conversation: str, time: int, **data: Any) -> bytes:
    return message(conversation, time, "ai", **data)


def evaluated(
    conversation: str,
    time: int,
    evaluation: str = "q1",
    *,
    status: str = "final",
    subject: str = "ai",
    score: int | None = 900_000,
    fails: bool = False,
    **data: Any,
) -> bytes:
    """A QA evaluation with a score in ppm, by a machine unless `evaluator` says otherwise."""
    given = {"evaluator": "auto", "automatic_fail": fails, "score_ppm": score, **data}
    told = {"evaluation_id": evaluation, "status": status, "subject": subject, **given}
    return event("qa.evaluated", conversation, time, **told)


def survey_sent(conversation: str, time: int, survey: str = "s1", **data: Any) -> bytes:
    return event("csat.requested", conversation, time, survey_id=survey, **data)


def survey_answered(
    conversation: str,
    time: int,
    score: int,
    survey: str = "s1",
    *,
    scale: tuple[int, int] = (1, 5),
    **data: Any,
) -> bytes:
    data = {"survey_id": survey, "scale_min": scale[0], "scale_max": scale[1], **data}
    return event("csat.received", conversation, time, score=score, **data)


def exception(
    conversation: str,
    time: int,
    exception: str = "x1",
    *,
    due: int | None = None,
    rule: str = "disclosure",
    severity: str = "major",
    **data: Any,
) -> bytes:
    """An exception to a rule, to be closed by `due` (ms)."""
    due_at = None if due is None else rfc3339(due)
    told = {"exception_id": exception, "rule_id": rule, "severity": severity, "due_at": due_at}
    return event("compliance.exception", conversation, time, **told, **data)


def exception_closed(
    conversation: str, time: int, exception: str = "x1", rule: str = "disclosure", **data: Any
) -> bytes:
    data = {"exception_id": exception, "rule_id": rule, **data}
    return event("compliance.closed", conversation, time, **data)


def cost(
    conversation: str,
    time: int,
    amount_micros: int,
    currency: str = "USD",
    component: str = "llm",
    **data: Any,
) -> bytes:
    data = {"amount_micros": amount_micros, "currency": currency, "component": component, **data}
    return event("cost.recorded", conversation, time, **data)
