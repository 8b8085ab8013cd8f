"""The value of `billing-records`: what one source partition told of contracts, as MessagePack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from streams.domain.billing.records import Told
from streams.domain.events import Moment
from streams.domain.facts import Fact, FactKind
from streams.domain.links import CustomerDigest, DroppedCustomer


class FactFields(msgspec.Struct, array_like=True, gc=False):
    """A Fact by position."""

    kind: FactKind
    contract: str
    version: int
    conversation: str
    life: int
    episode: int
    ordinal: int
    time: Moment
    channel: str
    market: str
    journey: str
    supplier: str
    prompt_version: str
    model: str
    knowledge_version: str
    detail: dict[str, Any]
    revision: int = 0
    late: bool = False
    retracts: bool = False


class ToldFields(msgspec.Struct, array_like=True, gc=False):
    """A Told by position."""

    known: Moment
    customer: CustomerDigest | None
    fact: FactFields

    @property
    def told(self) -> Told:
        """The record that it is."""
        return Told(Fact(*msgspec.structs.astuple(self.fact)), self.known, self.customer)


def fields_of(told: Told) -> ToldFields:
    """A Told by position."""
    return ToldFields(told.known, told.customer, FactFields(*msgspec.structs.astuple(told.fact)))


class BillingRecord(msgspec.Struct, array_like=True):
    """What a source partition told up to a watermark (ms; None: a further record says it).

    `begun`, by contract: when the least of the records that no ledger needs was known, and the
    time of its fact. `erased`: customers who asked for erasure.
    """

    source: int
    watermark: Moment | None
    told: list[ToldFields]
    begun: dict[str, tuple[Moment, Moment]] = {}
    erased: list[DroppedCustomer] = []


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(BillingRecord)


def encode_billing(
    source: int,
    watermark: int | None,
    told: Sequence[Told],
    begun: dict[str, tuple[int, int]],
    erased: Sequence[DroppedCustomer] = (),
) -> bytes:
    """Bytes of one record."""
    return _ENCODER.encode(
        BillingRecord(source, watermark, [fields_of(one) for one in told], begun, list(erased))
    )


def decode_billing(raw: bytes) -> BillingRecord:
    """The record that encode_billing wrote. Raises msgspec.DecodeError or UnicodeDecodeError."""
    return _DECODER.decode(raw)
