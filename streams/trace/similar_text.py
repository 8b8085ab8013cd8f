"""Similar interactions for people: how many first, then who. Equal ones give equal text."""

from __future__ import annotations

from collections.abc import Iterator

from streams.domain.contract import PPM
from streams.domain.facts import rfc3339
from streams.trace.similar import LEVEL, Share, Similar
from streams.trace.words import Clock, pairs, printable

_VERDICTS = {
    "higher": "MORE frequent in this interaction's version",
    "lower": "less frequent in this interaction's version",
    "no_difference": "no difference that chance would not explain",
    "too_few": "the sample is too small for a test to tell",
}


def similar_text(found: Similar, time_zone: str) -> str:
    """The whole, lines ended by a newline; times in the zone and in UTC."""
    return "\n".join(map(printable, _lines(found, Clock(time_zone)))) + "\n"


def _lines(found: Similar, clock: Clock) -> Iterator[str]:
    yield (
        f"{found.count:,} of {found.population:,} interactions of {found.contract} failed as"
        f" {found.conversation} did"
    )
    yield f"  same in    {', '.join(found.same)}"
    yield f"  signature  {pairs(found.signature)}"
    yield f"  read from  {found.basis}, as of {clock.both(found.watermark)}"
    for limit in found.limits:
        yield f"  NOTE {limit}"
    yield ""
    yield "IN WHICH VERSIONS (of the interactions that each served, how many failed so)"
    if not found.shares:
        yield "  no version of the AI was told"
    for share in found.shares:
        yield f"  {_share(share)}"
    yield ""
    shown, different = len(found.variants), found.different
    yield f"BY SIGNATURE, the most frequent first ({shown:,} of {different:,})"
    for variant in found.variants:
        yield f"  {variant.count:>6,}  {pairs(variant.parts)}"
    yield ""
    shown = len(found.interactions)
    yield f"INTERACTIONS, the latest first ({shown:,} of {found.count:,})"
    for one in found.interactions:
        yield f"  {clock.local(one.time)} ({rfc3339(one.time)}) {one.conversation}"


def _share(share: Share) -> str:
    said = f"{share.part} {share.version}: {share.failed:,} of {share.served:,}"
    said += f" ({_percent(share.share_ppm)})"
    if share.own:
        return f"{said}, this interaction's"
    if share.verdict is None or share.difference_ppm is None:
        return said
    between = f"{_points(share.low_ppm or 0)} to {_points(share.high_ppm or 0)}"
    return (
        f"{said}; this interaction's less these {_points(share.difference_ppm)} ({between} at"
        f" {100 * (1 - LEVEL):g} % for all together): {_VERDICTS[share.verdict]}"
    )


def _percent(ppm: int) -> str:
    return f"{100 * ppm / PPM:.2f} %"


def _points(ppm: int) -> str:
    return f"{100 * ppm / PPM:+.2f} points"
