"""schemas/contract.schema.json takes the contract documents that terms_from_documents takes."""

from __future__ import annotations

import copy
from datetime import date, datetime
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.contract import ContractError
from streams.domain.contract_clauses import check_slo
from streams.domain.contract_document import ServiceContract, Slo
from streams.domain.contract_shape import converted
from streams.domain.contract_source import Findings, SourceDocument
from streams.domain.contract_terms import terms_from_documents
from tests.unit.schemas.schema_shape import differences, shape_of_class
from tests.unit.schemas.schema_store import SCHEMAS, Document, SchemaStore

NAME = "contract.schema.json"
STORE = SchemaStore.load(SCHEMAS)
CONTRACT, WITHIN, TOOL_ERRORS, EXCEPTIONS = STORE.documents[NAME]["examples"]
DEPLOYED = sorted((SCHEMAS.parent / "deploy" / "contracts").glob("*.yaml"))

# Where the schema says more than the classes do, because the code checks it after them.
_SPEC = "$.properties.spec.properties"
BEYOND_SERVICE_CONTRACT = [
    f"{_SPEC}.answer.properties.thresholds.propertyNames",
    f"{_SPEC}.firstResponse.properties.thresholds.propertyNames",
    f"{_SPEC}.handoff.properties.thresholds.propertyNames",
    f"{_SPEC}.retention.properties.days.propertyNames",
    f"{_SPEC}.retention.properties.markets.additionalProperties.propertyNames",
    f"{_SPEC}.serviceHours.properties.days.propertyNames",
]
_METRIC = f"{_SPEC}.indicator.properties.spec.properties.ratioMetric"
BEYOND_SLO = [
    *(
        f"{_METRIC}.properties.{side}.properties.metricSource.properties.spec"
        ".properties.where.propertyNames"
        for side in ("bad", "good", "total")
    ),
    f"{_METRIC}.oneOf",
    f"{_SPEC}.objectives.prefixItems.0.properties.target.maximum",
    f"{_SPEC}.objectives.prefixItems.0.properties.target.minimum",
    f"{_SPEC}.timeWindow.prefixItems.0.oneOf",
]


@pytest.mark.parametrize(
    ("part", "cls", "beyond"),
    [("ServiceContract", ServiceContract, BEYOND_SERVICE_CONTRACT), ("SLO", Slo, BEYOND_SLO)],
)
def test_schema_and_class_have_the_same_fields_and_limits(
    part: str, cls: type, beyond: list[str]
) -> None:
    found = differences(STORE.shape(NAME, f"/$defs/{part}"), shape_of_class(cls))
    assert [line.partition(": ")[0] for line in found] == sorted(beyond)
    assert all(line.endswith("code has no such thing") for line in found)


@pytest.mark.parametrize("file", DEPLOYED, ids=lambda file: file.name)
def test_deployed_contracts_are_valid(file: Any) -> None:
    documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    assert documents
    for document in documents:
        assert schema_problems(_as_json(document)) == []


def test_there_is_a_deployed_contract() -> None:
    assert DEPLOYED


def _as_json(value: Any) -> Any:
    """What a YAML document says in JSON's terms: YAML has times, JSON has text."""
    if isinstance(value, datetime):
        # Baton reads times as text; a calendar's start is one without an offset.
        return value.isoformat("T" if value.tzinfo else " ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _as_json(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_as_json(one) for one in value]
    return value


def schema_problems(document: Any) -> list[str]:
    return [error.message for error in STORE.validator(NAME).iter_errors(document)]


def set_of_documents() -> dict[str, Document]:
    """A contract and both its SLOs, all of them read by terms_from_documents."""
    contract = copy.deepcopy(CONTRACT)
    contract["spec"]["serviceLevels"] += [
        {"sloRef": "ai-tool-errors"},
        {"sloRef": "exceptions", "limit": "25"},
    ]
    return {
        "contract": contract,
        "within": copy.deepcopy(WITHIN),
        "tool_errors": copy.deepcopy(TOOL_ERRORS),
        "exceptions": copy.deepcopy(EXCEPTIONS),
    }


def code_accepts(documents: dict[str, Document]) -> bool:
    try:
        terms_from_documents(
            [SourceDocument(name, document) for name, document in documents.items()]
        )
    except ContractError:
        return False
    return True


def has_the_shape(documents: dict[str, Document]) -> bool:
    """Whether each document taken by itself is what its class and the code say of one document."""
    findings = Findings()
    for name, content in documents.items():
        document = SourceDocument(name, content)
        if content.get("kind") == "ServiceContract":
            converted(document, ServiceContract, findings)
        elif content.get("kind") == "SLO":
            slo = converted(document, Slo, findings)
            if slo is not None:
                check_slo(document, slo, findings)
        else:
            return False
    return not findings.errors


def schema_accepts(documents: dict[str, Document]) -> bool:
    return not any(schema_problems(document) for document in documents.values())


def put(documents: dict[str, Document], path: str, value: Any) -> None:
    *holders, last = path.split("/")
    holder: Any = documents
    for name in holders:
        holder = holder[int(name) if isinstance(holder, list) else name]
    holder[int(last) if isinstance(holder, list) else last] = value


def test_schema_and_code_accept_the_examples() -> None:
    assert schema_accepts(set_of_documents())
    assert code_accepts(set_of_documents())


_RATIO = "/spec/indicator/spec/ratioMetric"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("contract/kind", "Contract"),
        ("contract/apiVersion", "baton/v2"),
        ("contract/metadata/name", "Telco 2026"),
        ("contract/metadata/owner", "me"),
        ("contract/spec/version", 0),
        ("contract/spec/version", "1"),
        ("contract/spec/effective/from", "2026-01-01T00:00:00"),
        ("contract/spec/effective/to", "2027-01-01T00:00:00"),
        ("contract/spec/effective", {}),
        ("contract/spec/inactivity", "2 hours"),
        ("contract/spec/inactivity", "0s"),
        ("contract/spec/scope/channels", ["fax"]),
        ("contract/spec/scope/markets", [False]),
        ("contract/spec/handoff/thresholds", {"fax": "60s"}),
        ("contract/spec/handoff/thresholds", {"voice": 60}),
        ("contract/spec/rollUps", [["queue"]]),
        ("contract/spec/scope/markets", ["sg"]),
        ("contract/spec/scope/promptVersions", ["care prompt"]),
        ("contract/spec/scope/models", ["gpt-[45]"]),
        ("contract/spec/handoff/clock", "business"),
        ("contract/spec/serviceHours/days", {"monday": ["08:00-20:00"]}),
        ("contract/spec/serviceHours/days", {"mon": ["8-20"]}),
        ("contract/spec/serviceHours/holidays", ["25.12.2026"]),
        ("contract/spec/exclusions/0/from", "2026-03-14T22:00:00"),
        ("contract/spec/exclusions/0/reason", ""),
        ("contract/spec/answer/thresholds", {"fax": "20s"}),
        ("contract/spec/answer/shortAbandon", "5"),
        ("contract/spec/firstResponse", {}),
        ("contract/spec/qa/passScore", 0.8),
        ("contract/spec/csat/satisfiedFrom", "75"),
        ("contract/spec/currency", "sgd"),
        ("contract/spec/atRisk/percentOfFees", "101"),
        ("contract/spec/atRisk/capPercent", 10),
        ("contract/spec/prices/0/unit", "contact"),
        ("contract/spec/prices/0/amount", 1.2),
        ("contract/spec/prices/0/amount", "-1"),
        ("contract/spec/prices/0/agentShare", "20 %"),
        ("contract/spec/fixedFee/per", "year"),
        ("contract/spec/reviews/approvalPoints/0/approver", None),
        ("contract/spec/sampling/confidence", 95),
        ("contract/spec/sampling/minimumPerStratum", 0),
        ("contract/spec/sampling/allocation", "neyman"),
        ("contract/spec/sampling/strata", ["agent"]),
        ("contract/spec/serviceLevels/0/limit", 25),
        ("contract/spec/serviceLevels/0/weight", "40%"),
        ("contract/spec/serviceLevels/0/credits/0", {"beyond": "0.8"}),
        ("contract/spec/serviceLevels/0/earnBack/meetTargetForPeriods", 13),
        ("contract/spec/serviceLevels/0/hysteresis", 0.01),
        ("contract/spec/serviceLevels/0/hysteresis", "1.5"),
        ("contract/spec/serviceLevels/0/minimumVolume", 0),
        ("contract/spec/serviceLevels/0/severity", "mail"),
        ("within/spec/objectives/0/target", 1.5),
        ("within/spec/objectives/0/target", -0.1),
        ("within/spec/objectives", []),
        ("within/spec/objectives", [{"target": 0.8}, {"target": 0.9}]),
        ("within/spec/timeWindow/0/duration", "2h"),
        ("within/spec/timeWindow/0/isRolling", False),
        ("within/spec/budgetingMethod", "Timeslices"),
        (f"within{_RATIO}/good", None),
        (f"within{_RATIO}/bad", TOOL_ERRORS["spec"]["indicator"]["spec"]["ratioMetric"]["bad"]),
        (f"within{_RATIO}/good/metricSource/type", "prometheus"),
        (f"within{_RATIO}/good/metricSource/spec/indicator", "failure_share"),
        (f"within{_RATIO}/good/metricSource/spec/reason", "timeout"),
        (f"within{_RATIO}/good/metricSource/spec/where", {"queue": "a"}),
        ("exceptions/spec/timeWindow/0/duration", "24h"),
        ("exceptions/spec/timeWindow/0/isRolling", True),
        ("exceptions/spec/timeWindow/0/calendar", None),
        ("exceptions/spec/timeWindow/0/calendar/startTime", "2026-01-01"),
        (f"tool_errors{_RATIO}/bad/metricSource/spec/reason", None),
        (f"tool_errors{_RATIO}/bad/metricSource/spec/reason", "bad_mood"),
        (f"tool_errors{_RATIO}/bad/metricSource/spec/indicator", "escalation_within"),
    ],
)
def test_both_refuse_what_is_wrong_in_one_place(path: str, value: Any) -> None:
    documents = set_of_documents()
    put(documents, path, value)
    assert not schema_accepts(documents)
    assert not code_accepts(documents)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("contract/spec/timeZone", "Mars/Olympus"),
        ("contract/spec/serviceLevels/0/sloRef", "no-such-slo"),
        ("within/spec/objectives/0/target", 0.1234567),
        ("contract/spec/currency", "SGX"),
        ("contract/spec/serviceHours/days", {"mon": ["20:00-08:00"]}),
        ("contract/spec/serviceHours/days", {"mon": ["08:00-12:00", "11:00-20:00"]}),
        ("contract/spec/serviceHours/holidays", ["2026-02-30"]),
        ("contract/spec/exclusions/0/to", "2026-03-14T22:00:00+08:00"),
        ("contract/spec/prices/0/journey", "roaming"),
        ("contract/spec/reviews/approvalPoints/0/journey", "roaming"),
        ("contract/spec/sampling/confidence", "100"),
        ("contract/spec/sampling/margin", "0"),
        ("contract/spec/sampling/strata", ["channel", "channel"]),
        ("contract/spec/serviceLevels/0/weight", "60"),
        ("contract/spec/serviceLevels/0/limit", "25"),
        ("contract/spec/serviceLevels/2/limit", None),
        ("contract/spec/serviceLevels/0/expected", "0.85"),
        ("contract/spec/serviceLevels/0/credits/0/beyond", "0.85"),
        ("contract/spec/serviceLevels/0/credits/1/beyond", "0.8"),
        ("contract/spec/serviceLevels/0/credits/1/percent", "25"),
        ("exceptions/spec/timeWindow/0/calendar/startTime", "2026-01-02 00:00:00"),
        ("exceptions/spec/timeWindow/0/calendar/timeZone", "Asia/Manila"),
        (f"within{_RATIO}/good/metricSource/spec/where", {"market": "PH"}),
    ],
)
def test_what_needs_more_than_one_document_or_a_table_is_left_to_the_code(
    path: str, value: Any
) -> None:
    documents = set_of_documents()
    put(documents, path, value)
    assert schema_accepts(documents)
    assert not code_accepts(documents)


def _places(value: Any, path: str) -> list[str]:
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    found = [path]
    for key, child in children:
        found += _places(child, f"{path}/{key}")
    return found


# Decimals of a number, and when a month begins, are more than a schema can say.
_BEYOND_A_SCHEMA = ("/target", "/startTime")
PLACES = [
    place
    for name, document in set_of_documents().items()
    for place in _places(document, name)
    if "/" in place and not place.endswith(_BEYOND_A_SCHEMA)
]
_junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 3),
    st.floats(0.1, 0.9),
    st.sampled_from(["", "60s", "1d", "chat", "voice", "market", "timeout", "0.5", "page", "1h"]),
    st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T00:00:00", "failure_share"]),
    st.lists(st.sampled_from(["chat", "market", 1, None]), max_size=2),
    st.dictionaries(st.sampled_from(["chat", "market", "name"]), st.sampled_from(["60s", 1])),
)


@settings(max_examples=600, deadline=None)
@given(place=st.sampled_from(PLACES), value=_junk)
def test_both_agree_on_documents_damaged_at_random(place: str, value: Any) -> None:
    documents = set_of_documents()
    put(documents, place, value)
    assert schema_accepts(documents) == has_the_shape(documents)
    if code_accepts(documents):
        assert schema_accepts(documents)
