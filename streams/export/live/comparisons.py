"""What changed: why the AI fails now against before, and one version of the AI against the last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from streams.domain.contract import VERSION_DIMENSIONS, Dimension, Indicator
from streams.domain.indicators import ratio
from streams.domain.key_windows import KeyWindows
from streams.domain.significance import Comparison, compare

ConfigTimes = Mapping[str, Mapping[tuple[str, str], int]]
KeysHeld = Mapping[tuple[str, tuple[str, ...]], list[KeyWindows]]
MOST_MOVERS = 8
_RECENT, _DAY = "1h", "24h"
# What a version of the AI is judged by; both at the close, so that a new one shows soon.
_COMPARED: tuple[Indicator, ...] = ("containment_safe", "containment_raw")
_FAILURE = "failure."
# What config.changed calls a part of the AI, by the dimension of its versions.
_OBJECTS: dict[Dimension, str] = {
    "prompt_version": "prompt",
    "model": "model",
    "knowledge_version": "knowledge",
}


class Mover(msgspec.Struct, frozen=True, kw_only=True):
    """One failure reason: its count and that of all reasons, in the last hour and in the 23 hours
    before it. `comparison` is None where one of the two spans has no failures.
    """

    contract: str
    reason: str
    recent: int
    recent_of: int
    before: int
    before_of: int
    comparison: Comparison | None


class VersionChange(msgspec.Struct, frozen=True, kw_only=True):
    """The newest version of one part of the AI against the one before it, over the last 24 h.

    `since` (ms) is when the newest was put in force, where `announced` (a config.changed said so);
    otherwise the end of the first minute in which it was seen. Shares are (numerator, denominator);
    `comparison` is None where one of them has no samples.
    """

    contract: str
    dimension: str
    indicator: Indicator
    old: str
    new: str
    since: int
    announced: bool
    old_share: tuple[int, int]
    new_share: tuple[int, int]
    comparison: Comparison | None


def movers(keys: KeysHeld, contracts: Iterable[str]) -> Iterator[Mover]:
    """Each contract's failure reasons, those that moved most first, at most MOST_MOVERS of them."""
    for contract in contracts:
        for held in keys.get((contract, ()), ()):
            yield from _movers(contract, _failures(held, _RECENT), _failures(held, _DAY))


def _failures(held: KeyWindows, window: str) -> dict[str, int]:
    counts = held.counts(window).items()
    return {name[len(_FAILURE) :]: n for name, n in counts if name.startswith(_FAILURE)}


def _movers(contract: str, recent: dict[str, int], day: dict[str, int]) -> list[Mover]:
    before = {reason: n - recent.get(reason, 0) for reason, n in day.items()}
    recent_of, before_of = sum(recent.values()), sum(before.values())
    found = [
        Mover(
            contract=contract,
            reason=reason,
            recent=recent.get(reason, 0),
            recent_of=recent_of,
            before=before[reason],
            before_of=before_of,
            comparison=_comparison(
                (before[reason], before_of), (recent.get(reason, 0), recent_of), len(day)
            ),
        )
        for reason in day
    ]
    return sorted(found, key=_moved_most)[:MOST_MOVERS]


def _moved_most(mover: Mover) -> tuple[float, int, str]:
    moved = abs(mover.comparison.difference) if mover.comparison is not None else 0.0
    return (-moved, -mover.recent - mover.before, mover.reason)


def version_changes(keys: KeysHeld, changes: ConfigTimes) -> Iterator[VersionChange]:
    """The change of each part of the AI whose versions a contract publishes by themselves.

    Which version is newer: the one put in force later, as `changes` tells (ms, by contract and by
    (object, version)), or first seen later where it does not. Versions that the contract does not
    name (`other`) and unknown ones are left out.
    """
    for (contract, names), held in sorted(keys.items()):
        if len(names) == 1 and names[0] in VERSION_DIMENSIONS:
            told = changes.get(contract, {})
            by_time = sorted(
                (_since(one, told), one.key, one)
                for one in held
                if one.key[1][0][1] not in ("other", "unknown") and one.first_end is not None
            )
            if len(by_time) > 1:
                (_, _, old), (since, _, new) = by_time[-2:]
                for indicator in _COMPARED:
                    yield _change(contract, indicator, old, new, since)


def _since(held: KeyWindows, told: Mapping[tuple[str, str], int]) -> tuple[int, bool]:
    """Since when a version serves (ms), and whether anybody said so."""
    ((dimension, version),) = held.key[1]
    said = told.get((_OBJECTS[dimension], version))
    return (held.first_end or 0, False) if said is None else (said, True)


def _change(
    contract: str, indicator: Indicator, old: KeyWindows, new: KeyWindows, since: tuple[int, bool]
) -> VersionChange:
    old_share, new_share = (ratio(indicator, one.counts(_DAY)) for one in (old, new))
    ((dimension, name),) = new.key[1]
    return VersionChange(
        contract=contract,
        dimension=dimension,
        indicator=indicator,
        old=old.key[1][0][1],
        new=name,
        since=since[0],
        announced=since[1],
        old_share=old_share,
        new_share=new_share,
        comparison=_comparison(old_share, new_share, len(_COMPARED)),
    )


def _comparison(
    before: tuple[int, int], after: tuple[int, int], comparisons: int
) -> Comparison | None:
    if not before[1] or not after[1]:
        return None
    return compare(before, after, comparisons)
