"""BILLING.md sections 2 to 5, worked out by hand: what is billed, at which price, and where."""

from __future__ import annotations

import pytest

from streams.domain.billing.records import Item
from tests.unit.domain.billing.by_hand import DAY, HOUR, Account, price, rules

Items = list[tuple[str, str, int, str]]
MARCH, APRIL = "2026-03", "2026-04"
FINAL = ("final", "c1", 1_000_000, MARCH)


def ones(zone: str = "UTC", **given: object) -> Account:
    """A resolution costs 1.00; it is verified three days after its close."""
    agreed = rules(**{"grace_ms": HOUR, **given})  # type: ignore[arg-type]
    return Account(zone).version(price("1"), billing=agreed)


def settled(account: Account, until: str = "2026-06-02") -> Items:
    return account.items(until)


# Closed on 5 March, verified on the 8th: the customer comes back in between.
@pytest.mark.parametrize(
    ("visit", "journey", "recontact", "items"),
    [
        ("2026-03-05", "billing", "same_issue", [FINAL]),
        ("2026-03-05+1", "billing", "same_issue", [("void recontact", "c1", 0, MARCH)]),
        ("2026-03-08", "billing", "same_issue", [("void recontact", "c1", 0, MARCH)]),
        ("2026-03-08+1", "billing", "same_issue", [FINAL]),
        ("2026-03-06", "outage", "same_issue", [FINAL]),
        ("2026-03-06", "unknown", "same_issue", [FINAL]),
        ("2026-03-06", "outage", "any", [("void recontact", "c1", 0, MARCH)]),
        ("2026-03-06", "billing", "none", [FINAL]),
    ],
)
def test_coming_back_after_the_close_until_maturity_voids(
    visit: str, journey: str, recontact: str, items: Items
) -> None:
    account = ones(recontact=recontact)
    account.resolved("c1", "2026-03-05", customer="k")
    account.visited("c2", visit, "k", journey=journey)
    assert settled(account) == items


def test_an_unknown_journey_is_nobodys_same_issue() -> None:
    account = ones()
    account.resolved("c1", "2026-03-05", customer="k", journey="unknown")
    account.visited("c2", "2026-03-06", "k", journey="unknown")
    assert settled(account) == [FINAL]


# Verified on 8 March; disputes count until five days later.
@pytest.mark.parametrize(
    ("at", "items"),
    [
        ("2026-03-05", [FINAL]),  # not after its close
        ("2026-03-05+1", [("void disputed", "c1", 0, MARCH)]),
        ("2026-03-13", [FINAL, ("reversal disputed", "c1", -1_000_000, MARCH)]),
        ("2026-03-13+1", [FINAL]),
    ],
    ids=["at its close", "before it matures", "in the last millisecond", "after it"],
)
def test_a_dispute_counts_from_the_close_until_its_window_ends(at: str, items: Items) -> None:
    account = ones()
    account.resolved("c1", "2026-03-05")
    account.disputed("c1", at)
    assert settled(account) == items


def test_a_dispute_is_about_the_last_close_before_it_and_about_no_earlier_one() -> None:
    account = ones(matter_ms=DAY)
    account.resolved("c1", "2026-03-05")
    account.resolved("c1", "2026-03-07", episode=2)
    account.resolved("c1", "2026-03-09", episode=3)
    account.disputed("c1", "2026-03-09")  # the third closes in this millisecond
    assert settled(account) == [
        ("final", "c1", 1_000_000, MARCH),
        ("void disputed", "c1", 0, MARCH),
        ("final", "c1", 1_000_000, MARCH),
    ]


@pytest.mark.parametrize(
    ("second", "is_same"),
    [("2026-03-12", True), ("2026-03-12+1", False)],
    ids=["seven days after", "a millisecond more"],
)
def test_a_matter_is_the_same_for_a_week(second: str, is_same: bool) -> None:
    account = ones()
    account.resolved("c1", "2026-03-05", customer="k")
    account.resolved("c2", second, customer="k")
    last = ("void same_matter", "c2", 0, MARCH) if is_same else ("final", "c2", 1_000_000, MARCH)
    assert settled(account) == [FINAL, last]


def test_what_is_not_billed_itself_keeps_nobody_else_from_being_billed() -> None:
    account = ones()
    account.resolved("c1", "2026-03-05", customer="k")
    account.resolved("c2", "2026-03-10", customer="k")  # five days after c1
    account.resolved("c3", "2026-03-14", customer="k")  # four after c2, nine after c1
    account.resolved("c4", "2026-03-16", customer="k", outcome="assumed")
    assert settled(account) == [
        FINAL,
        ("void same_matter", "c2", 0, MARCH),
        ("final", "c3", 1_000_000, MARCH),
        ("void unproven", "c4", 0, MARCH),
    ]


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"customer": None}, None),  # nobody knows whose c2 is
        ({"customer": "k", "journey": "outage"}, None),
        ({"customer": "j"}, None),
        ({"customer": "k"}, "same_matter"),
    ],
)
def test_a_matter_is_a_customers_and_journeys(other: dict[str, str], reason: str | None) -> None:
    account = ones()
    account.resolved("c1", "2026-03-05", customer="k")
    account.resolved("c2", "2026-03-06", **other)
    [_, (status, *_)] = settled(account)
    assert status == ("final" if reason is None else f"void {reason}")


@pytest.mark.parametrize(
    ("customer", "journey"), [(None, "billing"), (None, "unknown"), ("k", "unknown")]
)
def test_without_a_customer_or_a_journey_the_conversation_is_the_matter(
    customer: str | None, journey: str
) -> None:
    account = ones()
    account.resolved("c1", "2026-03-05", customer=customer, journey=journey)
    account.resolved("c1", "2026-03-06", customer=customer, journey=journey, episode=2)
    account.resolved("c2", "2026-03-07", customer=customer, journey=journey)
    assert [status for status, *_ in settled(account)] == ["final", "void same_matter", "final"]


def lines(account: Account) -> list[tuple[str, int]]:
    """(charge, amount) of what is charged."""
    found = [one for one in account.settled("2026-06-02") if isinstance(one, Item)]
    return [(one.charge, one.amount_micros) for one in found if one.status == "final"]


@pytest.mark.parametrize("who", ["hybrid", "human"])
def test_an_agents_share_is_rounded_down_and_the_rest_is_the_price(who: str) -> None:
    account = Account().version(price("0.333333", share="33.3333"))
    account.resolved("c1", "2026-03-05", who=who)
    # 0.333333 x 0.333333 = 0.111 110 888 889; 0.333333 - 0.111110.
    assert lines(account) == [("resolution", 222_223), ("agent_share", 111_110)]


def test_what_an_ai_resolved_is_one_line() -> None:
    account = Account().version(price("0.333333", share="33.3333"))
    account.resolved("c1", "2026-03-05")
    assert lines(account) == [("resolution", 333_333)]


def test_a_share_of_less_than_a_micro_unit_is_no_line() -> None:
    account = Account().version(price("0.000003", share="33.3333"))
    account.resolved("c1", "2026-03-05", who="human")
    # 0.000003 x 0.333333 = 0.000000999999.
    assert lines(account) == [("resolution", 3)]


@pytest.mark.parametrize(
    ("query_type", "journey", "channel", "micros"),
    [
        ("refund", "billing", "chat", 5_000_000),
        ("refund", "outage", "email", 5_000_000),
        ("refund", "billing", "voice", 6_000_000),
        (None, "billing", "voice", 4_000_000),
        ("address", "billing", "chat", 4_000_000),
        (None, "outage", "voice", 3_000_000),
        (None, "outage", "email", 1_000_000),
    ],
)
def test_the_query_type_decides_before_the_journey_before_the_channel(
    query_type: str | None, journey: str, channel: str, micros: int
) -> None:
    account = Account().version(
        price("1"),
        price("3", channel="voice"),
        price("4", journey="billing"),
        price("5", query_type="refund"),
        price("6", query_type="refund", channel="voice"),
    )
    account.resolved("c1", "2026-03-05", query_type=query_type, journey=journey, channel=channel)
    assert lines(account) == [("resolution", micros)]


@pytest.mark.parametrize(
    ("claimed", "micros"),
    [
        ("2026-03-04T23:59", 1_000_000),
        ("2026-03-05", 2_000_000),
        (None, 2_000_000),  # by its close
    ],
)
def test_the_price_is_that_of_the_version_in_force_at_the_claim(
    claimed: str | None, micros: int
) -> None:
    account = Account().version(price("1"), until="2026-03-05")
    account.version(price("2"), since="2026-03-05")
    account.resolved("c1", "2026-03-05T01:00", claimed=claimed)
    assert lines(account) == [("resolution", micros)]


@pytest.mark.parametrize(
    ("told", "given", "reason"),
    [
        ({"returned": True, "outcome": "verified"}, {}, "void"),
        ({"outcome": "void"}, {}, "void"),
        ({"outcome": "trapped", "who": "human"}, {}, "trapped"),
        ({"outcome": "abandoned", "who": "human"}, {}, "abandoned"),
        ({"outcome": "escalated_unsafe", "who": "human"}, {}, "unsafe"),
        ({"outcome": "assumed"}, {"resolved_by": ("human",)}, "unproven"),
        ({"outcome": "assumed"}, {"resolved_by": ("human",), "bills": "assumed"}, "not_agreed"),
        ({"outcome": "assumed"}, {"bills": "assumed"}, None),
        ({"who": "human"}, {"resolved_by": ("ai", "hybrid")}, "not_agreed"),
        ({"who": "hybrid"}, {"resolved_by": ("ai", "hybrid")}, None),
    ],
)
def test_the_first_reason_that_holds_is_given(
    told: dict[str, object], given: dict[str, object], reason: str | None
) -> None:
    account = ones(**given)
    account.resolved("c1", "2026-03-05", **told)  # type: ignore[arg-type]
    [(status, *_)] = settled(account)
    assert status == ("final" if reason is None else f"void {reason}")


def test_without_a_price_a_claim_is_void_and_estimated_at_nothing() -> None:
    account = Account().version(price("1", channel="voice"))
    account.resolved("c1", "2026-03-05")
    found = [one for one in account.settled("2026-06-02") if isinstance(one, Item)]
    assert [(one.status, one.estimate_micros, one.reason) for one in found] == [
        ("provisional", 0, None),
        ("void", 0, "unpriced"),
    ]


@pytest.mark.parametrize(
    ("closed", "period"),
    [("2026-03-28T23:00", MARCH), ("2026-03-28T23:00+1", APRIL)],
    ids=["in the last millisecond of March", "in the first of April"],
)
def test_a_period_ends_with_local_midnight_after_the_clocks_have_changed(
    closed: str, period: str
) -> None:
    account = ones("Europe/Berlin")
    # 72 hours from 23 h on the 28th, winter time, are midnight of 1 April, summer time.
    account.resolved("c1", closed)
    assert settled(account) == [("final", "c1", 1_000_000, period)]


@pytest.mark.parametrize(
    ("known", "period"),
    [("2026-04-01T01:00", MARCH), ("2026-04-01T01:00+1", "2026-04 for 2026-03")],
    ids=["while March is open", "once it is closed"],
)
def test_what_is_known_when_grace_ends_is_still_booked_in_its_period(
    known: str, period: str
) -> None:
    account = ones()
    account.retract(account.resolved("c1", "2026-03-05"), known)
    assert settled(account) == [FINAL, ("reversal retracted", "c1", -1_000_000, period)]


def test_grace_is_the_verification_window_of_the_version_that_the_period_ended_under() -> None:
    account = Account().version(price("1"), until="2026-04-01", billing=rules())
    account.version(price("1"), since="2026-04-01", verified_after=DAY, billing=rules())
    # Three days of the first version, not one of the second, which began as March ended.
    account.retract(account.resolved("c1", "2026-03-05"), "2026-04-04")
    account.retract(account.resolved("c2", "2026-03-05"), "2026-04-04+1")
    assert settled(account)[2:] == [
        ("reversal retracted", "c1", -1_000_000, MARCH),
        ("reversal retracted", "c2", -1_000_000, "2026-04 for 2026-03"),
    ]


def test_no_period_closes_before_the_one_before_it() -> None:
    account = Account().version(
        price("1"), until="2026-04-01", billing=rules(grace_ms=39 * DAY + HOUR)
    )
    account.version(price("1"), since="2026-04-01", billing=rules(grace_ms=HOUR))
    # March closes on 10 May at 1 h; April, due on 1 May at 1 h, in the same moment.
    account.retract(account.resolved("c1", "2026-03-05"), "2026-05-10T01:00")
    account.retract(account.resolved("c2", "2026-04-05"), "2026-05-10T01:00")
    assert settled(account)[2:] == [
        ("reversal retracted", "c1", -1_000_000, MARCH),
        ("reversal retracted", "c2", -1_000_000, APRIL),
    ]


def test_a_charge_of_a_closed_period_is_a_correction_and_moves_its_lines() -> None:
    account = Account().version(
        price("1"), fee="100", billing=rules(allowance=1, minimum="5", grace_ms=HOUR)
    )
    account.resolved("c1", "2026-02-10", known="2026-03-05")
    account.resolved("c2", "2026-03-02")
    found = [o for o in account.settled("2026-04-02") if isinstance(o, Item)]
    first = found[0]
    # The close of c1 is the first record: February is the first period, and closed on 1 March, 1 h.
    assert (first.status, first.period, first.charge_class) == ("provisional", "2026-02", None)
    assert account.lines("2026-04-02", "2026-02") == [
        ("minimum", 5_000_000),
        ("fixed_fee", 100_000_000),
    ]
    # c1 is February's one unit and free; so is c2 of March.
    assert account.lines("2026-04-02", MARCH) == [
        ("allowance 2026-02", -1_000_000),
        ("allowance", -1_000_000),
        ("minimum", 5_000_000),
        ("fixed_fee", 100_000_000),
    ]
