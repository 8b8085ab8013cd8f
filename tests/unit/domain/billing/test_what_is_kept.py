"""How long a ledger that forgets keeps what may still be needed, and what comes after that."""

from __future__ import annotations

from typing import Any

import pytest

from streams.agents import account_table
from streams.contract_files import bundled_contract, load_contracts
from streams.domain.billing.horizons import RETRACTED_KEPT_MS
from streams.domain.billing.ledger import Ledger
from streams.domain.billing.records import Booked, Item, Seal, Told
from streams.domain.facts import Fact, FactKind
from streams.domain.memory import DAY_MS
from tests.log_builder import EPOCH_MS, LIFE

NAME = "telco-2026"
BOOK = load_contracts([bundled_contract(NAME)])
_ENDED = {
    "cause": "customer", "eligible": True, "outcome": "contained", "safe": None, "excluded": False,
    "repeated": False, "resolved": True,
}  # fmt: skip
_MATURED = {
    "outcome": "verified", "human": False, "claimed": True, "resolved": True, "returned": False,
    "first_contact": True, "qa_ai": False, "qa_human": False, "claimed_at": None,
    "query_type": "billing", "proven": True,
}  # fmt: skip


def told(
    kind: FactKind, time: int, detail: dict[str, Any], revision: int = 0, retracts: bool = False,
    known: int | None = None,
) -> Told:  # fmt: skip
    fact = Fact(
        kind=kind, contract=NAME, version=1, conversation="c1", life=LIFE, episode=1, ordinal=1,
        time=time, channel="chat", market="SG", journey="billing", supplier="northcall",
        prompt_version="unknown", model="unknown", knowledge_version="unknown", detail=detail,
        revision=revision, retracts=retracts, late=known is not None,
    )  # fmt: skip
    return Told(fact, time if known is None else known)


class Kept:
    """A ledger and its table, day by day."""

    def __init__(self) -> None:
        self.table: dict[bytes, bytes] = {}
        self.ledger = Ledger(BOOK, NAME, forgets=True)
        account_table.restore(self.ledger, self.table)
        self.booked: list[Booked | Seal] = []

    def go_on(self, until: int, *records: Told) -> None:
        for reached in (*range(max(self.ledger.reached or 0, EPOCH_MS), until, 7 * DAY_MS), until):
            self.ledger.apply(0, reached, [one for one in records if one.known <= reached])
            self.booked += self.ledger.advance()
            for _ in account_table.changes(self.ledger, self.table):
                pass

    @property
    def items(self) -> list[tuple[str, str | None]]:
        return [(one.status, one.reason) for one in self.booked if isinstance(one, Item)]

    @property
    def held(self) -> bool:
        return f"{NAME}\0cc1".encode() in self.table


@pytest.mark.parametrize("days", [61, 200])
def test_feedback_on_an_episode_that_stays_open_is_kept_until_it_has_ended(days: int) -> None:
    kept = Kept()
    said = {"subject": "ai", "satisfied": False}
    kept.go_on(EPOCH_MS + DAY_MS, told("csat_received", EPOCH_MS + 1, said))
    kept.go_on(EPOCH_MS + days * DAY_MS)
    held = kept.ledger.accounts.conversations.get("c1")
    assert held is not None
    assert [one.fact.kind for one in held.standing.values()] == ["csat_received"]
    close = EPOCH_MS + (days + 1) * DAY_MS
    kept.go_on(close, told("episode_ended", close, _ENDED))
    kept.go_on(close + 60 * DAY_MS)
    assert not kept.held


def taken_back(kept: Kept) -> None:
    """A claim is announced, and taken back two days later."""
    close = EPOCH_MS + DAY_MS
    kept.go_on(close, told("episode_ended", close, _ENDED))
    late = close + 2 * DAY_MS
    kept.go_on(late, told("episode_ended", close, _ENDED, retracts=True, known=late))
    assert kept.items == [("provisional", None), ("void", "retracted")]


def test_a_claim_that_stands_again_is_billed_under_the_ids_that_follow() -> None:
    kept = Kept()
    taken_back(kept)
    close = EPOCH_MS + 300 * DAY_MS
    matured = close + DAY_MS // 4
    kept.go_on(close, told("episode_ended", close, _ENDED, revision=1))
    kept.go_on(matured, told("episode_matured", matured, _MATURED))
    assert kept.items[2:] == [("final", None)]
    ids = [one.id for one in kept.booked]
    assert len(set(ids)) == len(ids)


def test_what_was_told_of_a_claim_that_was_taken_back_is_forgotten_and_it_is_not_billed_twice() -> (
    None
):
    kept = Kept()
    taken_back(kept)
    end = EPOCH_MS + DAY_MS + RETRACTED_KEPT_MS
    kept.go_on(end - 1)
    assert kept.held
    kept.go_on(end + 30 * DAY_MS)
    assert not kept.held
    close = kept.ledger.reached or 0
    again = told("episode_ended", close + 1, _ENDED, revision=1)
    kept.go_on(close + DAY_MS, again, told("episode_matured", close + 2, _MATURED))
    assert kept.ledger.again == 1
    assert kept.items == [("provisional", None), ("void", "retracted")]
