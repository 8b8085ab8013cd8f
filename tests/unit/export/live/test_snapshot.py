"""What a snapshot holds: how many and how old, of what this worker owns; never who."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from streams.domain.contract import ContractBook
from streams.export.billing_metrics import BillingFigures
from streams.export.live.snapshot import MOST_AGES, Snapshots
from streams.export.live.view import encode_page, page_of
from streams.export.telemetry import CLOSED_BREACHES, Telemetry
from tests.log_builder import T, failure, human_message, requested
from tests.unit.export.live.looked_at import (
    READY,
    page_after,
    rows,
    snapshot_after,
    snapshot_of,
    texts,
)
from tests.unit.export.test_collector import counted, read
from tests.unit.oracle.verdicts import BOOK, TERMS


def waits(name: str, since: float, channel: str = "chat") -> list[bytes]:
    return [
        failure(name, T(since), "human_requested", channel=channel),
        requested(name, T(since + 1), channel=channel),
    ]


def test_those_that_wait_are_counted_by_channel_with_their_ages_oldest_first() -> None:
    log = [*waits("a", 60), *waits("b", 0), *waits("c", 100, "voice")]
    found = {queue.key: queue for queue in snapshot_after(*log, until=T(170)).queues}
    chat, voice = found[(("channel", "chat"),)], found[(("channel", "voice"),)]
    assert (chat.waiting, chat.overdue, chat.since) == (2, 1, (T(0), T(60)))
    assert (voice.waiting, voice.overdue, voice.threshold_ms) == (1, 1, 60_000)


def test_ages_are_listed_up_to_a_bound_and_counted_beyond_it() -> None:
    log = [event for number in range(MOST_AGES + 5) for event in waits(f"c{number}", 0)]
    queue = snapshot_after(*log, until=T(60)).queues[0]
    assert (queue.waiting, len(queue.since)) == (MOST_AGES + 5, MOST_AGES)


def test_a_contract_that_does_not_publish_channels_is_shown_whole() -> None:
    book = ContractBook([replace(TERMS, clauses=(), groupings=((),))])
    (queue,) = snapshot_after(*waits("a", 0), until=T(60), book=book).queues
    assert (queue.key, queue.waiting, queue.threshold_ms) == ((), 1, None)


def test_a_breach_has_its_evidence_s_count_and_age_and_not_its_conversations() -> None:
    log = [*waits("conv-secret-1", 0), *waits("conv-secret-2", 5)]
    snapshot = snapshot_after(*log, until=T(400))
    (breach,) = [one for one in snapshot.breaches if one.indicator == "escalation_wait"]
    assert (breach.numerator, breach.oldest_t0) == (2, T(0))
    said = msgspec.json.encode(snapshot) + encode_page(page_of(snapshot))
    assert b"conv-secret" not in said


def test_closed_breaches_are_kept_newest_first_up_to_a_bound() -> None:
    log: list[bytes] = []
    for number in range(CLOSED_BREACHES + 3):
        log += waits(f"c{number}", 600 * number)
        log.append(human_message(f"c{number}", T(600 * number + 300)))
    closed = snapshot_after(*log, until=T(600 * (CLOSED_BREACHES + 4))).closed_breaches
    assert len(closed) == CLOSED_BREACHES
    times = [one.changed_at for one in closed]
    assert times == sorted(times, reverse=True)


def test_the_clock_is_that_of_the_slowest_partition() -> None:
    telemetry = counted(*waits("a", 0), until=T(400))
    read(telemetry, *waits("b", 0, "voice"), until=T(300), partition=1)
    snapshot = snapshot_of(telemetry, partitions=4)
    assert snapshot.clock == T(300)
    assert (snapshot.partitions, snapshot.partitions_of_all) == ((0, 1), 4)
    scope = page_of(snapshot).fields["scope"].t
    assert scope.startswith("This worker: 2 of 4 partitions (0, 1)")
    assert "other workers" in scope


def test_a_worker_that_holds_every_partition_speaks_of_no_other() -> None:
    scope = page_after(*waits("a", 0), until=T(60)).fields["scope"].t
    assert scope == "This worker: 1 of 1 partitions (0)"


def test_before_the_first_tick_everything_is_unknown_and_nothing_is_kept() -> None:
    page = page_of(snapshot_of(Telemetry(BOOK)))
    assert page.clock is None
    assert page.fields["n-breaches"].s == "unknown"
    assert {row.state for row in page.tables["clauses"].rows} == {"unknown"}
    assert page.tables["waiting"].note


def test_a_partition_that_has_left_is_not_shown() -> None:
    telemetry = counted(*waits("a", 0), until=T(400))
    assert page_of(snapshot_of(telemetry)).breaches
    telemetry.windows_forgotten()
    page = page_of(snapshot_of(telemetry))
    assert page.breaches == {}
    assert page.tables["waiting"].rows == []


@pytest.mark.parametrize(
    ("ready", "state", "said"),
    [
        (READY, "kept", "ready"),
        ((False, "joining the group or recovering state from changelogs"), "watch", "joining"),
        ((False, "crashed"), "breach", "crashed"),
    ],
)
def test_a_worker_that_recovers_or_crashed_says_so(
    ready: tuple[bool, str], state: str, said: str
) -> None:
    telemetry = Telemetry(BOOK)
    snapshots = Snapshots(telemetry, BOOK, 1)
    page = page_of(snapshots.take(lags={("events", 0): 7, ("events", 1): 5}, ready=ready))
    found = rows(page, "pipeline")
    assert found["State"].cells[1].s == state
    assert said in found["State"].cells[1].t
    assert texts(found["Records not yet delivered"])[1] == "12"


def test_what_went_wrong_is_counted() -> None:
    telemetry = counted(until=T(0))
    telemetry.dead_letter("lifecycle", "malformed_json")
    telemetry.dead_letter("windows", "malformed_json")
    telemetry.webhook_delivery("failed")
    telemetry.recovered(2.5, 10)
    found = rows(page_of(snapshot_of(telemetry)), "pipeline")
    assert (found["Dead letters"].cells[1].t, found["Dead letters"].cells[1].n) == (
        "2",
        "malformed_json 2",
    )
    assert found["Webhook"].cells[1].t == "1 failed"
    assert found["Recoveries"].cells[1].n == "last took 2.5 s"


def test_with_several_contracts_each_row_says_whose_it_is() -> None:
    other = replace(TERMS, contract="bank-2026")
    book = ContractBook([TERMS, other])
    page = page_after(*waits("a", 0), until=T(400), book=book)
    assert page.fields["contracts"].t == "bank-2026, telco-2026"
    places = {texts(row)[2] for row in page.tables["clauses"].rows}
    assert "telco-2026 / chat" in places


def test_equal_figures_give_equal_bytes() -> None:
    def page() -> bytes:
        return encode_page(page_after(*waits("a", 0), *waits("b", 3), until=T(400)))

    assert page() == page()


def test_ages_are_of_the_event_clock() -> None:
    def oldest(until: int) -> Any:
        page = page_after(*waits("a", 0), until=until)
        return page.fields["n-oldest"]

    assert (oldest(T(59)).t, oldest(T(59)).a) == ("59 s", T(0))
    assert oldest(T(3600 * 3 + 60)).t == "3 h 01 m"


def told(**figures: Any) -> Telemetry:
    """A worker whose ledger tells these figures."""
    telemetry = Telemetry(BOOK)
    telemetry.billing = lambda: {TERMS.contract: BillingFigures(**figures)}  # type: ignore[method-assign]
    return telemetry


def test_money_is_shown_by_contract_with_the_clauses_that_cost_most() -> None:
    telemetry = told(
        period={"open": 135_849_999, "grace": 90_000_000},
        preview=3_760_000,
        at_risk={f"clause-{number}": number * 1_000_000 for number in range(8)},
    )
    page = page_of(snapshot_of(telemetry))
    found = rows(page, "money")
    currency = TERMS.currency
    contract = found[TERMS.contract]
    assert texts(contract)[1:] == [
        f"{currency} 135.84", f"{currency} 3.76", f"{currency} 28.00"
    ]  # fmt: skip
    assert contract.cells[1].n == f"{currency} 90.00 in grace"
    assert [key.partition("|")[2] for key in list(found)[1:]] == [
        f"clause-{number}" for number in (7, 6, 5, 4, 3)
    ]


def test_without_a_ledger_the_page_says_so_and_nothing_is_zero() -> None:
    assert page_of(snapshot_of(Telemetry(BOOK))).tables["money"].rows == []
    telemetry = told()
    (row,) = page_of(snapshot_of(telemetry)).tables["money"].rows
    assert texts(row)[1:] == ["\N{EN DASH}"] * 3
