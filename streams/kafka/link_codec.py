"""The value of `customer-links`: one source partition's steps of one batch, as MessagePack."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from streams.domain.links import LinkStep


class LinkRecord(msgspec.Struct, array_like=True):
    """Steps of one source partition in order; empty ones carry the watermark alone."""

    source: int
    steps: list[LinkStep]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(LinkRecord)


def encode_links(source: int, steps: Sequence[LinkStep]) -> bytes:
    """Bytes of one record."""
    return _ENCODER.encode(LinkRecord(source, list(steps)))


def decode_links(raw: bytes) -> LinkRecord:
    """The record that encode_links wrote. Raises msgspec.DecodeError or UnicodeDecodeError."""
    return _DECODER.decode(raw)
