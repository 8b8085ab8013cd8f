"""How a LinksPartition lies in its table: one record a customer with open closes, one for the
partition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from functools import partial

import msgspec

from streams.domain.links import LinksPartition, OpenClose

_PARTITION_KEY = b"p"


class _StoredPartition(msgspec.Struct, array_like=True):
    reached: int | None


_ENCODER = msgspec.msgpack.Encoder()
_PARTITION = msgspec.msgpack.Decoder(_StoredPartition)
_CLOSES = msgspec.msgpack.Decoder(list[OpenClose])


def key_of(customer: bytes) -> bytes:
    """Under which key the table has a customer's closes."""
    return b"c" + customer


def changes(
    links: LinksPartition, data: MutableMapping[bytes, bytes]
) -> Iterator[tuple[bytes, bytes | None]]:
    """Write what changed since the last call into `data`; yields it for the changelog, the
    partition last.
    """
    for customer in links.touched:
        name, closes = key_of(customer), links.open.get(customer)
        if closes:
            data[name] = raw = _ENCODER.encode(closes)
            yield name, raw
        else:
            data.pop(name, None)
            yield name, None
    links.stored_in(partial(_stored, data))
    data[_PARTITION_KEY] = raw = _ENCODER.encode(_StoredPartition(links.reached))
    yield _PARTITION_KEY, raw


def _stored(data: Mapping[bytes, bytes], customer: bytes) -> list[OpenClose]:
    raw = data.get(key_of(customer))
    return [] if raw is None else _CLOSES.decode(raw)


def restore(links: LinksPartition, data: MutableMapping[bytes, bytes]) -> set[tuple[str, int]]:
    """Let an empty LinksPartition go on from its table; the contracts and versions whose closes it
    holds.

    Raises msgspec.DecodeError for a foreign record, ValueError for one that is not of its customer.
    """
    raw = data.get(_PARTITION_KEY)
    links.stored_in(partial(_stored, data))
    links.heard_before(None if raw is None else _PARTITION.decode(raw).reached)
    held: set[tuple[str, int]] = set()
    for name, raw in data.items():
        if name == _PARTITION_KEY:
            continue
        closes = _CLOSES.decode(raw)
        if not closes or any(key_of(close.link.customer) != name for close in closes):
            raise ValueError("closes of another customer")
        held.update((close.link.contract, close.link.version) for close in closes)
        links.remember(name[1:], closes)
    return held
