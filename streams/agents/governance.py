"""What stages put on the governance log about a request of erasure."""

from __future__ import annotations

from collections.abc import Iterable

from streams.domain.billing.erased_customers import Renaming
from streams.domain.erasure import ErasureNote, together
from streams.domain.facts import rfc3339
from streams.domain.governance import (
    GovernanceEntry,
    GovernanceRecord,
    GovernanceType,
    encode_governance,
    governance_key,
    governance_record,
)
from streams.domain.links import Dropped
from streams.kafka.outbox import Outbox, partition_of

_TYPES: dict[str, GovernanceType] = {
    "named": "baton.governance.applied",
    "erased": "baton.governance.erased",
}


def put_erasures(
    outbox: Outbox, topic: str, partitions: int, number: int, notes: Iterable[ErasureNote]
) -> None:
    """Tell what the lifecycle partition `number` did."""
    for note in together(notes):
        entry = GovernanceEntry(
            contract=note.contract,
            request=note.request.hex(),
            what="interactions",
            count=note.states,
            partition=number,
            settled_by=None if note.settled_by is None else rfc3339(note.settled_by),
        )
        _put(outbox, topic, partitions, governance_record(_TYPES[note.did], note.at, entry))


def put_dropped(
    outbox: Outbox, topic: str, partitions: int, number: int, dropped: Iterable[Dropped]
) -> None:
    """Tell what the customers' partition `number` dropped."""
    for one in dropped:
        entry = GovernanceEntry(
            request=one.request.hex(),
            what="customers",
            count=one.closes,
            partition=number,
            source_partition=one.source,
        )
        record = governance_record("baton.governance.unlinked", one.at, entry)
        _put(outbox, topic, partitions, record)


def put_renamed(
    outbox: Outbox,
    topic: str,
    partitions: int,
    number: int,
    contract: str,
    renamings: Iterable[Renaming],
) -> None:
    """Tell what the billing partition `number` did in a contract's accounts."""
    for one in renamings:
        entry = GovernanceEntry(
            contract=contract,
            request=one.request.hex(),
            what="accounts",
            count=one.records,
            partition=number,
            source_partition=one.source,
        )
        record = governance_record("baton.governance.renamed", one.at, entry)
        _put(outbox, topic, partitions, record)


def _put(outbox: Outbox, topic: str, partitions: int, record: GovernanceRecord) -> None:
    key = governance_key(record)
    outbox.put(topic, partition_of(key, partitions), key, encode_governance(record))
