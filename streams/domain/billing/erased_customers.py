"""What billing calls the customers who asked for erasure. DEFINITIONS.md section 12.

Their records keep who belongs together, for that a matter is billed once is judged by it, but not
their digest: the name that they get instead is made of the least fact of theirs that is held, which
stands beside it in clear, so it says nothing that did not stand there, and nobody can come to it
from a customer's key. All times in ms since 1970 UTC.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final, NamedTuple

from msgspec.structs import replace

from streams.domain.billing.records import Told
from streams.domain.links import DroppedCustomer
from streams.domain.memory import FORGET_AFTER_MS

_DIGEST_BYTES: Final = 16
_OF_CUSTOMERS: Final = b"baton.renamed"
_OF_FACTS: Final = b"baton.nobody"
_NEVER: Final = 1 << 62
# A name, None before anything needs one, and until when each request is remembered, in order.
Renamed = tuple[bytes | None, tuple[int, ...]]


class Renaming(NamedTuple):
    """How many records of a customer got another name for a request, as a source asked at `at`
    (ms).
    """

    request: bytes
    source: int
    at: int
    records: int


def remembered_as(customer: bytes) -> bytes:
    """How a renamed customer is known again while a request is remembered: 16 bytes that no other
    table has.
    """
    return blake2b(customer, digest_size=_DIGEST_BYTES, person=_OF_CUSTOMERS).digest()


def name_after(fact_id: str) -> bytes:
    """What the customers of this and other facts are called in place of a digest: 16 bytes."""
    return blake2b(fact_id.encode(), digest_size=_DIGEST_BYTES, person=_OF_FACTS).digest()


class ErasedCustomers:
    """Who is called otherwise in one contract's accounts, while the requests are remembered.

    What is known of a customer by then is one customer's, what is known after that another's, and
    so on at the end of every further request. `touched` are those of whom that changed, by
    `remembered_as`, for whoever stores it.
    """

    def __init__(self) -> None:
        self._renamed: dict[bytes, Renamed] = {}
        self._expires = _NEVER
        self.touched: set[bytes] = set()

    def __bool__(self) -> bool:
        """Whether anybody is called otherwise."""
        return bool(self._renamed)

    def ask(self, one: DroppedCustomer, least: str | None) -> bytes | None:
        """Take a request at its moment; what the customer is called from now on. `least` is the
        least id of the facts that are held under its digest; None without any.
        """
        place = remembered_as(one.customer)
        name, ends = self._at(place, one.at)
        until = max(one.at, one.until + FORGET_AFTER_MS)
        if name is None and least is not None:
            name = name_after(least)
        self._set(place, (name, tuple(sorted({*ends, until}))))
        return name

    def as_called(self, told: Told) -> Told:
        """The record under its customer's name. Call it in order of `known`, then of fact ids."""
        if told.customer is None:
            return told
        place = remembered_as(told.customer)
        if place not in self._renamed:
            return told
        name, ends = self._at(place, told.known)
        if not ends:
            return told
        if name is None:
            name = name_after(told.fact.id)
        self._set(place, (name, ends))
        return replace(told, customer=name)

    def expire(self, reached: int) -> None:
        """Forget the requests that nothing known after `reached` is called by."""
        if self._expires > reached:
            return
        for place in list(self._renamed):
            self._set(place, self._at(place, reached + 1))

    def _at(self, place: bytes, known: int) -> Renamed:
        name, ends = self._renamed.get(place, (None, ()))
        left = tuple(end for end in ends if end >= known)
        return (name if left == ends else None, left)

    def _set(self, place: bytes, renamed: Renamed) -> None:
        if self._renamed.get(place) == renamed:
            return
        if renamed[1]:
            self._renamed[place] = renamed
        else:
            self._renamed.pop(place, None)
        self._expires = min((ends[0] for _, ends in self._renamed.values()), default=_NEVER)
        self.touched.add(place)

    # -- storing -------------------------------------------------------------------------------

    def held(self, place: bytes) -> Renamed | None:
        """What is held of a customer, by `remembered_as`."""
        return self._renamed.get(place)

    def restore(self, place: bytes, renamed: Renamed) -> None:
        """Go on with what an earlier process held."""
        self._set(place, renamed)
        self.touched.clear()
