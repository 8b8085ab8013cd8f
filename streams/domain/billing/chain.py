"""The hash chain over a period's records, its seal, and who signed it. BILLING.md section 8."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from streams.domain.billing.periods import Span
from streams.domain.billing.records import Booked, Seal, encode_booked

_BEGIN = "baton-billing-1"


class Signer(Protocol):
    """Who puts a signature under a seal."""

    def signed(self, seal: Seal) -> Seal:
        """The seal with key id and signature."""
        ...


class Chain:
    """h0 to hn of one period. `head` is hn in hexadecimal."""

    def __init__(self, contract: str, period: str) -> None:
        self._hash = hashlib.sha256(f"{_BEGIN}\n{contract}\n{period}".encode()).digest()
        self.length = 0

    @staticmethod
    def resumed(contract: str, period: str, head: bytes, length: int) -> Chain:
        """The chain of a period that has so many records, the last of this digest."""
        chain = Chain(contract, period)
        chain._hash, chain.length = head, length
        return chain

    @property
    def head(self) -> str:
        """The digest over all records so far, in hexadecimal."""
        return self._hash.hex()

    def append(self, record: Booked) -> str:
        """Chain one record; the head after it."""
        return self.append_bytes(encode_booked(record))

    def append_bytes(self, canonical: bytes) -> str:
        """Chain a record's canonical bytes; the head after them."""
        self._hash = hashlib.sha256(self._hash + hashlib.sha256(canonical).digest()).digest()
        self.length += 1
        return self.head


@dataclass(slots=True)
class OpenPeriod:
    """One period that is not closed: its chain and what it came to so far."""

    span: Span
    chain: Chain
    total: int = 0
