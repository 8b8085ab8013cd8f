"""What a batch of a partition's events came to, and how far the partition has been read."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from streams.domain.billing.feed import Fed
from streams.domain.delta import Deltas, Entry
from streams.domain.erasure import ErasureNote
from streams.domain.facts import Fact
from streams.domain.links import LinkStep


class Progress(msgspec.Struct, array_like=True):
    """How far a partition has been read: its clock (ms), and waiting that late events corrected
    since.

    `terms` is the fingerprint of the contracts by which the stored appointments were made.
    """

    clock: int
    carried: list[Entry] = []
    terms: str = ""


@dataclass(slots=True)
class Flush:
    """What a batch came to.

    `states` are the interactions to store: key, and encoded or None where it was forgotten. Of
    those in `erased` the table's medium must keep nothing that it held of them before. `erasures`
    is what to store of them where that `erasures_changed`; None as nothing.
    """

    facts: list[Fact] = field(default_factory=list)
    deltas: Deltas | None = None
    links: list[LinkStep] = field(default_factory=list)
    billing: dict[str, Fed] = field(default_factory=dict)
    states: dict[bytes, bytes | None] = field(default_factory=dict)
    progress: Progress | None = None
    erased: set[bytes] = field(default_factory=set)
    erasures_changed: bool = False
    erasures: bytes | None = None
    notes: list[ErasureNote] = field(default_factory=list)
