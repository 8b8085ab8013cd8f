"""The links stage between topics: links by customer in, deltas of one more source out."""

from __future__ import annotations

from functools import cache

import pytest

from streams.agents.routing import customer_partition
from streams.contract_files import bundled_contract, load_contracts
from streams.domain.contract import ContractBook
from streams.domain.links import Link, LinkStep, customer_digest
from streams.kafka import topics
from streams.kafka.delta_codec import decode_deltas
from streams.kafka.link_codec import decode_links, encode_links
from streams.kafka.store import StateError
from tests import log_builder as b
from tests.bare_worker import PARTITIONS, BareWorker

DAY = 86_400
K1 = customer_digest("telco-2026", "k1")
KEYS = ("chat", "SG", "northcall", "unknown", "unknown", "unknown")


@cache
def book() -> ContractBook:
    return load_contracts([bundled_contract("telco-2026")])


def close(version: int = 1, contract: str = "telco-2026") -> Link:
    return Link(b.T(0), True, "c-1", b.LIFE, 1, K1, contract, "billing", version, *KEYS)


def solved(conversation: str, time: float, **said: object) -> list[bytes]:
    return [
        b.customer_message(conversation, b.T(time), **said),
        b.ai_turn(conversation, b.T(time), **said),
        b.ended(conversation, b.T(time + 50), **said),
    ]


def test_links_go_to_their_customers_partition_and_hold_no_key_of_a_customer() -> None:
    worker = BareWorker(book())
    said = [solved(f"c-{i}", i, customer_key=f"somebody-{i % 3}") for i in range(9)]
    worker.read([b.T(0), *(raw for events in said for raw in events), b.T(200)])
    records = worker.outbox.records[topics.LINKS]
    assert not any(b"somebody" in (record.value or b"") for record in records)
    links = [
        (record.partition, link)
        for record in records
        for step in decode_links(record.value or b"").steps
        for link in step.links
    ]
    assert len([link for _, link in links if link.close]) == 9
    assert len([link for _, link in links if not link.close]) == 9
    for partition, link in links:
        assert customer_partition(link.customer, PARTITIONS) == partition


def test_to_the_windows_each_links_partition_is_one_more_source() -> None:
    worker = BareWorker(book())
    worker.read([b.T(0), *solved("c-1", 1, customer_key="k1"), b.T(60 + DAY)])
    sources = {decode_deltas(r.value or b"")[0] for r in worker.outbox.records[topics.DELTAS]}
    assert sources == set(range(2 * PARTITIONS))
    reached = set(worker.telemetry.watermarks.values())
    assert {windows.watermark for windows in worker.telemetry.windows.values()} == reached
    assert worker.telemetry.records["links"] > 0


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"not MessagePack", "schema_violation"),
        (b"", "schema_violation"),
        (encode_links(PARTITIONS, [LinkStep(1, [])]), "schema_violation"),
        (encode_links(-1, [LinkStep(1, [])]), "schema_violation"),
        (encode_links(0, [LinkStep(1, [close(contract="nobodys")])]), "unknown_contract"),
        (encode_links(0, [LinkStep(1, [close(version=99)])]), "unknown_contract"),
        (encode_links(0, [LinkStep(1, [close()])]).replace(K1, K1[:-1]), "schema_violation"),
    ],
)
def test_what_cannot_be_a_stage_s_is_a_dead_letter_and_work_goes_on(raw: bytes, code: str) -> None:
    worker = BareWorker(book())
    after = [encode_links(source, [LinkStep(b.T(9), [])]) for source in range(PARTITIONS)]
    worker.take_links(raw, *after)
    assert worker.telemetry.dead_letters == {("links", code): 1}
    told = [decode_deltas(record.value or b"") for record in worker.outbox.records[topics.DELTAS]]
    assert {deltas.watermark for _, deltas in told} == {b.T(9)}


@pytest.mark.parametrize(
    "table", [{b"p": b"\xc1"}, {b"c" + K1: b"\x90"}, {b"c" + K1: b"no state of ours"}]
)
def test_a_table_that_is_none_of_ours_names_the_changelog(table: dict[bytes, bytes]) -> None:
    with pytest.raises(StateError, match=r"^customers-changelog/0 holds a record that cannot"):
        BareWorker(book(), customers=table).adopt()


def test_closes_of_a_contract_that_is_not_loaded_name_it() -> None:
    before = BareWorker(book())
    before.read([b.T(0), *solved("c-1", 1, customer_key="k1"), b.T(600)])
    table = max(before.customer_tables(), key=len)
    renamed = {name: raw.replace(b"telco-2026", b"telco-2025") for name, raw in table.items()}
    with pytest.raises(StateError, match="computed for 'telco-2025', which --contract does not"):
        BareWorker(book(), customers=renamed).adopt()
