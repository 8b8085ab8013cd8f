"""What a partition does with a request of erasure, and with what comes of its subject after it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from streams.contract_files import bundled_contract, load_contracts
from streams.domain.billing.records import Told
from streams.domain.erasure import Erasures, subject_digest
from streams.domain.events import SubjectKind
from streams.domain.lifecycle import LifecyclePartition, interaction_key
from streams.domain.memory import FORGET_AFTER_MS
from streams.domain.wire import decode_event
from streams.oracle.billing_records import billing_records
from streams.oracle.judge import judge
from tests.in_memory_pipeline import InMemoryPipeline
from tests.log_builder import (
    CONTRACT,
    LIFE,
    T,
    ai_message,
    claimed,
    customer_message,
    ended,
    erasure_requested,
    evidence,
    requested,
)
from tests.unit.oracle.verdicts import BOOK

DAY_S = 86_400
# Inactivity, verification and expiry of the book are over by then; forgetting is not.
SETTLED = T(3 * DAY_S)


def pipeline(*log: bytes | int) -> InMemoryPipeline:
    found = InMemoryPipeline(BOOK, lateness_ms=0)
    found.run(log)
    return found


def visit(conversation: str, at: float, customer: str = "k1") -> list[bytes]:
    """A contact that the AI resolves."""
    return [
        customer_message(conversation, T(at), customer_key=customer),
        ai_message(conversation, T(at + 5)),
        claimed(conversation, T(at + 10), "ai"),
        ended(conversation, T(at + 20)),
    ]


def held(found: InMemoryPipeline) -> set[str]:
    """Conversations in the table."""
    return {key.partition(b"\0")[2].decode() for key in found.states[0]}


def test_the_name_goes_at_once_and_the_rest_when_the_accounts_are_settled() -> None:
    at_once = pipeline(*visit("c1", 0), T(60), erasure_requested("k1", T(60)), T(61))
    assert held(at_once) == {"c1"}
    assert all(b"k1" not in raw for raw in at_once.states[0].values())
    later = pipeline(*visit("c1", 0), T(60), erasure_requested("k1", T(60)), SETTLED)
    assert held(later) == set()


def test_what_is_owed_is_the_same_as_without_the_request() -> None:
    proof = evidence("c1", T(40), kind="customer_confirmed", result=True)
    log = [*visit("c1", 0), proof, T(60)]
    asked = judge([*log, erasure_requested("k1", T(60)), SETTLED], BOOK, lateness_ms=0)
    plain = judge([*log, SETTLED], BOOK, lateness_ms=0)
    assert asked.facts == plain.facts
    assert [f.detail["outcome"] for f in asked.facts if f.kind == "episode_matured"] == ["verified"]


def test_a_customer_who_waits_goes_on_waiting_until_it_ends() -> None:
    asks = [customer_message("c1", T(0), customer_key="k1"), ai_message("c1", T(2))]
    log = [*asks, requested("c1", T(5)), T(60), erasure_requested("k1", T(60))]
    waiting = pipeline(*log, T(120)).published.windows[((CONTRACT, ()), "5m")]
    assert waiting == pipeline(*log[:-1], T(120)).published.windows[((CONTRACT, ()), "5m")]
    assert waiting.counts["waiting"] == 1


def test_events_of_an_erased_conversation_begin_no_new_life_of_it() -> None:
    log = [*visit("c1", 0), erasure_requested("k1", T(60)), SETTLED, *visit("c1", 0)]
    found = pipeline(*log, customer_message("c1", SETTLED), SETTLED + 60_000)
    assert held(found) == set()
    assert {fact.life for fact in found.published.facts} == {LIFE}
    assert found.published.events == 2 * len(visit("c1", 0)) + 2


def test_until_the_id_may_be_used_again() -> None:
    again = T(20) + FORGET_AFTER_MS
    asked = erasure_requested("k1", T(15))
    log = [*visit("c1", 0), asked, SETTLED, again - 1, customer_message("c1", again)]
    assert held(pipeline(*log, again)) == set()
    log = [*visit("c1", 0), asked, SETTLED, again, customer_message("c1", again + 1)]
    assert held(pipeline(*log, again + 1)) == {"c1"}


def test_a_first_event_of_the_customer_that_comes_after_the_request_is_nobodys() -> None:
    found = pipeline(erasure_requested("k1", T(60)), T(30), *visit("c9", 40), T(61))
    assert all(b"k1" not in raw for raw in found.states[0].values())
    assert held(pipeline(erasure_requested("k1", T(60)), *visit("c9", 40), SETTLED)) == set()


def test_a_contact_after_the_request_is_a_new_matter() -> None:
    found = pipeline(*visit("c1", 0), erasure_requested("k1", T(60)), *visit("c2", 61), SETTLED)
    assert held(found) == {"c2"}
    assert b"k1" in found.states[0][interaction_key(CONTRACT, "c2")]


def test_another_contract_and_another_customer_are_left_alone() -> None:
    asked = [erasure_requested("k2", T(60)), erasure_requested("k1", T(60), contract="other")]
    assert b"k1" in next(iter(pipeline(*visit("c1", 0), asked[0], T(61)).states[0].values()))
    assert pipeline(*visit("c1", 0), asked[1], T(61)).published.dead_letters == {
        "unknown_contract": 1
    }


def test_one_conversation_can_be_erased_by_its_id() -> None:
    asked = erasure_requested("c1", T(60), "conversation")
    found = pipeline(*visit("c1", 0), *visit("c2", 0), asked, SETTLED)
    assert held(found) == {"c2"}
    assert [(note.did, note.states) for note in found.notes] == [("named", 1), ("erased", 1)]


def test_a_request_of_last_month_is_not_too_late() -> None:
    log = [*visit("c1", 0), SETTLED]
    old = erasure_requested("c1", T(30), "conversation")
    for ahead in (SETTLED, T(7.9 * DAY_S)):
        found = pipeline(*log, ahead, old, ahead + 60_000)
        assert (held(found), found.published.dead_letters) == (set(), {})


def test_the_customers_closes_are_dropped_from_the_links() -> None:
    log = [*visit("c1", 0), T(60), erasure_requested("k1", T(60)), T(120)]
    customers = pipeline(*log).customers[0]
    assert set(customers) == {b"p"}
    assert set(pipeline(*log[:-2], T(120)).customers[0]) > {b"p"}


@pytest.mark.parametrize("kind", ["customer", "conversation"])
def test_nothing_is_remembered_of_a_request_when_what_it_speaks_of_is_too_late(
    kind: SubjectKind,
) -> None:
    subject = {"customer": "k1", "conversation": "c1"}[kind]
    log = [*visit("c1", 0), erasure_requested(subject, T(60), kind), SETTLED]
    remembered = pipeline(*log).erasures[0]
    assert remembered is not None
    assert subject_digest(kind, CONTRACT, subject) in remembered
    assert pipeline(*log, T(60) + FORGET_AFTER_MS).erasures[0] is None


def test_what_is_stored_is_what_is_remembered() -> None:
    stored = pipeline(*visit("c1", 0), erasure_requested("k1", T(60)), SETTLED).erasures[0]
    again = Erasures(stored)
    assert again.is_closed(CONTRACT, "c1")
    assert again.erasing("customer", CONTRACT, "k1", T(60)) is not None
    assert again.erasing("customer", CONTRACT, "k1", T(61)) is None
    assert again.changed() == (False, None)


def test_billing_is_told_as_the_batch_is_and_of_an_erased_customer_no_digest() -> None:
    book = load_contracts([bundled_contract(CONTRACT)])
    lifecycle = LifecyclePartition(book, 0, {})
    log = [*visit("c1", 0), T(60), *visit("c2", 100), erasure_requested("k1", T(200)), SETTLED]
    told: list[Told] = []
    for item in log:
        if isinstance(item, int):
            lifecycle.tick(item)
        else:
            lifecycle.event(decode_event(item, book))
    for fed in lifecycle.flush().billing.values():
        told += fed.records
    batch = billing_records(judge(log, book, lateness_ms=0), CONTRACT)

    def owned(records: Sequence[Told]) -> dict[str, bytes | None]:
        return {one.fact.id: one.customer for one in records if one.fact.kind != "episode_matured"}

    assert {name: owned(told)[name] for name in owned(batch)} == owned(batch)
    assert {one.customer for one in told if one.fact.conversation == "c1"} > {None}
    assert {one.customer for one in told if one.fact.conversation == "c2"} == {None}
