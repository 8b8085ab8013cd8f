"""How a LinksPartition lies in its table: one record a customer with open closes, one for the
partition.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping

import msgspec

from streams.domain.links import LinksPartition, OpenClose

_PARTITION_KEY = b"p"


class _StoredPartition(msgspec.Struct, array_like=True):
    reached: int | None


_ENCODER = msgspec.msgpack.Encoder()
_PARTITION = msgspec.msgpack.Decoder(_StoredPartition)
_CLOSES = msgspec.msgpack.Decoder(list[OpenClose])


def changes(
    links: LinksPartition, data: MutableMapping[bytes, bytes]
) -> Iterator[tuple[bytes, bytes | None]]:
    """Write what changed since the last call into `data`; yields it for the changelog, the
    partition last.
    """
    for customer in links.touched:
        name, closes = b"c" + customer, links.open.get(customer)
        if closes is None:
            data.pop(name, None)
            yield name, None
        else:
            data[name] = raw = _ENCODER.encode(closes)
            yield name, raw
    links.touched.clear()
    data[_PARTITION_KEY] = raw = _ENCODER.encode(_StoredPartition(links.reached))
    yield _PARTITION_KEY, raw


def restore(links: LinksPartition, data: MutableMapping[bytes, bytes]) -> None:
    """Fill an empty LinksPartition from its table. Raises msgspec.DecodeError for a foreign record,
    ValueError for one that is not of its customer.
    """
    for name, raw in data.items():
        if name == _PARTITION_KEY:
            links.reached = _PARTITION.decode(raw).reached
            continue
        closes = _CLOSES.decode(raw)
        if not closes or any(b"c" + close.link.customer != name for close in closes):
            raise ValueError("closes of another customer")
        links.open[name[1:]] = closes
    links.restored()
