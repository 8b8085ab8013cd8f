"""The value of `window-deltas`: one source partition's steps of one batch, as MessagePack."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from streams.domain.delta import Entry
from streams.domain.events import Moment


class DeltaStep(msgspec.Struct, array_like=True):
    """One advance of a source partition's watermark (ms), with the entries of one facts
    partition.
    """

    watermark: Moment
    entries: list[Entry]


class DeltaRecord(msgspec.Struct, array_like=True):
    """Steps of one source partition in order; empty ones carry the watermark alone."""

    source: int
    steps: list[DeltaStep]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(DeltaRecord)


def encode_deltas(source: int, steps: Sequence[DeltaStep]) -> bytes:
    """Bytes of one record. Of a run of empty steps only the last is kept: it says all they say."""
    kept = [
        step
        for step, following in zip(steps, [*steps[1:], None], strict=True)
        if step.entries or following is None
    ]
    return _ENCODER.encode(DeltaRecord(source, kept))


def decode_deltas(raw: bytes) -> DeltaRecord:
    """The record that encode_deltas wrote.

    Raises msgspec.DecodeError, UnicodeDecodeError or TypeError (a map's key that cannot be one).
    """
    return _DECODER.decode(raw)
