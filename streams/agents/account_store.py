"""A ledger's conversations and units in its table, read where they are looked at."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping

import msgspec

from streams.agents.stored_conversation import decode_conversation, encode_conversation
from streams.domain.billing.conversation import Conversation
from streams.domain.billing.periods import Span
from streams.domain.billing.units import Members

SEPARATOR = b"\x00"
Change = tuple[bytes, bytes | None]


class UnreadableRecord(ValueError):
    """A record of the table was not written by this program."""


class _Minute(msgspec.Struct, array_like=True):
    count: int
    micros: int
    members: msgspec.Raw


_ENCODER = msgspec.msgpack.Encoder()
_MINUTE = msgspec.msgpack.Decoder(_Minute)
_MEMBERS = msgspec.msgpack.Decoder(list[tuple[str, int, int, int, int]])
_MINUTE_NAME = msgspec.msgpack.Decoder(tuple[int, int])


class TableStore:
    """A LedgerStore over the table of one contract: what is put away is pending until `write`.

    Reading raises UnreadableRecord for another's bytes, and what the table raises.
    """

    def __init__(self, contract: str, data: MutableMapping[bytes, bytes]) -> None:
        self._contract = contract
        self._prefix = contract.encode() + SEPARATOR
        self._data = data
        self._pending: dict[bytes, bytes | None] = {}

    def _get(self, name: bytes) -> bytes | None:
        key = self._prefix + name
        return self._pending[key] if key in self._pending else self._data.get(key)

    def conversation(self, name: str) -> Conversation | None:
        """What the table has of a conversation."""
        raw = self._get(b"c" + name.encode())
        if raw is None:
            return None
        try:
            return decode_conversation(raw, self._contract, name)
        except (msgspec.DecodeError, UnicodeDecodeError, LookupError, ValueError) as error:
            raise UnreadableRecord(f"a conversation: {type(error).__name__}") from error

    def keep(self, conversation: Conversation) -> None:
        """Let the next `write` store it."""
        key = self._prefix + b"c" + conversation.name.encode()
        self._pending[key] = None if conversation.empty else encode_conversation(conversation)

    def members(self, span: Span, minute: int) -> Members:
        """What the table has of a minute's units."""
        raw = self._get(_minute_name(span, minute))
        if raw is None:
            return {}
        try:
            members = _MEMBERS.decode(_MINUTE.decode(raw).members)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UnreadableRecord(f"a minute's units: {type(error).__name__}") from error
        return {
            (conversation, life, episode): (minute + beside, micros)
            for conversation, life, episode, beside, micros in members
        }

    def keep_members(self, span: Span, minute: int, members: Members) -> None:
        """Let the next `write` store them."""
        key = self._prefix + _minute_name(span, minute)
        self._pending[key] = None if not members else encode_minute(minute, members)

    def write(self, data: MutableMapping[bytes, bytes]) -> Iterator[Change]:
        """Put what is pending into the table; yields it for the changelog. What is gone of what was
        never stored is nothing.
        """
        self._data = data
        pending, self._pending = self._pending, {}
        for key in sorted(pending):
            if stored(data, key, pending[key]):
                yield key, pending[key]


def stored(data: MutableMapping[bytes, bytes], key: bytes, raw: bytes | None) -> bool:
    """Put a record into a table, None as its end; False where there was nothing to end."""
    if raw is None:
        return data.pop(key, None) is not None
    data[key] = raw
    return True


def encode_minute(minute: int, members: Members) -> bytes:
    """A minute's units: how many, what they come to, and which."""
    listed = [(*episode, time - minute, micros) for episode, (time, micros) in members.items()]
    micros = sum(micros for _, micros in members.values())
    raw = msgspec.Raw(_ENCODER.encode(listed))
    return _ENCODER.encode(_Minute(len(listed), micros, raw))


def minute_of(name: bytes, raw: bytes) -> tuple[int, int, int, int]:
    """Of a minute's record without its letter: the end of its period, its own (ms), how many units
    there are, and what they come to. Raises msgspec.DecodeError.
    """
    end, minute = _MINUTE_NAME.decode(name)
    stored = _MINUTE.decode(raw)
    return end, minute, stored.count, stored.micros


def _minute_name(span: Span, minute: int) -> bytes:
    return b"m" + _ENCODER.encode((span.end, minute))
