"""The billing stage between topics: facts of billed contracts in, statements' records out."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from streams.agents import account_table
from streams.agents.routing import contract_partition
from streams.agents.stages import stages_for
from streams.contract_files import bundled_contract, load_contracts
from streams.domain.billing.erased_customers import remembered_as
from streams.domain.billing.ledger import Ledger
from streams.domain.billing.preview import encode_preview
from streams.domain.billing.records import Item, Told, encode_booked
from streams.domain.billing.signing import signature_problem
from streams.domain.contract import ContractBook
from streams.domain.events import epoch_ms
from streams.domain.facts import Fact
from streams.domain.links import customer_digest
from streams.domain.memory import DAY_MS, FORGET_AFTER_MS, LATE_LIMIT_MS
from streams.kafka import topics
from streams.kafka.billing_codec import decode_billing, encode_billing
from streams.oracle.billing import account_of, foreseen
from streams.oracle.billing_records import billing_records
from streams.oracle.judge import judge
from streams.secrets import SecretError
from streams.settings import Settings
from tests import log_builder as b
from tests.bare_worker import PARTITIONS, BareWorker
from tests.unit.oracle.verdicts import book_with

NAME = "telco-2026"


@cache
def book() -> ContractBook:
    return load_contracts([bundled_contract(NAME)])


def solved(conversation: str, time: float, **said: object) -> list[bytes]:
    return [
        b.customer_message(conversation, b.T(time), **said),
        b.ai_turn(conversation, b.T(time), **said),
        b.claimed(conversation, b.T(time + 10), query_type="billing", **said),
        b.evidence(conversation, b.T(time + 20), **said),
        b.ended(conversation, b.T(time + 50), **said),
    ]


def test_facts_go_to_their_contract_s_partition_and_hold_no_key_of_a_customer() -> None:
    worker = BareWorker(book())
    worker.read([b.T(0), *solved("c-1", 1, customer_key="somebody-1"), b.T(200)])
    records = worker.outbox.records[topics.BILLING_RECORDS]
    assert {record.partition for record in records} == {contract_partition(NAME, PARTITIONS)}
    assert not any(b"somebody" in (record.value or b"") for record in records)
    told = [one.told for record in records for one in decode_billing(record.value or b"").told]
    owned = {one.fact.kind for one in told if one.customer is not None}
    assert owned == {"customer_visited", "episode_ended"}
    assert all(one.known == one.fact.time for one in told)


def test_what_is_booked_stands_in_one_partition_in_the_order_of_its_sequence() -> None:
    worker = BareWorker(book())
    events = [raw for n in range(20) for raw in solved(f"c-{n}", n)]
    worker.read([b.T(0), *events, *(b.T(day * 86_400) for day in range(1, 60))])
    items = worker.outbox.records[topics.BILLING_ITEMS]
    sequences = [orjson.loads(record.value or b"")["data"]["sequence"] for record in items]
    assert len(items) >= 20
    assert sequences == sorted(sequences)
    assert {record.partition for record in items} == {contract_partition(NAME, PARTITIONS)}


def test_an_open_period_is_previewed_each_interval_as_the_batch_foresees_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = [[*solved(f"c-{n}", n * 1800 + 1), b.T(n * 1800 + 900)] for n in range(100)]
    log = [one for step in steps for one in step]
    # Once a batch at most.
    monkeypatch.setattr("tests.bare_worker.BATCH", 1)
    worker = BareWorker(book())
    worker.read(log)
    published = worker.outbox.records[topics.BILLING_PREVIEWS]
    assert {record.partition for record in published} == {contract_partition(NAME, PARTITIONS)}
    times = [orjson.loads(record.value or b"")["time"] for record in published]
    hours = [time[:13] for time in times]
    assert len(hours) > 40
    assert len(set(hours)) == len(hours)
    records = billing_records(judge(log, book(), lateness_ms=30_000), NAME)
    for record, time in zip(published, times, strict=True):
        expected = foreseen(records, book(), NAME, epoch_ms(datetime.fromisoformat(time)))
        assert expected is not None
        assert record.value == encode_preview(expected)
        assert record.key == orjson.dumps([NAME, expected.period])


def test_a_preview_gives_way_to_a_tombstone_as_its_period_is_closed() -> None:
    worker = BareWorker(book())
    days = (b.T(day * 86_400) for day in range(1, 60))
    worker.read([b.T(0), *solved("c-1", 1), *days])
    last: dict[bytes | None, bytes | None] = {}
    for record in worker.outbox.records[topics.BILLING_PREVIEWS]:
        assert last.get(record.key, b"") is not None, "a closed period was previewed again"
        last[record.key] = record.value
    closed = {key for key, value in last.items() if value is None}
    values = [record.value or b"" for record in worker.outbox.records[topics.BILLING_ADJUSTMENTS]]
    sealed = {orjson.loads(raw)["data"]["period"] for raw in values if b"period_closed" in raw}
    assert closed == {orjson.dumps([NAME, period]) for period in sealed}
    assert len(last) == len(closed) + 1


def test_a_worker_whose_contracts_have_no_money_has_no_billing_stage_and_sends_it_nothing() -> None:
    unpaid = book_with()
    assert "billing" not in [kind.name for kind in stages_for(unpaid)]
    assert "billing" in [kind.name for kind in stages_for(book())]
    worker = BareWorker(unpaid)
    worker.read([b.T(0), *solved("c-1", 1), b.T(200)])
    assert not worker.outbox.records[topics.BILLING_RECORDS]


def told_late(by_ms: int) -> Told:
    fact = Fact(
        kind="csat_received", contract=NAME, version=1, conversation="c1", life=b.LIFE, episode=1,
        ordinal=1, time=b.EPOCH_MS, channel="chat", market="SG", journey="billing",
        supplier="northcall", prompt_version="unknown", model="unknown",
        knowledge_version="unknown", detail={"subject": "ai", "satisfied": True}, late=True,
    )  # fmt: skip
    return Told(fact, fact.time + by_ms)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"\xc1", "schema_violation"),
        (encode_billing(PARTITIONS, b.EPOCH_MS, [], {}), "schema_violation"),
        (encode_billing(0, None, [told_late(LATE_LIMIT_MS + 1)], {}), "too_late"),
    ],
)
def test_what_no_lifecycle_could_have_told_is_a_dead_letter(value: bytes, code: str) -> None:
    worker = BareWorker(book())
    worker.take(topics.BILLING_RECORDS, value, partition=contract_partition(NAME, PARTITIONS))
    assert f"baton.error.code={code}" in worker.error_headers()
    assert worker.telemetry.dead_letters["billing", code] == 1


def test_what_comes_as_late_as_it_may_is_taken() -> None:
    worker = BareWorker(book())
    value = encode_billing(0, b.EPOCH_MS + 9 * DAY_MS, [told_late(LATE_LIMIT_MS)], {})
    worker.take(topics.BILLING_RECORDS, value, partition=contract_partition(NAME, PARTITIONS))
    assert not worker.error_headers()


def test_a_seal_is_signed_by_the_key_that_the_worker_was_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    monkeypatch.setenv("BATON_BILLING_KEY", pem.decode())
    worker = BareWorker(book())
    days = (b.T(day * 86_400) for day in range(1, 60))
    worker.read([b.T(0), *solved("c-1", 1), *days])
    values = [record.value or b"" for record in worker.outbox.records[topics.BILLING_ADJUSTMENTS]]
    seals = [raw for raw in values if b"period_closed" in raw]
    assert seals
    assert [signature_problem(seal, public) for seal in seals] == [None] * len(seals)


def test_a_key_that_is_none_is_said_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BATON_BILLING_KEY", "no key")
    with pytest.raises(SecretError, match="BATON_BILLING_KEY"):
        BareWorker(book())


DAY_S = 86_400


def erasing(*after: bytes | int) -> list[bytes | int]:
    """Somebody has two contacts solved, and somebody else one; the first asks for erasure."""
    return [
        b.T(0),
        *solved("c-1", 1, customer_key="somebody-1"),
        *solved("c-2", 100, customer_key="somebody-1"),
        *solved("c-3", 200, customer_key="somebody-2"),
        b.T(5_000),
        b.erasure_requested("somebody-1", b.T(5_000)),
        b.T(5_100),
        *after,
    ]


def names_in(worker: BareWorker) -> dict[str, set[bytes]]:
    """Under which names customers stand in the accounts, by conversation."""
    ledger = Ledger(book(), NAME, forgets=True)
    account_table.restore(ledger, worker.account_tables()[contract_partition(NAME, PARTITIONS)])
    conversations = ledger.accounts.conversations
    held = {name: conversations.get(name) for name in ("c-1", "c-2", "c-3")}
    return {name: one.customers for name, one in held.items() if one is not None}


def test_the_accounts_let_go_of_an_erased_customer_s_digest_and_keep_who_belongs_together() -> None:
    before = BareWorker(book())
    before.read(erasing()[:-2])
    first, second = (customer_digest(NAME, f"somebody-{n}") for n in (1, 2))
    assert names_in(before) == {"c-1": {first}, "c-2": {first}, "c-3": {second}}
    worker = BareWorker(book())
    worker.read(erasing())
    found = names_in(worker)
    assert found["c-1"] == found["c-2"] != {first}
    assert len(found["c-1"]) == 1
    assert found["c-3"] == {second}
    assert not any(first in raw for table in worker.account_tables() for raw in table.values())


def test_followers_of_the_changelog_hear_which_records_held_the_digest() -> None:
    worker = BareWorker(book())
    worker.read(erasing())
    written = worker.outbox.records["accounts-changelog"]
    purged = {record.key for record in written if "baton.erased" in dict(record.headers)}
    prefix = NAME.encode() + b"\x00c"
    assert {key for key in purged if key and key.startswith(prefix)} == {
        prefix + b"c-1",
        prefix + b"c-2",
    }


def test_each_source_s_request_is_confirmed_with_how_many_records_got_the_other_name() -> None:
    worker = BareWorker(book())
    worker.read(erasing())
    told = [orjson.loads(record.value or b"") for record in worker.outbox.records["governance-log"]]
    renamed = [one["data"] for one in told if one["type"] == "baton.governance.renamed"]
    assert sorted(one["source_partition"] for one in renamed) == list(range(PARTITIONS))
    assert {one["partition"] for one in renamed} == {contract_partition(NAME, PARTITIONS)}
    assert {(one["what"], one["contract"]) for one in renamed} == {("accounts", NAME)}
    # A visit and a close of each of two conversations; the second source finds none left.
    assert sorted(one["count"] for one in renamed) == [0, 4]
    applied = [one["data"] for one in told if one["type"] == "baton.governance.applied"]
    assert {one["request"] for one in renamed} == {one["request"] for one in applied}


def test_by_what_a_renamed_customer_is_known_again_goes_with_the_request() -> None:
    remembered = NAME.encode() + b"\x00e" + remembered_as(customer_digest(NAME, "somebody-1"))
    at = contract_partition(NAME, PARTITIONS)
    worker = BareWorker(book())
    worker.read(erasing(b.T(8 * DAY_S)))
    assert remembered in worker.account_tables()[at]
    worker = BareWorker(book())
    worker.read(erasing(b.T(9 * DAY_S)))
    assert remembered not in worker.account_tables()[at]


@pytest.mark.parametrize(("days", "billed"), [(2, 1), (7, 1), (10, 2)])
def test_who_comes_again_is_the_same_customer_until_the_request_is_forgotten(
    tmp_path: Path, days: int, billed: int
) -> None:
    text = bundled_contract(NAME).read_text()
    long = tmp_path / "contract.yaml"
    long.write_text(text.replace("  prices:", "  billing: {matterWindow: 30d}\n  prices:"))
    terms = load_contracts([long])
    matter = {"customer_key": "somebody-1", "journey": "billing"}
    assert FORGET_AFTER_MS == 8 * DAY_MS
    log = [
        b.T(0),
        *solved("c-1", 1, **matter),
        b.T(5_000),
        b.erasure_requested("somebody-1", b.T(5_000)),
        *(b.T(day * DAY_S) for day in range(1, days + 1)),
        *solved("c-2", days * DAY_S + 10, **matter),
        *(b.T(day * DAY_S) for day in range(days + 1, 60)),
    ]
    worker = BareWorker(terms)
    worker.read(log)
    items = items_as_judged(worker, log, terms)
    assert [one["type"] for one in items].count("baton.billing.final") == billed


def test_a_return_before_the_request_voids_what_is_settled_after_it() -> None:
    matter = {"customer_key": "somebody-1", "journey": "billing"}
    log = [
        b.T(0),
        *solved("c-1", 1, **matter),
        *solved("c-2", 200, **matter),
        b.T(9_000),
        b.erasure_requested("somebody-1", b.T(9_000)),
        *(b.T(day * DAY_S) for day in range(1, 60)),
    ]
    worker = BareWorker(book())
    worker.read(log)
    items = items_as_judged(worker, log, book())
    reasons = {one["data"]["conversation_id"]: one["data"]["reason"] for one in items}
    assert reasons == {"c-1": "recontact", "c-2": None}


def items_as_judged(
    worker: BareWorker, log: list[bytes | int], terms: ContractBook
) -> list[dict[str, Any]]:
    """What was billed, which is what the batch computation bills."""
    told = [record.value or b"" for record in worker.outbox.records[topics.BILLING_ITEMS]]
    verdict = judge(log, terms, lateness_ms=Settings().lateness_ms)
    assert verdict.watermark is not None
    account = account_of(billing_records(verdict, NAME), terms, NAME, verdict.watermark)
    assert told == [encode_booked(one) for one in account.booked if isinstance(one, Item)]
    return [orjson.loads(raw) for raw in told]
