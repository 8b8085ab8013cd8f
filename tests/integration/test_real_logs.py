"""Real logs through broker, worker and oracle, and the figures others measured on them.

Reference figures: ../shared/data/README.md. What a source cannot know must come out as unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest

from streams.contract_files import bundled_contract, load_contracts
from streams.kafka import topics
from streams.replay import ticked, timed
from streams.sources.registry import read_sorted
from tests.data.real_logs import FOLDER, OPTIONS
from tests.integration.conftest import Runs
from tests.stream_run import Log
from tests.stream_verdict import assert_published_as_judged

CONTRACT = bundled_contract("real-data")
# Past the contract's verification window, so that claims mature.
SETTLE_MS = 25 * 3_600_000


@contextmanager
def published(runs: Runs, source: str, file: str, settle_ms: int) -> Iterator[Facts]:
    """The facts of a real log's replay, after holding everything to the oracle."""
    path = FOLDER / file
    if not path.exists():
        pytest.skip(f"{path} is absent; set BATON_DATA to the folder of the real data")
    records, _ = read_sorted(source, path, OPTIONS, order="recorded")
    log = Log(tuple(ticked(timed(records), settle_ms=settle_ms)), load_contracts([CONTRACT]))
    with runs(log, flags=("--contract", str(CONTRACT))) as run:
        run.start_worker()
        run.replay()
        run.await_processed(within_s=180)
        assert_published_as_judged(log.verdict, run.records, repeated=False)
        yield Facts(orjson.loads(record.value) for record in run.records(topics.FACTS))


class Facts:
    """Published facts as their readers see them."""

    def __init__(self, events: Iterator[dict[str, Any]]) -> None:
        self._events = list(events)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The data of one kind, each with its conversation as `subject`."""
        wanted = f"baton.fact.{kind}"
        return [e["data"] | {"subject": e["subject"]} for e in self._events if e["type"] == wanted]

    def count(self, kind: str, field: str) -> Counter[Any]:
        """How often each value of a field occurs."""
        return Counter(data[field] for data in self.of(kind))


def rank(values: list[int], percent: int) -> int:
    """The order statistic at rank ceil(percent / 100 * n)."""
    return sorted(values)[-(-percent * len(values) // 100) - 1]


def test_bank_day_gives_the_measured_latencies_and_no_containment(runs: Runs) -> None:
    with published(runs, "acd", "bank_day/calls_one_day.csv", 600_000) as facts:
        assert facts.count("episode_ended", "cause") == {"human": 1511, "customer": 846}
        taken = [e for e in facts.of("escalation_ended") if e["outcome"] == "taken_over"]
        assert len(taken) == 1511
        latencies = [e["latency_ms"] for e in taken]
        assert (rank(latencies, 50), rank(latencies, 95)) == (94_000, 405_000)
        # Calls served wholly by the automated unit are not in the log.
        assert facts.count("episode_ended", "eligible") == {False: 2357}


def test_tau2_transfers_stay_open_for_nobody_joins(runs: Runs) -> None:
    with published(runs, "tau2", "tau2_airline/airline_run1.json", SETTLE_MS) as facts:
        opened = facts.of("escalation_opened")
        assert len({fact["subject"] for fact in opened}) == 24
        assert len(opened) - len(facts.of("escalation_ended")) == 23
        assert facts.count("ai_failure", "reason") == {"out_of_scope": 28, "tool_error": 12}
        assert facts.count("episode_matured", "outcome") == {
            "verified": 13,
            "void": 13,
            "abandoned": 1,
        }


def test_tau_bench_contained_is_not_verified(runs: Runs) -> None:
    with published(
        runs, "tau-bench", "taubench_airline/gpt-4o-airline.json.gz", SETTLE_MS
    ) as facts:
        assert len(facts.of("escalation_opened")) == 48
        assert facts.count("episode_ended", "outcome") == {"contained": 152}
        # 32.2 % of what a vendor would have called contained.
        assert facts.count("episode_matured", "outcome") == {"verified": 49, "void": 103}


def test_incident_log_of_25_000_tickets_equals_the_oracle(runs: Runs) -> None:
    with published(
        runs, "incidents", "servicenow_incidents/incident_event_log.zip", 600_000
    ) as facts:
        assert len({fact["subject"] for fact in facts.of("episode_ended")}) == 24_918
        # There is no AI in it, so nothing is eligible and containment is unknown.
        assert facts.count("episode_ended", "eligible").keys() == {False}


def test_zendesk_tables_give_the_bot_s_transfer_and_no_human_who_took_it(runs: Runs) -> None:
    with published(runs, "zendesk-tables", "zendesk", SETTLE_MS) as facts:
        (transfer,) = facts.of("escalation_opened")
        assert facts.count("escalation_ended", "outcome") == {"expired": 1}
        assert facts.of("escalation_ended")[0]["subject"] == transfer["subject"]
        # In each of its chats an AI speaks, in none a customer.
        assert facts.count("episode_ended", "eligible").keys() == {False}


def test_intercom_tables_say_of_two_conversations_that_a_customer_spoke_and_of_no_ai(
    runs: Runs,
) -> None:
    with published(runs, "intercom-tables", "intercom", SETTLE_MS) as facts:
        # The eight closings are of conversations of which nothing else is in the tables.
        assert facts.count("episode_ended", "cause") == {"inactivity": 2}
        assert facts.count("episode_ended", "eligible") == {False: 2}
        assert not facts.of("escalation_opened")


def test_a_rasa_tracker_in_which_nobody_spoke_is_an_episode_that_counts_nowhere(
    runs: Runs,
) -> None:
    with published(runs, "rasa", "rasa/initial_tracker.json", SETTLE_MS) as facts:
        assert facts.count("episode_ended", "cause") == {"inactivity": 1}
        assert facts.count("episode_ended", "eligible") == {False: 1}
