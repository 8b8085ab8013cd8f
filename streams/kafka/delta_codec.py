"""The value of `window-deltas`: one source partition's steps of one batch, as MessagePack.

Until December 2026 a record told its steps one after another, each with its entries. The topic
still holds such records when a worker of this version takes over from an older one: they are read
as well and come to the same. An older worker makes dead letters of what is written here: going back
takes windows that have read the topic to its end.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from streams.domain.delta import Deltas, Entry, KeyDelta, deltas_of
from streams.domain.events import Moment


class DeltaRecord(msgspec.Struct, array_like=True):
    """What the steps of one source partition up to `watermark` (ms) added to the keys of one window
    partition.
    """

    source: int
    watermark: Moment
    keys: list[KeyDelta]


class _StepsRecord(msgspec.Struct, array_like=True):
    """As it was written before; of steps without entries only the last was."""

    source: int
    steps: Annotated[list[_Step], msgspec.Meta(min_length=1)]


class _Step(msgspec.Struct, array_like=True):
    watermark: Moment
    entries: list[Entry]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(DeltaRecord)
_STEPS_DECODER = msgspec.msgpack.Decoder(_StepsRecord)


def encode_deltas(source: int, deltas: Deltas) -> bytes:
    """Bytes of one record."""
    return _ENCODER.encode(DeltaRecord(source, deltas.watermark, deltas.keys))


def decode_deltas(raw: bytes) -> tuple[int, Deltas]:
    """The source and the deltas of a record that encode_deltas wrote, or an older version.

    Raises msgspec.DecodeError, UnicodeDecodeError or TypeError (a map's key that cannot be one).
    """
    try:
        record = _DECODER.decode(raw)
    except msgspec.ValidationError:
        return _decode_steps(raw)
    return record.source, Deltas(record.watermark, record.keys)


def _decode_steps(raw: bytes) -> tuple[int, Deltas]:
    record = _STEPS_DECODER.decode(raw)
    steps = [(step.watermark, step.entries) for step in record.steps]
    return record.source, deltas_of(steps[-1][0], steps)
