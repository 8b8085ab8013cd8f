"""The synthetic day says something of every indicator, in shares that a centre could have."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

import pytest

from streams.domain.contract import INDICATORS, ContractBook
from streams.domain.events import (
    AiFailureSignalled,
    AiTurn,
    ComplianceException,
    ConfigChanged,
    CostRecorded,
    Event,
    MessageSent,
    QaEvaluated,
    epoch_ms,
)
from streams.domain.memory import DAY_MS
from streams.domain.wire import FUTURE_TOLERANCE_MS, Rejection, decode_event
from streams.oracle.indicators import ratio_of
from streams.oracle.judge import Verdict, judge
from streams.replay import ticked, timed
from streams.sources.synthetic import SyntheticDay, generate
from tests.unit.oracle.verdicts import TERMS

DAY = SyntheticDay(interactions=3_000)
RATIOS = [indicator for indicator in INDICATORS if indicator != "escalation_wait"]
BOOK = ContractBook(
    [
        replace(
            TERMS,
            groupings=((), ("prompt_version",), ("model",)),
            scope={
                **TERMS.scope,
                "prompt_version": frozenset({"p-*"}),
                "model": frozenset({"m-*"}),
            },
            answer_ms={"voice": 45_000, "chat": 90_000},
            first_response_ms={"chat": 20_000, "messaging": 60_000, "email": 14_400_000},
            currency="SGD",
            clauses=(),
        )
    ]
)


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return list(generate(DAY))


@pytest.fixture(scope="module")
def events(lines: list[bytes]) -> list[Event]:
    """Every usable event once, by time."""
    found: dict[tuple[str, str], Event] = {}
    for line in lines:
        try:
            event = decode_event(line, {DAY.contract})
        except Rejection:
            continue
        assert event.recordedtime is not None
        if epoch_ms(event.time) <= epoch_ms(event.recordedtime) + FUTURE_TOLERANCE_MS:
            found.setdefault((event.source, event.id), event)
    return sorted(found.values(), key=lambda event: event.time)


@pytest.fixture(scope="module")
def verdict(lines: list[bytes]) -> Verdict:
    return judge(ticked(timed(lines)), BOOK, lateness_ms=30_000)


def counted(verdict: Verdict, **key: str) -> dict[str, int]:
    """The counters of a key's last 24 hours."""
    wanted = tuple(key.items())
    (found,) = [w.counts for w in verdict.windows if w.key == wanted and w.window == "24h"]
    return found


@pytest.fixture(scope="module")
def days_later(lines: list[bytes]) -> dict[str, Verdict]:
    """The same day judged when what may come back within a horizon has come."""
    items = list(ticked(timed(lines)))
    last = max(item for item in items if isinstance(item, int))
    return {
        horizon: judge([*items, last + days * DAY_MS], BOOK, lateness_ms=30_000)
        for horizon, days in (("72h", 3), ("7d", 7))
    }


@pytest.mark.parametrize("indicator", RATIOS)
def test_every_indicator_is_known_of_a_day_and_none_is_trivial(
    verdict: Verdict, days_later: dict[str, Verdict], indicator: str
) -> None:
    verdict = days_later.get(indicator.rpartition("_")[2], verdict)
    good, total = ratio_of(counted(verdict), indicator, "tool_error")  # type: ignore[arg-type]
    assert total > 0
    assert good > 0
    if indicator not in ("compliance_exceptions", "cost_per_verified"):
        assert good < total


def test_a_contact_takes_about_twenty_records(lines: list[bytes]) -> None:
    assert 19 < len(lines) / DAY.interactions < 22


def test_the_ai_says_with_what_it_was_made_and_a_contact_keeps_it(events: list[Event]) -> None:
    made: dict[str, set[tuple[str | None, ...]]] = defaultdict(set)
    for event in events:
        if isinstance(event, AiTurn | AiFailureSignalled):
            data = event.data
            versions = (data.prompt_version, data.model, data.knowledge_version)
            assert None not in versions
            made[data.conversation_id].add(versions)
    assert all(len(versions) == 1 for versions in made.values())
    seen = {one for versions in made.values() for one in versions}
    assert {model for _, model, _ in seen} == {"m-3", "m-4"}
    assert {knowledge for _, _, knowledge in seen} == {"kb-40", "kb-41"}


def test_every_version_that_serves_was_announced_or_there_before(events: list[Event]) -> None:
    changes = [e.data for e in events if isinstance(e, ConfigChanged)]
    assert {change.object for change in changes} == {"prompt", "model", "knowledge"}
    known = {change.from_version for change in changes} | {c.to_version for c in changes}
    for event in events:
        if isinstance(event, AiTurn):
            data = event.data
            assert {data.prompt_version, data.model, data.knowledge_version} <= known


def test_the_prompt_released_in_the_afternoon_fails_more_often_and_the_model_on_trial_does_not(
    verdict: Verdict,
) -> None:
    def failing(**key: str) -> float:
        counts = counted(verdict, **key)
        failures = sum(n for name, n in counts.items() if name.startswith("failure."))
        return failures / counts["eligible"]

    assert failing(prompt_version="p-18") > 2 * failing(prompt_version="p-17")
    assert 0.5 < failing(model="m-4") / failing(model="m-3") < 1.5


def test_ai_and_human_are_both_evaluated_and_only_what_was_final_is_deleted(
    events: list[Event],
) -> None:
    told: dict[str, list[str]] = defaultdict(list)
    subjects: Counter[str] = Counter()
    for event in events:
        if isinstance(event, QaEvaluated):
            told[event.data.evaluation_id].append(event.data.status)
            subjects[event.data.subject] += 1
    assert min(subjects["ai"], subjects["human"]) > 10
    order = ("draft", "final", "deleted")
    for statuses in told.values():
        assert statuses == sorted(set(statuses), key=order.index)
        assert "deleted" not in statuses or "final" in statuses
    assert {status for statuses in told.values() for status in statuses} == set(order)


def test_exceptions_have_a_due_date_after_they_are_found(events: list[Event]) -> None:
    found = [e for e in events if isinstance(e, ComplianceException)]
    assert found
    for event in found:
        assert event.data.due_at is not None
        assert event.data.due_at > event.time


def test_costs_are_billed_in_one_currency_but_for_one_carrier_and_some_are_taken_back(
    events: list[Event],
) -> None:
    costs = [e.data for e in events if isinstance(e, CostRecorded)]
    assert {c.component for c in costs} == {"llm", "telephony", "human"}
    assert {c.currency for c in costs if c.component != "telephony"} == {"SGD"}
    assert {c.currency for c in costs} == {"SGD", "PHP"}
    back = [c for c in costs if c.amount_micros < 0]
    assert 0 < len(back) < len(costs) // 100


def test_most_first_messages_are_answered_at_once_and_a_few_much_later(
    verdict: Verdict, events: list[Event]
) -> None:
    within, judged = ratio_of(counted(verdict), "first_response_within")
    assert 0.97 < within / judged < 1
    authors = Counter(e.data.author for e in events if isinstance(e, MessageSent))
    assert min(authors["customer"], authors["ai"], authors["human"]) > 1_000
