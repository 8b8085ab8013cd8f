"""Audit samples of who asked for erasure, and their tombstones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from aiokafka.structs import ConsumerRecord

from streams.cli.actor import now_ms
from streams.cli.erasure_request import Asked
from streams.domain.audit.record import decode_sample
from streams.domain.governance import GovernanceEntry, governance_record
from streams.kafka import topics
from streams.kafka.connection import client_options
from streams.kafka.governance_log import log_governance
from streams.kafka.tombstones import write_tombstones
from streams.kafka.topic_reading import read_topic
from streams.kafka.whole_topic import NoTopic, partitions_of, read_whole
from streams.settings import Settings


class _Said(msgspec.Struct, gc=False):
    contract: str | None = None
    conversation_id: str | None = None
    customer_key: str | None = None


class _Event(msgspec.Struct, gc=False):
    data: _Said | None = None


_EVENT = msgspec.json.Decoder(_Event)


async def _conversations(settings: Settings, asked: Collection[Asked]) -> dict[str, set[str]]:
    """By request the conversations that are given or that the topic of events has of a customer."""
    found: dict[str, set[str]] = {one.request: set() for one in asked}
    wanted: dict[tuple[str, str], str] = {}
    for one in asked:
        if one.kind == "conversation":
            found[one.request].add(one.subject)
        else:
            wanted[one.contract, one.subject] = one.request

    def visit(record: Any) -> None:
        try:
            said = _EVENT.decode(record.value or b"").data
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        if said is None or said.conversation_id is None:
            return
        request = wanted.get((said.contract or "", said.customer_key or ""))
        if request is not None:
            found[request].add(said.conversation_id)

    if wanted:
        topic = settings.topic(topics.EVENTS)
        partitions = await partitions_of(settings, topic)
        await read_topic(client_options(settings), topic, partitions, visit)
    return found


async def erase_samples(settings: Settings, asked: Sequence[Asked], actor: str) -> dict[str, int]:
    """Write a tombstone for each audit sample of the subjects; how many, by request."""
    topic = settings.topic(topics.AUDIT_SAMPLES)
    try:
        read = await read_whole(settings, topic)
    except NoTopic:
        return {}
    conversations = await _conversations(settings, asked)
    standing = {
        (number, record.key): record for number, records in read.items() for record in records
    }
    gone: dict[str, list[tuple[int, bytes]]] = {}
    for (number, key), record in standing.items():
        for one in asked:
            if _is_of(record, one.contract, conversations[one.request]):
                gone.setdefault(one.request, []).append((number, key))
    for places in gone.values():
        await write_tombstones(settings, topic, places)
    told = [
        governance_record(
            "baton.governance.samples_erased",
            now_ms(),
            GovernanceEntry(
                contract=one.contract,
                request=one.request,
                actor=actor,
                what=topics.AUDIT_SAMPLES,
                count=len(gone[one.request]),
            ),
        )
        for one in asked
        if one.request in gone
    ]
    if told:
        await log_governance(settings, told)
    return {request: len(places) for request, places in gone.items()}


def _is_of(record: ConsumerRecord, contract: str, conversations: Collection[str]) -> bool:
    if record.value is None or record.key is None:
        return False
    try:
        data = decode_sample(record.value).data
    except ValueError:
        return False
    return data.contract == contract and data.conversation_id in conversations
