"""What the ledger makes of a handful of facts: BILLING.md by example."""

from __future__ import annotations

from typing import Any

from streams.domain.billing.ledger import Ledger
from streams.domain.billing.records import Adjustment, Item, Seal, Told
from streams.domain.commercial import BillingRules, CommercialTerms, Price, VolumeTier
from streams.domain.contract import ContractBook, Terms
from streams.domain.facts import Fact, FactKind
from streams.domain.links import customer_digest
from tests.log_builder import CONTRACT, EPOCH_MS, LIFE

DAY = 86_400_000
PRICE = 1_000_000
VERIFICATION = 3 * DAY


def at(days: float) -> int:
    return EPOCH_MS + round(days * DAY)


def book(**rules: Any) -> ContractBook:
    money = CommercialTerms(
        "USD", prices=(Price(PRICE, agent_ppm=200_000),), billing=BillingRules(**rules)
    )
    return ContractBook(
        [
            Terms(
                contract=CONTRACT,
                version=1,
                effective_from_ms=at(-1),
                effective_to_ms=None,
                time_zone="UTC",
                inactivity_ms=60_000,
                escalation_expiry_ms=DAY,
                verification_ms=VERIFICATION,
                thresholds_ms={},
                required_context=frozenset(),
                groupings=((),),
                scope={},
                clauses=(),
                commercial=money,
            )
        ]
    )


def fact(kind: FactKind, conversation: str, time: int, detail: dict[str, Any]) -> Fact:
    return Fact(
        kind=kind, contract=CONTRACT, version=1, conversation=conversation, life=LIFE, episode=1,
        ordinal=1, time=time, channel="chat", market="SG", journey="billing", supplier="northcall",
        prompt_version="unknown", model="unknown", knowledge_version="unknown", detail=detail,
    )  # fmt: skip


def resolved(
    conversation: str, day: float, customer: str | None = None, **detail: Any
) -> list[Told]:
    """A resolution closed on that day and verified three days later."""
    ended = fact(
        "episode_ended", conversation, at(day), {"outcome": "contained", "resolved": True,
        "excluded": False, "eligible": True, "safe": None, "repeated": False, "cause": "customer"},
    )  # fmt: skip
    usual = {"outcome": "verified", "human": False, "claimed": True, "returned": False}
    rest = {"resolved": True, "first_contact": True, "qa_ai": False, "qa_human": False}
    final = {**usual, **rest, **detail}
    matured = fact("episode_matured", conversation, at(day) + VERIFICATION, final)
    whose = None if customer is None else customer_digest(CONTRACT, customer)
    return [Told(ended, ended.time, whose), Told(matured, matured.time)]


def visit(conversation: str, day: float, customer: str) -> Told:
    visited = fact("customer_visited", conversation, at(day), {})
    return Told(visited, visited.time, customer_digest(CONTRACT, customer))


def dispute(conversation: str, day: float) -> Told:
    said = fact("resolution_disputed", conversation, at(day), {"party": "customer"})
    return Told(said, said.time)


def booked(records: list[Told], until: float = 100, **rules: Any) -> list[Item | Adjustment]:
    ledger = Ledger(book(**rules), CONTRACT)
    ledger.apply(0, at(until), records)
    return [one for one in ledger.advance() if not isinstance(one, Seal)]


def told(records: list[Told], **rules: Any) -> list[tuple[str, str, str | None]]:
    return [
        (one.status, one.about.conversation, one.reason)
        for one in booked(records, **rules)
        if isinstance(one, Item) and one.status != "provisional"
    ]


def test_coming_back_by_another_conversation_within_the_window_voids() -> None:
    records = [*resolved("c1", 1, "k"), visit("c2", 3, "k")]
    assert told(records) == [("void", "c1", "recontact")]


def test_coming_back_after_the_window_does_not_void() -> None:
    records = [*resolved("c1", 1, "k"), visit("c2", 4.5, "k")]
    assert told(records) == [("final", "c1", None)]


def test_a_matter_resolved_twice_bills_once() -> None:
    records = [*resolved("c1", 1, "k"), *resolved("c2", 5, "k")]
    assert told(records) == [("final", "c1", None), ("void", "c2", "same_matter")]


def test_a_dispute_reverses_a_charge_and_the_next_of_its_matter_is_charged() -> None:
    records = [*resolved("c1", 1, "k"), *resolved("c2", 5, "k"), dispute("c1", 8.5)]
    assert told(records) == [
        ("final", "c1", None),
        ("void", "c2", "same_matter"),
        ("reversal", "c1", "disputed"),
        ("final", "c2", None),
    ]


def test_a_dispute_after_its_window_changes_nothing() -> None:
    records = [*resolved("c1", 1), dispute("c1", 9.1)]
    assert told(records) == [("final", "c1", None)]


def test_a_hybrid_resolution_is_two_lines_that_are_its_price() -> None:
    records = resolved("c1", 1, human=True, outcome="escalated_safe", proven=True)
    lines = [o for o in booked(records) if isinstance(o, Item) and o.status == "final"]
    assert [(one.charge, one.amount_micros) for one in lines] == [
        ("resolution", 800_000),
        ("agent_share", 200_000),
    ]


def test_a_reversal_after_the_close_is_a_correction_that_names_its_original() -> None:
    records = resolved("c1", 1)
    [*_, charged] = records
    assert isinstance(charged, Told)
    fields = {name: getattr(charged.fact, name) for name in charged.fact.__struct_fields__}
    records.append(Told(Fact(**{**fields, "retracts": True, "late": True}), at(50)))
    items = [one for one in booked(records) if isinstance(one, Item)]
    final, reversal = items[1:]
    assert (final.period, final.charge_class) == ("2026-03", None)
    assert (reversal.period, reversal.service_period) == ("2026-04", "2026-03")
    assert reversal.charge_class == "Correction"
    assert reversal.reverses_id == final.id
    assert reversal.amount_micros == -final.amount_micros


def test_allowance_comes_before_tiers_before_the_cap_and_the_minimum_last() -> None:
    records: list[Told] = []
    for number in range(5):
        records += resolved(f"c{number}", 1 + number)
    rules = {"allowance": 1, "tiers": (VolumeTier(3, 500_000),), "cap_micros": 2_400_000}
    lines = [o for o in booked(records, until=40, **rules) if isinstance(o, Adjustment)]
    # Five at 1.00: one free; of four the third and fourth at half; 3.00 is over the cap.
    assert [(one.kind, one.amount_micros) for one in lines] == [
        ("allowance", -1_000_000),
        ("volume_discount", -1_000_000),
        ("cap", -600_000),
    ]
    rules = {"allowance": 4, "minimum_micros": 2_000_000}
    lines = [o for o in booked(records, until=40, **rules) if isinstance(o, Adjustment)]
    assert [(one.kind, one.amount_micros) for one in lines] == [
        ("allowance", -4_000_000),
        ("minimum", 1_000_000),
    ]
