"""What can happen in a generated log: each kind of event with what it may say.

A kind is named after its function in log_builder.py; values are few, so that they collide.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests import log_builder as b
from tests.properties.books import DAY_MS

_FLAGS = st.sampled_from((None, True, False))
_SKILLS = st.sampled_from((None, (), ("billing",), ("billing", "malay")))
_AGENTS = st.sampled_from(("ann", "bob"))
_REQUIRED = st.sampled_from(((), ("billing",), ("malay", "billing")))
_FIELDS = st.sampled_from(((), ("issue",), ("attempts", "issue"), ("attempts",)))
_SIGNALS = st.sampled_from(("human_requested", "no_match", "tool_error", "timeout"))
_VISIBILITY = st.sampled_from((None, None, None, "private"))
_PROMPTS = st.sampled_from((None, "p-1", "p-12", "p-2"))
_MODELS = st.sampled_from((None, "m-1", "m-9"))
_KNOWLEDGE = st.sampled_from((None, "k-1", "other-1"))
_RULES = st.sampled_from(("disclosure", "identity"))

_NOTES = (
    *("evaluated", "survey_sent", "survey_answered", "exception", "exception_closed", "cost"),
    "disputed",
)
KINDS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "started": {"direction": st.sampled_from((None, "outbound"))},
    "data_updated": {},
    "ended": {"by": st.sampled_from(("customer", "ai", "human", "automation", None))},
    "customer_message": {"visibility": _VISIBILITY},
    "ai_message": {"visibility": _VISIBILITY},
    "ai_turn": {"prompt_version": _PROMPTS, "model": _MODELS, "knowledge_version": _KNOWLEDGE},
    "automation": {},
    "campaign": {},
    "failure": {"signal": _SIGNALS, "prompt_version": _PROMPTS, "knowledge_version": _KNOWLEDGE},
    "requested": {
        "by": st.sampled_from(("ai", "customer", "human")),
        "skills": _REQUIRED,
        "fields": _FIELDS,
    },
    "queued": {},
    "offered": {"agent": _AGENTS},
    "declined": {"agent": _AGENTS},
    "dequeued": {"outcome": st.sampled_from(("answered", "abandoned"))},
    "accepted": {"agent": _AGENTS, "skills": _SKILLS, "qualified": _FLAGS},
    "connected": {"agent": _AGENTS, "skills": _SKILLS, "qualified": _FLAGS},
    "human_message": {
        "agent": st.sampled_from((None, "ann", "bob")),
        "customer_repeated_info": st.sampled_from((None, None, True)),
        "visibility": _VISIBILITY,
    },
    "first_human_message": {"agent": st.sampled_from((None, "ann", "bob"))},
    "returned": {"to": st.sampled_from(("ai", "queue", "agent"))},
    "abandoned": {},
    "claimed": {
        "by": st.sampled_from(("ai", "ai", "human", "customer")),
        "query_type": st.sampled_from((None, "refund", "invoice")),
    },
    "evidence": {
        "kind": st.sampled_from(("system_of_record", "qa_pass", "llm_judge")),
        "result": st.booleans(),
    },
    "reopened": {"trivial": st.booleans()},
    "recontacted": {"trivial": st.booleans()},
    "evaluated": {
        "evaluation": st.sampled_from(("q1", "q1", "q2")),
        "status": st.sampled_from(("final", "final", "final", "draft", "deleted", "deleted")),
        "subject": st.sampled_from(("ai", "human")),
        "score": st.sampled_from((None, 799_999, 800_000, 900_000)),
        "fails": st.sampled_from((False, False, True)),
        "evaluator": st.sampled_from(("auto", "human")),
    },
    "survey_sent": {"survey": st.sampled_from(("s1", "s2"))},
    "survey_answered": {
        "survey": st.sampled_from(("s1", "s1", "s2")),
        "score": st.sampled_from((0, 1, 3, 4, 5)),
        "scale": st.sampled_from(((1, 5), (1, 5), (0, 4), (-1, 5), (3, 3))),
        "subject": st.sampled_from((None, "ai", "human")),
    },
    "exception": {
        "exception": st.sampled_from(("x1", "x1", "x2")),
        "due_in": st.sampled_from((None, -10_000, -1, 0, 1, 10_000, 30_000, 100_000, 9 * DAY_MS)),
        "rule": _RULES,
        "severity": st.sampled_from(("minor", "major", "critical")),
    },
    "exception_closed": {"exception": st.sampled_from(("x1", "x1", "x2")), "rule": _RULES},
    "cost": {
        "amount_micros": st.sampled_from((-300_000, 0, 100_000, 250_000)),
        "currency": st.sampled_from(("USD", "USD", "SGD")),
        "component": st.sampled_from(("llm", "human")),
        "quantity": st.sampled_from((None, 1)),
    },
    "disputed": {
        "dispute": st.sampled_from(("d1", "d1", "d2")),
        "party": st.sampled_from(("customer", "client")),
    },
}
# The wait for a human is where rules meet, so its milestones come more often.
_OFTEN = ("failure", "requested", "queued", "human_message", "connected", "returned", "ended")
# What a log is mostly about: of all kinds at once too few meet those that bear on them.
THEMES: tuple[tuple[str, ...], ...] = (
    (*KINDS, *_OFTEN),
    tuple(kind for kind in (*KINDS, *_OFTEN) if kind not in _NOTES),
    (*_NOTES, *_NOTES, "started", "customer_message", "ai_turn", "human_message", "ended"),
    (
        *("started", "customer_message", "customer_message", "ai_message", "ai_turn"),
        *("human_message", "first_human_message", "requested", "returned", "ended", "reopened"),
    ),
    (
        *("started", "customer_message", "ai_turn", "failure", "human_message", "returned"),
        *(
            "claimed",
            "claimed",
            "evidence",
            "evaluated",
            "recontacted",
            "reopened",
            "ended",
            "disputed",
        ),
    ),
    (
        *("customer_message", "customer_message", "ai_turn", "ai_turn", "started", "data_updated"),
        *("ended", "ended", "reopened", "claimed", "human_message", "campaign"),
    ),
)
# What seldom comes in order by chance; what else happens falls in between.
STORIES: tuple[tuple[str, ...], ...] = (
    ("started", "customer_message", "ai_turn", "ai_message", "claimed", "evidence", "ended"),
    ("customer_message", "failure", "requested", "queued", "human_message", "claimed", "ended"),
    ("customer_message", "ai_message", "human_message", "evaluated", "ended", "evaluated"),
    ("failure", "requested", "connected", "human_message", "returned", "human_message", "ended"),
    ("requested", "human_message", "requested", "queued", "claimed", "ended"),
    ("customer_message", "human_message", "ai_message", "returned", "queued", "human_message"),
    ("ai_turn", "customer_message", "ended", "survey_sent", "survey_answered", "recontacted"),
    ("exception", "started", "exception", "exception_closed", "exception_closed"),
    ("started", "customer_message", "ai_turn", "claimed", "evidence", "ended", "disputed", "cost"),
)
# One conversation each of a customer who has several: resolved, or just come.
VISITS: tuple[tuple[str, ...], ...] = (
    ("customer_message", "ai_turn", "ended"),
    ("customer_message", "ai_turn", "ended"),
    ("ai_turn", "customer_message", "ended", "reopened", "ai_message"),
    ("customer_message", "failure", "human_message", "claimed", "ended"),
    ("customer_message",),
    ("started", "data_updated"),
    ("campaign", "ai_turn", "data_updated"),
)
# Built once: strategies are dear to make.
SAID = {kind: st.fixed_dictionaries(fields) for kind, fields in KINDS.items()}


def _automation(conversation: str, time: int, **data: Any) -> bytes:
    return b.message(conversation, time, "automation", **data)


def _campaign(conversation: str, time: int, **data: Any) -> bytes:
    return b.message(conversation, time, "campaign", **data)


def _exception(conversation: str, time: int, due_in: int | None, **data: Any) -> bytes:
    return b.exception(conversation, time, due=None if due_in is None else time + due_in, **data)


_MAKERS: dict[str, Callable[..., bytes]] = {
    "automation": _automation,
    "campaign": _campaign,
    "exception": _exception,
}


def maker(kind: str) -> Callable[..., bytes]:
    """What makes an event of a kind, given conversation, time and what is said."""
    return _MAKERS.get(kind) or getattr(b, kind)  # type: ignore[no-any-return]
