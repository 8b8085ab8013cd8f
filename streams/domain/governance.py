"""The governance log: who erased, who looked, what was deleted. Nobody is named in it whose data it
was.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Literal

import msgspec
import orjson

from streams.domain.facts import rfc3339

SOURCE = "/baton"
GovernanceType = Literal[
    "baton.governance.requested",
    "baton.governance.applied",
    "baton.governance.erased",
    "baton.governance.unlinked",
    "baton.governance.renamed",
    "baton.governance.samples_erased",
    "baton.governance.accessed",
    "baton.governance.deleted",
]
AccessKind = Literal["audit-samples", "trace", "similar", "audit-frame"]


class GovernanceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What was done. Fields that do not bear on it are None.

    `request` names a request of erasure (erasure.request_id, in hex), `actor` who did it,
    `conversation` is a digest; `count` says how many of what the type is about.
    """

    contract: str | None = None
    request: str | None = None
    actor: str | None = None
    purpose: str | None = None
    what: str | None = None
    count: int = 0
    partition: int | None = None
    source_partition: int | None = None
    settled_by: str | None = None
    conversation: str | None = None


class GovernanceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A structured CloudEvent; equal records are equal bytes."""

    id: str
    type: GovernanceType
    time: str
    data: GovernanceEntry
    specversion: Literal["1.0"] = "1.0"
    source: str = SOURCE
    datacontenttype: str = "application/json"


_DECODER = msgspec.json.Decoder(GovernanceRecord)


def governance_record(
    type: GovernanceType, time_ms: int, data: GovernanceEntry, nonce: str = ""
) -> GovernanceRecord:
    """A record at `time_ms`. What is told twice has one id, unless a `nonce` tells it apart."""
    named = [type, time_ms, data.request, data.partition, data.source_partition, data.what, nonce]
    name = hashlib.sha256(orjson.dumps(named)).hexdigest()[:32]
    return GovernanceRecord(id=name, type=type, time=rfc3339(time_ms), data=data)


def access_record(time_ms: int, entry: GovernanceEntry) -> GovernanceRecord:
    """That somebody looked at something; each time it is another record."""
    return governance_record("baton.governance.accessed", time_ms, entry, uuid.uuid4().hex)


def governance_key(record: GovernanceRecord) -> bytes:
    """The record's key: the request, so that all of one stands in a partition, else its own id."""
    return (record.data.request or record.id).encode()


def encode_governance(record: GovernanceRecord) -> bytes:
    """The record as JSON."""
    return msgspec.json.encode(record)


def decode_governance(raw: bytes) -> GovernanceRecord:
    """What encode_governance wrote. Raises msgspec.DecodeError or UnicodeDecodeError."""
    return _DECODER.decode(raw)


def conversation_digest(conversation: str) -> str:
    """What a conversation is called on the governance log: whoever knows it can look for it."""
    named = conversation.encode(errors="surrogateescape")
    return hashlib.blake2b(named, digest_size=16, person=b"baton.accessed").hexdigest()
