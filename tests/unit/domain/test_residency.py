"""Which events a worker of certain markets takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.domain.contract import ContractBook
from streams.domain.residency import Residency
from streams.domain.wire import Rejection, decode_event
from streams.kafka import topics
from streams.settings import Settings
from tests.bare_worker import BareWorker
from tests.log_builder import T, customer_message, erasure_requested
from tests.unit.oracle.verdicts import BOOK, TERMS

ONE_MARKET = ContractBook([replace(TERMS, scope={**TERMS.scope, "market": frozenset({"SG"})})])
ANY_MARKET = ContractBook([replace(TERMS, scope={})])


def taken(residency: Residency, market: str | None) -> bool:
    try:
        residency.check(decode_event(customer_message("c1", T(0), market=market), BOOK))
    except Rejection:
        return False
    return True


def test_an_event_of_one_of_its_markets_is_taken_and_no_other() -> None:
    residency = Residency(["SG", "MY"], BOOK)
    assert [taken(residency, market) for market in ("SG", "MY", "PH", "DE")] == [
        *(True, True, False, False)
    ]


@pytest.mark.parametrize(
    ("book", "markets", "expected"),
    [
        (BOOK, ["SG"], False),
        (BOOK, ["SG", "MY", "PH"], True),
        (ONE_MARKET, ["SG"], True),
        (ONE_MARKET, ["MY"], False),
        (ANY_MARKET, ["SG"], False),
    ],
)
def test_one_that_states_no_market_is_taken_where_its_contract_has_no_other(
    book: ContractBook, markets: list[str], expected: bool
) -> None:
    assert taken(Residency(markets, book), None) is expected


def test_a_worker_counts_what_it_refuses_and_remembers_none_of_it() -> None:
    worker = BareWorker(BOOK, settings={"market": ["SG"]})
    log = [customer_message("c1", T(0), market="MY"), customer_message("c2", T(0), market="SG")]
    worker.read([*log, erasure_requested("k1", T(1)), T(60)])
    letters = worker.outbox.records[topics.DEAD_LETTERS]
    assert [letter.value for letter in letters] == log[:1]
    assert worker.telemetry.dead_letters == {("lifecycle", "foreign_market"): 1}
    assert not any(b"c1" in key for table in worker.interaction_tables() for key in table)


def test_markets_come_from_the_environment_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_MARKET", "SG, MY")
    assert Settings().market == ["SG", "MY"]
    monkeypatch.setenv("BATON_MARKET", "Singapore")
    with pytest.raises(ValueError, match="two capital letters"):
        Settings()
