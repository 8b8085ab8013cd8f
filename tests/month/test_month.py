"""The month that is billed live has all that BILLING.md knows of, is settled alike by ledger and
batch, and at every moment both foresee the same.
"""

from __future__ import annotations

from functools import cache

import pytest

from streams.domain.billing.ledger import Ledger
from streams.domain.billing.records import Seal, Told, encode_booked, encode_seal
from streams.domain.billing.statement import Statement
from streams.oracle.billing import account_of, foreseen
from streams.oracle.billing_records import billing_records
from tests.month.coverage import missing
from tests.month.faults import DAY_MS, HOUR_MS
from tests.month.log import JUNE_MS, month_log
from tests.month.statements import NAME, by_batch
from tests.stream_run import Log

JULY_MS = JUNE_MS + 30 * DAY_MS


@cache
def log() -> Log:
    # Of few, not every seed has a charge that is made after its period was closed.
    return month_log(1_500, seed=3)


@cache
def records() -> list[Told]:
    return billing_records(log().verdict, NAME)


@cache
def statements() -> dict[str, Statement]:
    return by_batch(log())


def test_every_reason_every_line_and_every_correction_is_in_it() -> None:
    assert missing(statements().values()) == []


def test_hardly_anything_of_it_is_refused_but_what_nobody_could_use() -> None:
    refused = log().verdict.dead_letters
    meant = ("malformed_json", "schema_violation", "invalid_encoding", "too_large", "unknown_type")
    assert set(meant) < set(refused)
    # As many as the synthetic days have on purpose: what goes wrong besides is well formed.
    assert refused["schema_violation"] == refused["malformed_json"]
    others = sum(number for code, number in refused.items() if code not in meant)
    assert others < log().records / 100


@pytest.mark.parametrize("reason", ["csat_received", "qa_evaluated"])
def test_what_nobody_disputed_in_words_is_disputed_by_a_survey_and_by_an_evaluation(
    reason: str,
) -> None:
    # Of those whose conversation has no dispute: what else spoke against them.
    in_words = {
        one.fact.conversation for one in records() if one.fact.kind == "resolution_disputed"
    }
    disputed = {
        (entry["conversation_id"], entry["episode"])
        for statement in statements().values()
        for entry in statement.entries
        if entry.get("reason") == "disputed" and entry["conversation_id"] not in in_words
    }
    against = {
        (one.fact.conversation, one.fact.episode)
        for one in records()
        if one.fact.kind == reason
        and not one.fact.detail.get("satisfied", one.fact.detail.get("passed"))
    }
    assert disputed & against


def test_it_is_settled_alike_by_ledger_and_batch() -> None:
    verdict = log().verdict
    assert verdict.watermark is not None
    ledger = Ledger(log().book, NAME, forgets=True)
    ledger.apply(0, verdict.watermark, records())
    booked = ledger.advance()
    batch = account_of(records(), log().book, NAME, verdict.watermark)
    items = [encode_booked(one) for one in booked if not isinstance(one, Seal)]
    assert items == [encode_booked(one) for one in batch.booked]
    seals = [encode_seal(one) for one in booked if isinstance(one, Seal)]
    assert seals == [encode_seal(one) for one in batch.seals]
    assert len(seals) == 3


@pytest.mark.parametrize(
    ("at", "periods"),
    [
        (JUNE_MS + 9 * DAY_MS, ["2026-06"]),
        # In grace until 12 h after its end.
        (JULY_MS + 6 * HOUR_MS, ["2026-06", "2026-07"]),
        (JULY_MS + 6 * DAY_MS, ["2026-07"]),
    ],
)
def test_at_every_moment_both_foresee_the_same_of_each_open_period(
    at: int, periods: list[str]
) -> None:
    ledger = Ledger(log().book, NAME, forgets=True)
    ledger.apply(0, at, [one for one in records() if one.known <= at])
    ledger.advance()
    found = list(ledger.previews())
    assert [one.period for one in found] == periods
    for preview in found:
        assert preview.lines
        assert preview == foreseen(records(), log().book, NAME, at, preview.period)
