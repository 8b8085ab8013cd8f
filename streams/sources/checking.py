"""What a file of another system gives: events, problems, and which indicators they can feed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streams.domain.events import Event
from streams.sources.adapter import Ignored, Platform, Tally
from streams.sources.base import SourceOptions, SourceProblem
from streams.sources.coverage import FAMILIES, Feed, Level, missing, signs_of
from streams.sources.json_files import payloads
from streams.sources.platforms import PLATFORMS
from streams.sources.records import record_of
from streams.sources.registry import SOURCES


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the events of a file can feed a family of indicators; if not wholly, why and how."""

    family: str
    level: Level
    why: str = ""
    how: str = ""
    # What no event of the file says.
    missing: tuple[str, ...] = ()


@dataclass(slots=True)
class Check:
    """What was read of one file. `tally` is of a platform's payloads, None for other sources."""

    source: str
    title: str
    tally: Tally | None
    # The kinds that the adapter maps.
    kinds: list[str] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    conversations: int = 0
    # Whether conversations bear numbers that another desk may give as well.
    numbered: bool = False
    problems: Counter[str] = field(default_factory=Counter)
    # Of each code of a problem, the first: where, and what it says.
    first: dict[str, tuple[str, str]] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def unseen(self) -> list[str]:
        """Kinds that the adapter would map, of which the file has none."""
        if self.tally is None:
            return []
        return sorted(kind for kind in self.kinds if kind not in self.tally.mapped)


def check_file(name: str, path: Path, options: SourceOptions) -> Check:
    """Read `path` with the source `name`. Raises ValueError for an unknown name."""
    platform = PLATFORMS.get(name)
    if platform is not None:
        tally = Tally()
        mapped = [kind for kind, how in platform.kinds.items() if not isinstance(how, Ignored)]
        check = Check(name, platform.title, tally, mapped)
        items = _inspected(platform, path, options, tally)
    elif name in SOURCES:
        check = Check(name, name, None)
        items = SOURCES[name].read(path, options)
    else:
        raise ValueError(f"no source {name!r}; there are: {', '.join(sorted(SOURCES))}")
    signs = _count(check, items, options)
    feeds = platform.feeds if platform is not None else {}
    for family in FAMILIES:
        check.verdicts.append(_verdict(family, signs, feeds.get(family), check))
    return check


def as_document(check: Check) -> dict[str, Any]:
    """The check as JSON-ready data; stable names."""
    document: dict[str, Any] = {
        "source": check.source,
        "conversations": check.conversations,
        "numbered": check.numbered,
        "events": dict(sorted(check.events.items())),
        "problems": [
            {
                "code": code,
                "count": count,
                "first": check.first[code][0],
                "says": check.first[code][1],
            }
            for code, count in sorted(check.problems.items())
        ],
        "indicators": [
            {
                "family": verdict.family,
                "indicators": list(FAMILIES[verdict.family].indicators),
                "level": verdict.level,
                "why": verdict.why,
                "how": verdict.how,
                "missing": list(verdict.missing),
            }
            for verdict in check.verdicts
        ],
    }
    if check.tally is not None:
        journal = check.tally.journal
        document |= {
            "payloads": check.tally.payloads,
            "kinds": {
                "mapped": dict(sorted(check.tally.mapped.items())),
                "ignored": dict(sorted(check.tally.ignored.items())),
                "unknown": dict(sorted(check.tally.unknown.items())),
                "unseen": check.unseen,
            },
            "fields": {
                way: sorted(path for path, how in journal.read if how == way)
                for way in sorted({how for _, how in journal.read})
            },
            "dropped": dict(sorted(journal.dropped().items())),
            "unlisted": dict(sorted(journal.unlisted.items())),
        }
    return document


def _inspected(
    platform: Platform, path: Path, options: SourceOptions, tally: Tally
) -> Iterator[Event | SourceProblem]:
    for found in payloads(path):
        if isinstance(found, SourceProblem):
            yield found
        else:
            yield from platform.inspect(found.payload, options, found.where, tally)


def _count(
    check: Check, items: Iterator[Event | SourceProblem], options: SourceOptions
) -> set[str]:
    """Count what the source gives as the stream would take it; returns what the events show."""
    signs: set[str] = set()
    ids: set[str | None] = set()
    contracts = frozenset((options.contract,))
    for item in items:
        problem = item if isinstance(item, SourceProblem) else None
        if not isinstance(item, SourceProblem):
            record = record_of(item, contracts, item.id)
            problem = record if isinstance(record, SourceProblem) else None
        if problem is not None:
            check.problems[problem.code] += 1
            check.first.setdefault(problem.code, (problem.where, problem.message))
        elif not isinstance(item, SourceProblem):
            check.events[str(type(item).__struct_config__.tag).removeprefix("baton.")] += 1
            ids.add(item.subject)
            signs |= signs_of(item)
    check.conversations = len(ids)
    check.numbered = any(each is not None and each.isdecimal() for each in ids)
    return signs


def _verdict(family: str, signs: set[str], feed: Feed | None, check: Check) -> Verdict:
    lacks = tuple(need.meaning for need in missing(family, signs))
    if not lacks:
        if feed is None or feed.level != "partly":
            return Verdict(family, "yes")
        return Verdict(family, "partly", feed.why, feed.how)
    why = "no event here says " + ", nor ".join(lacks)
    if feed is None:
        return Verdict(family, "no", why, missing=lacks)
    if feed.level == "yes":
        how = f"{check.title} says it: send the kinds that are not seen"
        return Verdict(family, "no", why, how, lacks)
    if feed.level == "partly":
        return Verdict(family, "no", f"{why}; {feed.why}", feed.how, lacks)
    return Verdict(family, "no", feed.why, feed.how, lacks)
