"""What Baton publishes is valid by schemas/outputs/, and they declare all of it and no more."""

from __future__ import annotations

import json
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from streams.domain.breach_record import (
    EVIDENCE_LIMIT,
    BreachRecord,
    BreachStatus,
    Waiting,
    encode_breach,
)
from streams.domain.calendar_period import PERIODS
from streams.domain.contract import DIMENSIONS, INDICATORS, Severity
from streams.domain.events import Channel, EndedBy, FailureReason
from streams.domain.facts import FACT_KINDS, Fact, encode_fact, rfc3339
from streams.domain.window_value import PERCENTS, WINDOW_LENGTHS_MS, WindowValue, encode_window
from streams.domain.wire import MAX_EVENT_BYTES, RejectionCode
from tests.unit.schemas.schema_shape import Shape, shape_of_class
from tests.unit.schemas.schema_store import SCHEMAS, SchemaStore

STORE = SchemaStore.load(SCHEMAS)

# 2000 to 2100: what a contract can be about.
_times = st.integers(946_684_800_000, 4_102_444_800_000)
_lives = _times.map(lambda time: time // 86_400_000)
_counts = st.integers(0, 10**9)
_ordinals = st.integers(1, 1000)
_names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
_markets = st.sampled_from(["unknown", "SG", "MY"])
_channels = st.sampled_from(get_args(Channel))
_maybe_ms = st.none() | _counts

ENDED = ("taken_over", "abandoned", "expired", "trapped")
OUTCOMES = ("trapped", "abandoned", "escalated", "contained")
FINALS = (
    "void",
    "verified",
    "assumed",
    "escalated_safe",
    "escalated_unsafe",
    "trapped",
    "abandoned",
)
ANSWERS = ("within", "beyond", "short_abandon")
SEVERITIES = ("minor", "major", "critical")
REASONS = get_args(FailureReason)

_maybe = st.none() | st.booleans()
_rule = {"rule_id": _names, "severity": st.sampled_from(SEVERITIES)}

# DEFINITIONS.md section 6, by kind.
DETAILS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "ai_failure": {"reason": st.sampled_from(REASONS), "first": st.booleans()},
    "customer_visited": {},
    "response_given": {
        "t0": _times,
        "by": st.sampled_from(["ai", "human"]),
        "first": st.booleans(),
        "latency_ms": _counts,
        "within": _maybe,
    },
    "response_missed": {"t0": _times, "threshold_ms": st.integers(1, 10**9)},
    "escalation_opened": {"t0": _times, "eligible": st.booleans(), "excluded": st.booleans()},
    "escalation_overdue": {"t0": _times, "threshold_ms": st.integers(1, 10**9)},
    "escalation_ended": {
        "t0": _times,
        "outcome": st.sampled_from(ENDED),
        "latency_ms": _counts,
        "service_latency_ms": _maybe_ms,
        "within": _maybe,
        "overdue": st.booleans(),
        "clamped": st.booleans(),
        "requested_ms": _maybe_ms,
        "queued_ms": _maybe_ms,
        "offered_ms": _maybe_ms,
        "accepted_ms": _maybe_ms,
        "answer": st.none() | st.sampled_from(ANSWERS),
        "removed_within": _maybe,
        "context_complete": _maybe,
    },
    "episode_ended": {
        "cause": st.sampled_from([*get_args(EndedBy), "inactivity", "expired"]),
        "eligible": st.booleans(),
        "outcome": st.none() | st.sampled_from(OUTCOMES),
        "safe": _maybe,
        "excluded": st.booleans(),
        "repeated": st.booleans(),
        "resolved": _maybe,
    },
    "episode_matured": {
        "outcome": st.sampled_from(FINALS),
        **dict.fromkeys(
            ("human", "claimed", "resolved", "returned", "first_contact", "qa_ai", "qa_human"),
            st.booleans(),
        ),
        "claimed_at": st.none() | _times,
        "query_type": st.none() | _names,
        "proven": st.booleans(),
    },
    "qa_evaluated": {
        "subject": st.sampled_from(["ai", "human"]),
        "evaluator": st.sampled_from(["human", "auto", "client"]),
        "passed": st.booleans(),
    },
    "csat_requested": {},
    "csat_received": {
        "subject": st.sampled_from(["ai", "human", "overall"]),
        "satisfied": st.booleans(),
    },
    "compliance_opened": {**_rule, "due_at": st.none() | _times},
    "compliance_overdue": _rule,
    "compliance_closed": {**_rule, "age_ms": _counts},
    "cost_recorded": {
        "component": st.sampled_from(["llm", "platform", "telephony", "human", "qa"]),
        "amount_micros": st.integers(-(10**14), 10**14),
        "currency": st.sampled_from(["USD", "SGD"]),
    },
    "resolution_disputed": {"party": st.sampled_from(["customer", "client"])},
}

_facts = st.sampled_from(FACT_KINDS).flatmap(
    lambda kind: st.builds(
        Fact,
        kind=st.just(kind),
        contract=st.just("telco-2026"),
        version=_ordinals,
        conversation=_names,
        life=_lives,
        episode=st.integers(0, 1000),
        ordinal=_ordinals,
        time=_times,
        channel=_channels,
        market=_markets,
        journey=_names,
        supplier=_names,
        prompt_version=_names,
        model=_names,
        knowledge_version=_names,
        detail=st.fixed_dictionaries(DETAILS[kind]),
        revision=st.integers(0, 9),
        late=st.booleans(),
        retracts=st.booleans(),
    )
)
_keys = st.lists(st.sampled_from(DIMENSIONS), unique=True).flatmap(
    lambda names: st.tuples(*(st.tuples(st.just(name), _names) for name in names))
)
_breaches = st.builds(
    BreachRecord,
    status=st.sampled_from(get_args(BreachStatus)),
    contract=st.just("telco-2026"),
    version=_ordinals,
    clause=st.just("chat-wait"),
    indicator=st.sampled_from(INDICATORS),
    severity=st.sampled_from(get_args(Severity)),
    key=_keys,
    opened_at=_times,
    time=_times,
    numerator=st.integers(-(10**15), 10**15),
    denominator=_counts,
    target_ppm=st.integers(0, 10**15),
    waiting=st.lists(
        st.builds(
            Waiting,
            t0=_times,
            conversation=_names,
            life=_lives,
            episode=_ordinals,
            ordinal=_ordinals,
        ),
        max_size=EVIDENCE_LIMIT,
    ).map(tuple),
)
_counters = (
    *("escalations", "overdue", "within", "missed", "clamped", "latency_ms"),
    *("eligible", "ineligible", "waiting", "safe", "matured"),
    *(f"{family}.{reason}" for family in ("failure", "first_failure") for reason in REASONS),
    *("repeated", "human", "claimed", "resolved", "returned", "first_contact"),
    *("resolved_closes", "unlinked"),
    *(
        f"{family}.{horizon}"
        for family in ("links", "returned", "returned_same")
        for horizon in ("24h", "72h", "7d")
    ),
    *("cost_micros", "cost.other_currency", "excluded.escalations", "excluded.episodes"),
    *(f"answer.{name}" for name in (*ANSWERS, "ended", "removed_within")),
    *("context.judged", "context.complete", "covered.ai", "covered.human"),
    *(f"response.{name}" for name in ("ai", "human", "ai_ms", "human_ms", "within", "missed")),
    *("qa.ai", "qa.human", "qa_passed.ai", "qa_passed.human"),
    *("csat.requested", "csat.received", "csat.satisfied"),
    *(f"compliance.{name}" for name in (*SEVERITIES, "closed", "overdue")),
    *(f"ended.{outcome}" for outcome in ENDED),
    *(f"outcome.{outcome}" for outcome in OUTCOMES),
    *(f"final.{outcome}" for outcome in FINALS),
)
_windows = st.builds(
    WindowValue,
    contract=st.just("telco-2026"),
    key=_keys,
    window=st.sampled_from([*WINDOW_LENGTHS_MS, *PERIODS]),
    end=st.integers(15_000_000, 60_000_000).map(lambda minutes: minutes * 60_000),
    counts=st.dictionaries(st.sampled_from(_counters), st.integers(1, 10**9)),
    open=_counts,
    oldest_t0=st.none() | _times,
    samples=_counts,
    latency_ms=st.fixed_dictionaries({f"p{percent}": _maybe_ms for percent in PERCENTS}),
    escalated_before=st.booleans(),
)


def problems(name: str, document: Any) -> list[str]:
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
        for error in STORE.validator(name).iter_errors(document)
    ]


def assert_declares_just(shape: Shape, document: dict[str, Any]) -> None:
    assert set(shape["properties"]) == set(document)
    assert set(shape["required"]) == set(document)


def test_there_is_a_schema_for_each_output_and_no_other() -> None:
    assert sorted(STORE.names("outputs")) == sorted(
        [
            *(f"outputs/fact.{kind}.json" for kind in FACT_KINDS),
            *(
                f"outputs/billing-{name}.json"
                for name in ("adjustment", "item", "period-closed", "preview")
            ),
            "outputs/audit-sample.json",
            "outputs/breach.json",
            "outputs/dead-letter-headers.json",
            "outputs/governance-record.json",
            "outputs/window.json",
        ]
    )


@given(fact=_facts)
def test_a_fact_is_valid_and_its_schema_declares_all_it_carries(fact: Fact) -> None:
    name = f"outputs/fact.{fact.kind}.json"
    document = json.loads(encode_fact(fact))
    assert problems(name, document) == []
    shape = STORE.shape(name)
    assert_declares_just(shape, document)
    assert_declares_just(shape["properties"]["data"], document["data"])


@given(fact=_facts)
def test_a_fact_is_valid_by_the_schema_of_its_own_kind_alone(fact: Fact) -> None:
    document = json.loads(encode_fact(fact))
    matching = [kind for kind in FACT_KINDS if not problems(f"outputs/fact.{kind}.json", document)]
    assert matching == [fact.kind]


@given(record=_breaches)
def test_a_breach_is_valid_and_its_schema_declares_all_it_carries(record: BreachRecord) -> None:
    document = json.loads(encode_breach(record))
    assert problems("outputs/breach.json", document) == []
    shape = STORE.shape("outputs/breach.json")
    assert_declares_just(shape, document)
    data = shape["properties"]["data"]
    assert_declares_just(data, document["data"])
    for waiting in document["data"]["waiting"]:
        assert_declares_just(data["properties"]["waiting"]["items"], waiting)


@given(value=_windows)
def test_a_window_value_is_valid_and_its_schema_declares_all_it_carries(
    value: WindowValue,
) -> None:
    document = json.loads(encode_window(value))
    assert problems("outputs/window.json", document) == []
    assert_declares_just(STORE.shape("outputs/window.json"), document)


@given(value=_windows)
def test_a_window_value_is_written_with_times_as_text_and_counts_in_order(
    value: WindowValue,
) -> None:
    document = json.loads(encode_window(value))
    assert document["key"] == dict(value.key)
    assert document["end"] == rfc3339(value.end)
    assert document["end"].endswith(":00.000Z")
    assert document["oldest_t0"] == (None if value.oldest_t0 is None else rfc3339(value.oldest_t0))
    assert list(document["counts"].items()) == sorted(value.counts.items())


def test_the_window_schema_has_the_types_of_its_class_but_for_key_and_times() -> None:
    schema = STORE.shape("outputs/window.json")["properties"]
    code = shape_of_class(WindowValue)["properties"]
    assert schema.pop("key")["type"] == ["object"]
    assert code.pop("key")["type"] == ["array"]
    assert schema["oldest_t0"].pop("format") == schema["end"].pop("format") == "date-time"
    assert schema.pop("end")["type"] == ["string"]
    assert code.pop("end")["type"] == ["integer"]
    assert schema.pop("oldest_t0")["type"] == ["null", "string"]
    assert code.pop("oldest_t0")["type"] == ["integer", "null"]
    assert {n: f["type"] for n, f in schema.items()} == {n: f["type"] for n, f in code.items()}


def test_the_window_schema_names_every_counter_and_no_other() -> None:
    counts = STORE.shape("outputs/window.json")["properties"]["counts"]
    named = set(counts["properties"])
    for pattern in counts["patternProperties"]:
        families, values = (
            part.strip("()").split("|") for part in pattern.strip("^$").split("\\.")
        )
        named |= {f"{family}.{value}" for family in families for value in values}
    assert named == set(_counters)


def test_closed_lists_are_those_of_the_code() -> None:
    def allowed(shape: Shape, name: str) -> set[Any]:
        return {json.loads(value) for value in shape["properties"][name]["enum"]}

    def fact_data(kind: str) -> Shape:
        found: Shape = STORE.shape(f"outputs/fact.{kind}.json")["properties"]["data"]
        return found

    breach = STORE.shape("outputs/breach.json")["properties"]["data"]
    window = STORE.shape("outputs/window.json")
    headers = STORE.shape("outputs/dead-letter-headers.json")
    assert allowed(fact_data("ai_failure"), "reason") == set(REASONS)
    assert allowed(fact_data("ai_failure"), "channel") == set(get_args(Channel))
    assert allowed(fact_data("escalation_ended"), "outcome") == set(ENDED)
    assert allowed(fact_data("episode_ended"), "outcome") == {*OUTCOMES, None}
    assert allowed(fact_data("episode_matured"), "outcome") == set(FINALS)
    causes = {*get_args(EndedBy), "inactivity", "expired"}
    assert allowed(fact_data("escalation_ended"), "answer") == {*ANSWERS, None}
    assert allowed(fact_data("compliance_opened"), "severity") == set(SEVERITIES)
    assert allowed(fact_data("episode_ended"), "cause") == causes
    assert allowed(breach, "indicator") == set(INDICATORS)
    assert allowed(breach, "severity") == set(get_args(Severity))
    assert allowed(window, "window") == {*WINDOW_LENGTHS_MS, *PERIODS}
    assert allowed(headers, "baton.error.code") == set(get_args(RejectionCode))
    assert set(breach["properties"]["key"]["propertyNames"]["enum"]) == {
        json.dumps(name) for name in DIMENSIONS
    }
    assert breach["properties"]["waiting"]["maxItems"] == EVIDENCE_LIMIT
    assert breach["properties"]["target_ppm"]["minimum"] == 0


def test_the_size_that_the_dead_letter_schema_names_is_the_decoder_s() -> None:
    codes = STORE.documents["outputs/dead-letter-headers.json"]["properties"]["baton.error.code"]
    assert f"more than {MAX_EVENT_BYTES:,} bytes" in codes["description"]
