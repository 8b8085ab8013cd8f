"""What is wrong with a contract as a whole, each case in one place of a sound and full one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from streams.domain.commercial import ApprovalPoint, Band, ClauseCredit, CommercialTerms, Price
from streams.domain.contract import Exclusion, Terms
from streams.domain.contract_source import Problem, SourceDocument
from streams.domain.contract_terms import read_documents
from streams.domain.service_hours import ServiceHours

CONTRACT = """\
apiVersion: baton/v1
kind: ServiceContract
metadata: {name: care}
spec:
  version: 1
  effective: {from: "2026-01-01T00:00:00+08:00", to: "2027-01-01T00:00:00+08:00"}
  timeZone: Asia/Singapore
  scope:
    {channels: [voice, chat], markets: [SG], journeys: [billing], promptVersions: ["p-*"]}
  inactivity: 30m
  verificationWindow: 3d
  serviceHours:
    days: {mon: ["08:00-12:00", "13:00-24:00"], sun: ["00:00-24:00"]}
    holidays: ["2026-12-25"]
  handoff: {thresholds: {voice: 60s, chat: 120s}, clock: service, requiredContext: [issue]}
  answer: {thresholds: {voice: 20s}, shortAbandon: 3s}
  firstResponse: {thresholds: {chat: 15s}}
  exclusions:
    - {from: "2026-03-01T00:00:00+08:00", to: "2026-03-01T04:00:00+08:00", reason: release}
  qa: {passScore: "0.9"}
  csat: {satisfiedFrom: "0.5"}
  currency: SGD
  atRisk: {percentOfFees: "12.5", capPercent: "10"}
  fixedFee: {amount: "1000"}
  prices:
    - {unit: resolution, amount: "1.5", clientFormerCost: "3", providerCost: "1", agentShare: "20"}
    - {unit: resolution, amount: "2", channel: voice, journey: billing}
  reviews: {approvalPoints: [{journey: billing, action: waive a fee, approver: lead}]}
  serviceLevels:
    - sloRef: within
      weight: "60"
      expected: "0.9"
      credits: [{beyond: "0.95", percent: "25"}, {beyond: "0.9", percent: "100"}]
      earnBack: {meetTargetForPeriods: 2, percent: "50"}
    - {sloRef: recontact, weight: "40", credits: [{beyond: "0.1", percent: "100"}]}
    - {sloRef: exceptions, limit: "2.5"}
"""


def slo(name: str, side: str, source: str, target: float, window: str) -> str:
    """One SLO document."""
    return f"""\
apiVersion: openslo/v1
kind: SLO
metadata: {{name: {name}}}
spec:
  service: care
  indicator:
    metadata: {{name: {name}}}
    spec:
      ratioMetric:
        counter: true
        {side}: {{metricSource: {{type: baton, spec: {source}}}}}
  timeWindow: [{window}]
  budgetingMethod: Occurrences
  objectives: [{{target: {target}}}]
"""


MONTH = (
    "{duration: 1M, isRolling: false, calendar:"
    ' {startTime: "2026-01-01 00:00:00", timeZone: Asia/Singapore}}'
)
TEXTS = {
    "contract": CONTRACT,
    "within": slo(
        "within", "good", "{indicator: escalation_within, where: {channel: chat}}", 0.95, MONTH
    ),
    "recontact": slo("recontact", "bad", "{indicator: recontact}", 0.95, MONTH),
    "exceptions": slo("exceptions", "bad", "{indicator: compliance_exceptions}", 0.99, MONTH),
}
SOUND = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
_METRIC = "spec/indicator/spec/ratioMetric"
_GONE = object()


def read(documents: Mapping[str, Any]) -> tuple[list[Terms], list[Problem]]:
    """Terms and problems of these documents as one file."""
    return read_documents([[SourceDocument(name, one) for name, one in documents.items()]])


def damaged(path: str, value: Any) -> dict[str, Any]:
    """The sound documents with one value set, or taken out."""
    documents = copy.deepcopy(SOUND)
    *holders, last = path.split("/")
    holder: Any = documents
    for name in holders:
        holder = holder[int(name) if isinstance(holder, list) else name]
    if value is _GONE:
        del holder[last]
    else:
        holder[int(last) if isinstance(holder, list) else last] = value
    return documents


def test_everything_a_contract_says_is_in_its_terms() -> None:
    (terms,), problems = read(SOUND)
    assert [problem for problem in problems if problem.grade == "error"] == []
    day = ((480, 720), (780, 1440))
    assert terms.hours == ServiceHours(
        "Asia/Singapore", (day, (), (), (), (), (), ((0, 1440),)), frozenset(["2026-12-25"])
    )
    assert terms.service_clock
    assert terms.exclusions == (Exclusion(1_772_294_400_000, 1_772_308_800_000, "release"),)
    assert (terms.answer_ms, terms.short_abandon_ms) == ({"voice": 20_000}, 3_000)
    assert terms.first_response_ms == {"chat": 15_000}
    assert (terms.qa_pass_ppm, terms.csat_satisfied_ppm) == (900_000, 500_000)
    assert terms.scope["prompt_version"] == {"p-*"}
    assert [(c.id, c.target_ppm, c.window_ms, c.period) for c in terms.clauses] == [
        ("within", 950_000, 0, "1M"),
        ("recontact", 50_000, 0, "1M"),
        ("exceptions", 2_500_000, 0, "1M"),
    ]
    assert terms.commercial == CommercialTerms(
        currency="SGD",
        prices=(
            Price(
                1_500_000,
                client_former_micros=3_000_000,
                provider_micros=1_000_000,
                agent_ppm=200_000,
            ),
            Price(2_000_000, channel="voice", journey="billing"),
        ),
        fixed_fee_micros=1_000_000_000,
        at_risk_ppm=125_000,
        cap_ppm=100_000,
        credits=(
            ClauseCredit(
                "within",
                600_000,
                (Band(950_000, 250_000), Band(900_000, 1_000_000)),
                expected_ppm=900_000,
                earn_back_periods=2,
                earn_back_ppm=500_000,
            ),
            ClauseCredit("recontact", 400_000, (Band(100_000, 1_000_000),)),
        ),
        approvals=(ApprovalPoint("billing", "waive a fee", "lead"),),
    )


def test_what_is_left_out_stays_as_it_was_before_there_were_such_fields() -> None:
    contract = copy.deepcopy(SOUND["contract"])
    kept = ("version", "effective", "timeZone", "scope", "inactivity", "verificationWindow")
    contract["spec"] = {name: contract["spec"][name] for name in kept}
    contract["spec"] |= {"handoff": {"thresholds": {"chat": "60s"}}, "serviceLevels": []}
    (terms,), problems = read({"contract": contract})
    assert problems == []
    assert (terms.hours, terms.service_clock, terms.exclusions) == (None, False, ())
    assert (terms.answer_ms, terms.first_response_ms) == ({}, {})
    assert (terms.short_abandon_ms, terms.qa_pass_ppm, terms.csat_satisfied_ppm) == (
        5_000,
        800_000,
        750_000,
    )
    assert (terms.currency, terms.commercial) == ("USD", None)


_LEVEL = "contract/spec/serviceLevels"
_PRICE = "contract/spec/prices"
ERRORS: list[tuple[str, Any, str, str]] = [
    ("contract/spec/serviceHours", None, "spec.handoff.clock", "needs spec.serviceHours"),
    ("contract/spec/serviceHours/days", {}, "spec.serviceHours.days", "nothing is ever open"),
    (
        "contract/spec/serviceHours/days/mon",
        ["13:00-20:00", "08:00-12:00"],
        "spec.serviceHours.days.mon[1]",
        "08:00-12:00 begins before 13:00-20:00 ends",
    ),
    (
        "contract/spec/serviceHours/days/mon",
        ["22:00-06:00"],
        "spec.serviceHours.days.mon[0]",
        "ends before it begins; over midnight, split it in two",
    ),
    (
        "contract/spec/serviceHours/holidays",
        ["2026-02-29"],
        "spec.serviceHours.holidays[0]",
        "'2026-02-29' is no day that there is",
    ),
    (
        "contract/spec/exclusions/0/to",
        "2026-03-01T00:00:00+08:00",
        "spec.exclusions[0].to",
        "must be after `from`",
    ),
    ("contract/spec/currency", "SGX", "spec.currency", "no currency of ISO 4217"),
    ("contract/spec/currency", None, "spec.currency", "is required where there are amounts"),
    ("contract/spec/atRisk", None, "spec.atRisk", "credits need what they are taken from"),
    (f"{_LEVEL}/0/limit", "3", "spec.serviceLevels[0].limit", "only amounts have one"),
    (f"{_LEVEL}/2/limit", None, "spec.serviceLevels[2].limit", "needs a limit"),
    (f"{_LEVEL}/2/minimumVolume", 20, "spec.serviceLevels[2].minimumVolume", "never judged"),
    (f"{_LEVEL}/0/expected", "0.96", "spec.serviceLevels[0].expected", "better than the target"),
    (f"{_LEVEL}/1/expected", "0.04", "spec.serviceLevels[1].expected", "better than the target"),
    (f"{_LEVEL}/1/expected", "1.5", "spec.serviceLevels[1].expected", "a share is at most 1"),
    (f"{_LEVEL}/0/weight", None, "spec.serviceLevels[0].weight", "credits need the clause's"),
    (f"{_LEVEL}/0/weight", "59.9", "spec.serviceLevels", "are 99.9 % together"),
    (f"{_LEVEL}/0/credits/0/beyond", "0.96", "credits[0].beyond", "still within the target"),
    (f"{_LEVEL}/1/credits/0/beyond", "0.04", "credits[0].beyond", "still within the target"),
    (f"{_LEVEL}/0/credits/1/beyond", "0.95", "credits[1].beyond", "`beyond` must fall"),
    (f"{_LEVEL}/0/credits/1/percent", "25", "credits[1].percent", "`percent` must rise"),
    (f"{_LEVEL}/2/earnBack", {"meetTargetForPeriods": 1}, "earnBack", "nothing can be earned"),
    (f"{_PRICE}/1/channel", "email", "spec.prices[1].channel", "lists no channel 'email'"),
    (f"{_PRICE}/1/journey", "biling", "spec.prices[1].journey", "lists no journey 'biling'"),
    (
        f"{_PRICE}/1",
        {"unit": "resolution", "amount": "9"},
        "spec.prices[1]",
        "an earlier price is for the same resolutions",
    ),
    (
        "contract/spec/sampling",
        {"confidence": "49"},
        "spec.sampling.confidence",
        "from 50 to less than 100 per cent",
    ),
    ("contract/spec/sampling", {"confidence": "100"}, "confidence", "less than 100 per cent"),
    ("contract/spec/sampling", {"margin": "0"}, "spec.sampling.margin", "more than 0"),
    ("contract/spec/sampling", {"margin": "51"}, "spec.sampling.margin", "at most 50"),
    (
        "contract/spec/sampling",
        {"strata": ["channel", "market", "channel"]},
        "spec.sampling.strata[2]",
        "channel is named twice",
    ),
    (
        "contract/spec/reviews/approvalPoints/0/journey",
        "roaming",
        "spec.reviews.approvalPoints[0].journey",
        "lists no journey 'roaming'",
    ),
    (
        f"within/{_METRIC}/good/metricSource/spec/where",
        {"market": "PH"},
        "where.market",
        "lists no market 'PH'",
    ),
    (
        f"within/{_METRIC}/good/metricSource/spec/where",
        {"channel": "chat", "prompt_version": "q-1"},
        "where.prompt_version",
        "lists no prompt_version 'q-1'",
    ),
    (
        f"exceptions/{_METRIC}/bad/metricSource/spec/reason",
        "timeout",
        "spec.reason",
        "compliance_exceptions has no reason",
    ),
    (
        f"within/{_METRIC}/good/metricSource/spec/indicator",
        "escalation_wait",
        "spec.timeWindow[0]",
        "escalation_wait is judged at every moment",
    ),
    (
        "within/spec/timeWindow/0/calendar/startTime",
        "2026-01-02 00:00:00",
        "calendar.startTime",
        "begins at the midnight of a month's first day",
    ),
    (
        "within/spec/timeWindow/0/calendar/startTime",
        "2026-13-01 00:00:00",
        "calendar.startTime",
        "is no time that there is",
    ),
    (
        "within/spec/timeWindow/0/calendar/timeZone",
        "UTC",
        "calendar.timeZone",
        "is not the contract's time zone; give Asia/Singapore",
    ),
]


@pytest.mark.parametrize(("path", "value", "where", "says"), ERRORS)
def test_an_error_is_named_where_it_is_and_keeps_the_contract_from_being_used(
    path: str, value: Any, where: str, says: str
) -> None:
    terms, problems = read(damaged(path, value))
    assert terms == []
    found = [p for p in problems if p.grade == "error" and p.path.endswith(where)]
    assert any(says in problem.text for problem in found), problems


WARNINGS: list[tuple[str, Any, str]] = [
    ("contract/spec/answer/thresholds", {"email": "1h"}, "spec.scope.channels has no email"),
    ("contract/spec/firstResponse/thresholds", {"voice": "1h"}, "a call has no first response"),
    ("contract/spec/handoff/thresholds", {"voice": "60s"}, "escalation_within will always be unk"),
    ("contract/spec/serviceHours/holidays", ["2031-01-01"], "this version is not in force"),
    ("contract/spec/atRisk/capPercent", "20", "the cap is more than all that is at risk"),
    (f"{_PRICE}/0/amount", "3", "the client pays no less than its former cost"),
    (f"{_PRICE}/0/amount", "1", "the provider earns no more than its own cost"),
    ("within/spec/objectives/0/target", 1.0, "within allows no miss at all"),
]


@pytest.mark.parametrize(("path", "value", "says"), WARNINGS)
def test_a_warning_leaves_the_contract_as_it_is(path: str, value: Any, says: str) -> None:
    terms, problems = read(damaged(path, value))
    assert len(terms) == 1
    warned = [problem.text for problem in problems if problem.grade == "warning"]
    assert any(says in text for text in warned), warned


def test_a_target_that_no_stock_burn_rate_fits_is_noted() -> None:
    terms, problems = read(damaged("recontact/spec/objectives/0/target", 0.9))
    assert len(terms) == 1
    noted = [problem.text for problem in problems if problem.grade == "note"]
    assert any("a burn rate of 14.4 can never be seen" in text for text in noted), noted


def test_a_version_of_the_ai_may_be_any_that_a_pattern_of_the_scope_admits() -> None:
    where = {"channel": "chat", "prompt_version": "p-17"}
    terms, _ = read(damaged(f"within/{_METRIC}/good/metricSource/spec/where", where))
    assert len(terms) == 1


def test_an_exclusion_outside_the_versions_time_is_a_warning() -> None:
    documents = damaged("contract/spec/exclusions/0/from", "2025-01-01T00:00:00Z")
    documents["contract"]["spec"]["exclusions"][0]["to"] = "2025-01-02T00:00:00Z"
    _, problems = read(documents)
    assert "lies outside the time in which this version holds" in [p.text for p in problems]


def test_a_week_begins_on_a_monday_and_a_quarter_in_its_first_month() -> None:
    for duration, good, bad in (
        ("1d", "2026-01-02", None),
        ("1w", "2026-01-05", "2026-01-06"),
        ("1Q", "2026-07-01", "2026-08-01"),
    ):
        for start in filter(None, (good, bad)):
            documents = damaged("within/spec/timeWindow/0/duration", duration)
            calendar = documents["within"]["spec"]["timeWindow"][0]["calendar"]
            calendar["startTime"] = f"{start} 00:00:00"
            terms, _ = read(documents)
            assert bool(terms) == (start == good)


def test_an_slo_with_an_error_of_its_own_is_not_said_to_be_missing() -> None:
    _, problems = read(damaged("within/spec/service", _GONE))
    assert [p.path for p in problems if p.grade == "error"] == ["spec.service"]
