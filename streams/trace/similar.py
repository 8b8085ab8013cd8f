"""Interactions that failed as one did, and in which versions that is more frequent.

All times in ms since 1970 UTC.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from streams.domain.contract import PPM, ContractBook
from streams.domain.events import Data, ErasureRequested, Tick, epoch_ms
from streams.domain.lifecycle import LifecyclePartition, interaction_key, interaction_names
from streams.domain.significance import LEVEL, compare
from streams.domain.wire import Rejection, decode_event
from streams.trace.signature import (
    PARTS,
    UNKNOWN,
    VERSION_PARTS,
    Marks,
    Part,
    Signature,
    chosen,
)

_BATCH = 2_000
Named = tuple[str, str]  # contract, conversation


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """Interactions of the same full signature among those found."""

    count: int
    parts: dict[str, str]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One interaction that failed alike, and when."""

    conversation: str
    time: int
    parts: dict[str, str]


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """How frequent the failure is among the interactions that one version served.

    Shares are parts per million; `low_ppm` to `high_ppm` is the interval of the difference between
    the asked interaction's own version and this one. `verdict` is own against this one: `higher`,
    `lower`, `no_difference` or, with a small sample, `too_few`.
    """

    part: str
    version: str
    own: bool
    failed: int
    served: int
    share_ppm: int
    verdict: str | None = None
    difference_ppm: int | None = None
    low_ppm: int | None = None
    high_ppm: int | None = None


class Similar(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. `count` are all, the asked one included; `interactions` the latest of them,
    `variants` the most frequent of their `different` full signatures.

    `population` are the interactions of the contract in which something failed or an eligible
    episode has closed.
    """

    contract: str
    conversation: str
    basis: str
    limits: list[str]
    watermark: int | None
    signature: dict[str, str]
    same: list[str]
    count: int
    population: int
    different: int
    variants: list[Variant]
    shares: list[Share]
    interactions: list[Found]


class NothingFailed(LookupError):
    """The interaction has no signature, or is not known; the message says which."""


class SignatureReader:
    """Reads one partition of a log as a worker does and keeps the marks of each interaction.

    Needs the memory of what is open at a time, and some facts of each interaction beside it. Of
    what a request of erasure names the marks are taken back (DEFINITIONS.md section 12).
    """

    def __init__(
        self, book: ContractBook, lateness_ms: int, marks: Callable[[Named], Marks]
    ) -> None:
        self._book = book
        self._marks = marks
        self._states: dict[bytes, bytes] = {}
        self._lifecycle = LifecyclePartition(book, lateness_ms, self._states)
        self._pending = 0
        self._known: set[Named] = set()
        self._asked = False
        self._gone: set[Named] = set()

    @property
    def watermark(self) -> int | None:
        """The time up to which it has read."""
        return self._lifecycle.watermark

    def tick(self, time: int) -> None:
        """Time has come to `time`."""
        self._lifecycle.tick(time)
        self._pending += 1
        # What is erased must be known before anything else is said of it.
        if self._pending >= _BATCH or self._asked:
            self.flush()

    def record(self, raw: bytes | None, key: bytes | None = None) -> None:
        """Fold one record; what cannot be used is passed over. `key` as topics have it."""
        try:
            event = decode_event(raw, self._book)
            if isinstance(event, Tick):
                self.tick(epoch_ms(event.time))
                return
            data = getattr(event, "data", None)
            if isinstance(data, Data) and key is not None and key != data.conversation_id.encode():
                return
            self._lifecycle.event(event)
        except Rejection:
            return
        self._pending += 1
        if isinstance(event, ErasureRequested):
            self._erase(event)
        elif isinstance(data, Data) and not data.test:
            named = (data.contract, data.conversation_id)
            if named not in self._gone or self._is_held(named):
                self._known.add(named)
                self._marks(named).event(event, data)

    def _is_held(self, named: Named) -> bool:
        """Whether the last event of an interaction that was erased began a new life of it."""
        self.flush()
        return interaction_key(*named) in self._states

    def _erase(self, event: ErasureRequested) -> None:
        """Take back what was forgotten before it was asked for; the rest is when it is settled."""
        self.flush()
        self._asked = True
        said, until = event.data, epoch_ms(event.time)
        for named in self._known:
            if named[0] == said.contract and interaction_key(*named) not in self._states:
                marks = self._marks(named)
                if marks.names(said.subject_kind, said.subject_key, until, named[1]):
                    marks.erase()

    def flush(self) -> None:
        """Take in what was published so far."""
        self._pending = 0
        flush = self._lifecycle.flush()
        for fact in flush.facts:
            self._marks((fact.contract, fact.conversation)).fact(fact)
        for key in flush.erased:
            if flush.states[key] is None:
                named = interaction_names(key)
                self._gone.add(named)
                self._marks(named).erase()


def similar_to(
    contract: str,
    conversation: str,
    marks: Mapping[Named, Marks],
    same: Sequence[Part],
    *,
    limit: int,
    basis: str,
    watermark: int | None,
    limits: Sequence[str] = (),
) -> Similar:
    """The interactions of the contract whose signature has the same values in `same`.

    At most `limit` are named, the latest failures first, and as many signatures. Raises
    NothingFailed.
    """
    own = marks.get((contract, conversation))
    signature = None if own is None else own.signature()
    if signature is None and own is not None and own.erased:
        raise NothingFailed(
            f"{basis}: conversation {conversation} of {contract} was erased, as was asked for;"
            " nothing is told of it any more"
        )
    if signature is None:
        raise NothingFailed(
            f"{basis}: nothing failed in conversation {conversation} of {contract}, as far as time"
            " has come there; there is no failure signature to compare"
        )
    wanted = chosen(signature, same)
    told = {name: each.signature() for (of, name), each in marks.items() if of == contract}
    alike = {
        name: found
        for name, found in told.items()
        if found is not None and chosen(found, same) == wanted
    }
    variants = Counter(alike.values())
    population = {
        name: each for (of, name), each in marks.items() if of == contract and each.served()
    }
    latest = sorted(alike, key=lambda name: (-_failed_at(marks[contract, name]), name))
    return Similar(
        contract=contract,
        conversation=conversation,
        basis=basis,
        limits=list(limits),
        watermark=watermark,
        signature=_parts(signature),
        same=list(same),
        count=len(alike),
        population=len(population),
        different=len(variants),
        variants=[
            Variant(count=count, parts=_parts(found))
            for found, count in sorted(variants.items(), key=lambda one: (-one[1], one[0]))[:limit]
        ],
        shares=_shares(signature, population, same),
        interactions=[
            Found(
                conversation=name,
                time=_failed_at(marks[contract, name]),
                parts=_parts(alike[name]),
            )
            for name in latest[:limit]
        ],
    )


def _failed_at(marks: Marks) -> int:
    at = marks.failed_at()
    assert at is not None
    return at


def _parts(signature: Signature) -> dict[str, str]:
    return dict(zip(PARTS, signature, strict=True))


def _shares(
    signature: Signature, population: Mapping[str, Marks], same: Iterable[Part]
) -> list[Share]:
    """By each version part, the failure (all else in `same` alike) among who was served by it."""
    shares: list[Share] = []
    for part in VERSION_PARTS:
        rest = tuple(each for each in same if each not in VERSION_PARTS)
        wanted = chosen(signature, rest)
        own = signature[PARTS.index(part)]
        if own == UNKNOWN:
            continue
        counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for marks in population.values():
            served, found = marks.served(), marks.signature()
            assert served is not None
            cell = counts[getattr(served, part)]
            cell[1] += 1
            cell[0] += found is not None and chosen(found, rest) == wanted
        shares += _compared(part, own, {v: (n[0], n[1]) for v, n in counts.items()})
    return shares


def _compared(part: str, own: str, counts: Mapping[str, tuple[int, int]]) -> list[Share]:
    others = sorted((v for v in counts if v != own), key=lambda v: (-counts[v][1], v))
    shares = [_share(part, own, counts[own], own=True)]
    for version in others:
        found = compare(counts[version], counts[own], comparisons=len(others))
        line = _share(part, version, counts[version], own=False)
        shares.append(
            msgspec.structs.replace(
                line,
                verdict=found.verdict,
                difference_ppm=round(found.difference * PPM),
                low_ppm=round(found.low * PPM),
                high_ppm=round(found.high * PPM),
            )
        )
    return shares


def _share(part: str, version: str, counts: tuple[int, int], *, own: bool) -> Share:
    failed, served = counts
    return Share(
        part=part,
        version=version,
        own=own,
        failed=failed,
        served=served,
        share_ppm=failed * PPM // served,
    )


__all__ = ["LEVEL", "Named", "NothingFailed", "SignatureReader", "Similar", "similar_to"]
