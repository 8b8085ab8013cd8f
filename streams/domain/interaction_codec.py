"""How a conversation's state lies in its table: when it is due next, then what is remembered."""

from __future__ import annotations

import msgspec

from streams.domain.interaction import Interaction
from streams.domain.notes import well_formed

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Interaction)
_DUE_BYTES = 8


class UnreadableState(ValueError):
    """Bytes that encode_interaction did not write."""


def encode_interaction(state: Interaction, due: int) -> bytes:
    """For a table and its changelog: when it is due next (ms), then the state as MessagePack."""
    return due.to_bytes(_DUE_BYTES, "big", signed=True) + _ENCODER.encode(state)


def decode_interaction(raw: bytes) -> Interaction:
    """The state that encode_interaction wrote. Raises UnreadableState."""
    try:
        state = _DECODER.decode(raw[_DUE_BYTES:])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableState(str(error)) from error
    if (
        state.latest is None
        or state.earliest is None
        or len(state.bursts) != 2 * len(state.burst_channels)
        or not all(map(well_formed, state.notes))
    ):
        raise UnreadableState("the state of no conversation")
    return state


def due_of(raw: bytes) -> int:
    """When an encoded interaction is due (ms), without decoding the rest. Raises UnreadableState
    where it is too short to be one.
    """
    if len(raw) <= _DUE_BYTES:
        raise UnreadableState(f"{len(raw)} bytes")
    return int.from_bytes(raw[:_DUE_BYTES], "big", signed=True)
