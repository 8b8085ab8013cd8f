"""What one partition knows of erasures: who asked for them, and which conversations are closed.

DEFINITIONS.md section 12. All times in ms.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Annotated, Final, Literal

import msgspec

from streams.domain.events import ErasureRequested, Moment, SubjectKind, epoch_ms
from streams.domain.links import DroppedCustomer, customer_digest
from streams.domain.memory import FORGET_AFTER_MS

_DIGEST_BYTES: Final = 16
_PERSON: Final = b"baton.erased"
_NEVER: Final = 1 << 62

# Of a request, and of what it names. Neither leads back to anybody but by a guess, and no other
# table holds the same.
RequestId = Annotated[bytes, msgspec.Meta(min_length=_DIGEST_BYTES, max_length=_DIGEST_BYTES)]
SubjectDigest = Annotated[bytes, msgspec.Meta(min_length=_DIGEST_BYTES, max_length=_DIGEST_BYTES)]
# Of an erased state: E (ms), and which request it was.
ErasedBy = tuple[Moment, RequestId]


def request_id(event: ErasureRequested) -> RequestId:
    """What a request is called in tables and on the governance log: 16 bytes of its source and id,
    which may say anything.
    """
    return request_digest(event.source, event.id)


def request_digest(source: str, id: str) -> RequestId:
    """The request_id of a request with this source and id."""
    return blake2b(f"{source}\x00{id}".encode(), digest_size=_DIGEST_BYTES).digest()


def subject_digest(kind: SubjectKind, contract: str, key: str) -> SubjectDigest:
    """How a subject is remembered while what was said of it may still come again: 16 bytes."""
    named = f"{kind}\x00{contract}\x00{key}".encode()
    return blake2b(named, digest_size=_DIGEST_BYTES, person=_PERSON).digest()


class ErasureNote(msgspec.Struct, frozen=True):
    """What a partition did for a request, for the governance log.

    `named`: it read the request, and `states` lost their customer's name then, the last of them to
    be settled by `settled_by` (None where there are none). `erased`: that many were forgotten at
    the watermark. `at` is the watermark; before the first tick the request's time.
    """

    request: RequestId
    contract: str
    did: Literal["named", "erased"]
    states: int
    at: int
    settled_by: int | None = None


class _Named(msgspec.Struct, array_like=True):
    subject: SubjectDigest
    until: Moment
    request: RequestId
    kind: SubjectKind = "customer"


class _Closed(msgspec.Struct, array_like=True):
    conversation: SubjectDigest
    until: Moment


class _Stored(msgspec.Struct, array_like=True):
    named: list[_Named]
    closed: list[_Closed]
    untold: list[DroppedCustomer]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Stored)


class Erasures:
    """The requests that one partition remembers, and the conversations that are closed in it.

    `stored` is what `changed` gave last, None for nothing. Raises msgspec.DecodeError for anything
    else.
    """

    def __init__(self, stored: bytes | None = None) -> None:
        told = _Stored([], [], []) if stored is None else _DECODER.decode(stored)
        self._named = {one.subject: one for one in told.named}
        self._closed = {one.conversation: one.until for one in told.closed}
        self._untold = told.untold
        self._changed = False
        self._count()

    def _count(self) -> None:
        ends = [one.until + FORGET_AFTER_MS for one in self._named.values()]
        self.expires = min([*ends, *self._closed.values()], default=_NEVER)
        # Asked with every event: whether there is anything to look up.
        self.names, self.closes = bool(self._named), bool(self._closed)
        kinds = {one.kind for one in self._named.values()}
        self.customers, self.conversations = "customer" in kinds, "conversation" in kinds

    def ask(self, event: ErasureRequested, reached: int | None) -> None:
        """Remember a request that was read at the watermark `reached`."""
        data, until, request = event.data, epoch_ms(event.time), request_id(event)
        subject = subject_digest(data.subject_kind, data.contract, data.subject_key)
        known = self._named.get(subject)
        if known is None or until > known.until:
            self._named[subject] = _Named(subject, until, request, data.subject_kind)
        if data.subject_kind == "customer":
            customer = customer_digest(data.contract, data.subject_key)
            at = until if reached is None else reached + 1
            self._untold.append(DroppedCustomer(at, customer, until, request, data.contract))
        self._touch()

    def erasing(self, kind: SubjectKind, contract: str, key: str, since: int) -> ErasedBy | None:
        """The request that erases a state of this subject, known in it since `since` (ms)."""
        found = self._named.get(subject_digest(kind, contract, key))
        return None if found is None or since > found.until else (found.until, found.request)

    def close(self, contract: str, conversation: str, until: int) -> None:
        """Take no event of a conversation before W has reached `until`."""
        self._closed[subject_digest("conversation", contract, conversation)] = until
        self._touch()

    def is_closed(self, contract: str, conversation: str) -> bool:
        """Whether its events are ignored."""
        return subject_digest("conversation", contract, conversation) in self._closed

    def tell(self, upto: int, first: bool) -> list[DroppedCustomer]:
        """What the customers' partitions have not heard yet, told at the watermark `upto`, which is
        the `first` or not.
        """
        if not self._untold:
            return []
        told, self._untold = self._untold, []
        self._touch()
        return [msgspec.structs.replace(one, at=upto) for one in told] if first else told

    def expire(self, reached: int) -> None:
        """Forget what is too late by now."""
        named, closed = self._named, self._closed
        self._named = {s: n for s, n in named.items() if n.until + FORGET_AFTER_MS > reached}
        self._closed = {c: until for c, until in closed.items() if until > reached}
        self._touch()

    def _touch(self) -> None:
        self._changed = True
        self._count()

    def changed(self) -> tuple[bool, bytes | None]:
        """Whether it changed since it was last asked, and how it is to be stored: None as
        nothing.
        """
        changed, self._changed = self._changed, False
        if not changed or not (self._named or self._closed or self._untold):
            return changed, None
        return True, _ENCODER.encode(
            _Stored(
                sorted(self._named.values(), key=lambda one: one.subject),
                [_Closed(*one) for one in sorted(self._closed.items())],
                self._untold,
            )
        )


def together(notes: Iterable[ErasureNote]) -> list[ErasureNote]:
    """Notes of which no two say the same of one request and moment."""
    found: dict[tuple[RequestId, str, int], ErasureNote] = {}
    for note in notes:
        place = (note.request, note.did, note.at)
        known = found.get(place)
        if known is not None:
            ends = [n.settled_by for n in (known, note) if n.settled_by is not None]
            note = msgspec.structs.replace(
                note, states=known.states + note.states, settled_by=max(ends, default=None)
            )
        found[place] = note
    return list(found.values())


def closed_until(erased: ErasedBy, latest: int) -> int:
    """Until when the conversation of an erased state is closed once that is forgotten (ms)."""
    return max(erased[0], latest) + FORGET_AFTER_MS
