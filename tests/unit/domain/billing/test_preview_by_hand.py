"""What an open period would come to, worked out with pen and paper; and a preview that is not of
the items beside it is found out.
"""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from streams.cli.invoice_preview import preview_problems
from streams.domain.billing.preview import PublishedPreview, encode_preview, read_preview
from streams.domain.billing.statement import Statement, statement_of
from tests.log_builder import CONTRACT
from tests.unit.domain.billing.by_hand import Account, price, promise, rules, tiers, worth


def lines(account: Account, at: str, period: str) -> list[tuple[str, int]]:
    found = account.foreseen(at, period)
    assert found is not None
    return [
        (one.kind if one.charge_class is None else f"{one.kind} {one.service_period}",
         one.amount_micros)
        for one in found.lines
    ]  # fmt: skip


def test_the_whole_fee_and_minimum_are_due_from_the_first_day_on() -> None:
    account = Account().version(price("1.00"), fee="31.00", billing=rules(minimum="5.00"))
    account.resolved("c1", "2026-03-02")
    assert lines(account, "2026-03-03", "2026-03") == [
        ("minimum", 5_000_000), ("fixed_fee", 31_000_000),
    ]  # fmt: skip
    # Three days later it is verified, and charged.
    assert lines(account, "2026-03-06", "2026-03") == [
        ("minimum", 4_000_000), ("fixed_fee", 31_000_000),
    ]  # fmt: skip
    found = account.foreseen("2026-03-06", "2026-03")
    assert found is not None
    assert (found.booked_micros, found.total_micros) == (1_000_000, 36_000_000)


def test_a_credit_is_judged_by_what_has_happened_so_far() -> None:
    account = Account().version(
        fee="100.00",
        at_risk="50",
        clauses=[promise("in-time")],
        credits=[worth("in-time", "100", ("80", "40"), ("50", "100"))],
    )
    account.handed_over("2026-03-02", within=0, missed=1)
    assert lines(account, "2026-03-03", "2026-03") == [
        ("fixed_fee", 100_000_000), ("service_credit", -50_000_000),
    ]  # fmt: skip
    account.handed_over("2026-03-10", within=2, missed=0)
    assert lines(account, "2026-03-11", "2026-03") == [
        ("fixed_fee", 100_000_000), ("service_credit", -20_000_000),
    ]  # fmt: skip
    account.handed_over("2026-03-20", within=5, missed=0)
    assert lines(account, "2026-03-21", "2026-03") == [("fixed_fee", 100_000_000)]
    found = account.foreseen("2026-03-21", "2026-03")
    assert found is not None
    assert found.at_risk_micros == {"in-time": 0}


def test_while_one_period_is_in_grace_both_are_foreseen_and_the_older_restates_alone() -> None:
    account = Account().version(price("1.00"), billing=rules(grace_ms=3_600_000, allowance=1))
    account.resolved("c1", "2026-03-02")
    account.resolved("c2", "2026-03-10", known="2026-04-15")
    account.resolved("c3", "2026-04-20")
    # The late one is March's second unit, which is not free, and no unit of April's.
    assert lines(account, "2026-04-30", "2026-04") == [("allowance", -1_000_000)]
    assert lines(account, "2026-05-01T00:30", "2026-04") == [("allowance", -1_000_000)]
    assert lines(account, "2026-05-01T00:30", "2026-05") == []
    assert account.foreseen("2026-05-01T00:30", "2026-03") is None
    assert account.foreseen("2026-05-01T00:30", "2026-06") is None


def test_what_is_closed_and_changed_since_is_a_correction_of_the_oldest_open_period() -> None:
    account = Account().version(
        price("1.00"), billing=rules(grace_ms=3_600_000, tiers=tiers((2, "50")))
    )
    account.resolved("c1", "2026-03-02")
    account.resolved("c2", "2026-03-10", known="2026-04-15")
    assert lines(account, "2026-04-16", "2026-04") == [("volume_discount 2026-03", -500_000)]
    # When April is in grace too, May has nothing of it.
    assert lines(account, "2026-05-01T00:30", "2026-04") == [("volume_discount 2026-03", -500_000)]
    assert lines(account, "2026-05-01T00:30", "2026-05") == []


def test_what_would_be_to_be_paid_is_payable() -> None:
    account = Account().version(price("0.333333"))
    account.resolved("c1", "2026-03-02")
    assert lines(account, "2026-03-06", "2026-03") == [("rounding", -3_333)]


def published() -> tuple[Account, PublishedPreview, Statement]:
    account = Account().version(price("1.00"), fee="31.00", billing=rules(allowance=1))
    for day in range(2, 6):
        account.resolved(f"c{day}", f"2026-03-0{day}")
    preview = account.foreseen("2026-03-07T12:00", "2026-03")
    assert preview is not None
    raw = encode_preview(preview)
    # More has been booked since.
    statement = statement_of(CONTRACT, "2026-03", "USD", account.settled("2026-03-09"))
    assert len(statement.records) > preview.records
    return account, read_preview(raw, CONTRACT, "2026-03"), statement


def changed(preview: PublishedPreview, **given: Any) -> PublishedPreview:
    event = orjson.loads(preview.raw)
    event["data"] |= given
    return read_preview(orjson.dumps(event), CONTRACT, "2026-03")


def test_a_preview_fits_the_items_that_it_is_of_whatever_was_booked_since() -> None:
    account, preview, statement = published()
    assert preview_problems(preview, statement, None) == []
    assert preview_problems(preview, statement, account.book) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"head": "0" * 64}, "their chain differs"),
        ({"records": 99}, "it is of 99 items, of which"),
        ({"booked_micros": 1, "total_micros": 30_000_001}, "1 micro-units are booked"),
        ({"total_micros": 7}, "its total is 7, its lines come to"),
    ],
)
def test_one_that_does_not_is_found_out(given: dict[str, Any], said: str) -> None:
    _, preview, statement = published()
    problems = preview_problems(changed(preview, **given), statement, None)
    assert len(problems) == 1
    assert said in problems[0]
    assert "preview as of 2026-03-07T12:00:00.000Z" in problems[0]


def test_by_the_contract_a_line_that_does_not_follow_from_the_items_is_found_out() -> None:
    account, preview, statement = published()
    lines = [dict(line) for line in preview.data["lines"]]
    fee = next(line for line in lines if line["kind"] == "fixed_fee")
    fee["amount_micros"] += 1_000_000
    dearer = changed(preview, lines=lines, total_micros=preview.data["total_micros"] + 1_000_000)
    assert preview_problems(dearer, statement, None) == []
    [problem] = preview_problems(dearer, statement, account.book)
    assert "fixed fee is 32000000 micro-units; by the contract and the items it is 31000000" in (
        problem
    )


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"{", "is no preview"),
        (b"[]", "is no preview"),
        (b'{"type": "baton.billing.final", "data": {}}', "is no preview"),
        (b'{"type": "baton.billing.preview", "time": "", "data": {"contract": "another",'
         b' "period": "2026-03"}}', "is no preview of telco-2026, 2026-03"),
        (b'{"type": "baton.billing.preview", "time": "", "data": {"contract": "telco-2026",'
         b' "period": "2026-03", "booked_micros": "1", "total_micros": 1, "records": 1,'
         b' "lines": []}}', "no integers"),
    ],
)  # fmt: skip
def test_what_is_no_preview_is_said(raw: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_preview(raw, CONTRACT, "2026-03")
