"""Samples of every platform: tests/unit/sources/platforms/MODULE/CASE.json, and what they give.

CASE.json is a payload or a list of them; MODULE/SOURCE.md says where they are from. CASE.golden is
what the adapter made of it, reviewed by eye; BATON_GOLDEN=write writes it anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import orjson

from streams.sources.adapter import Platform, Tally
from streams.sources.base import SourceOptions, SourceProblem
from streams.sources.coverage import signs_of
from streams.sources.platforms import PLATFORMS

HERE = Path(__file__).parent
# What the samples' teams have named things.
MARKS = frozenset(
    {
        ("bot", "9001"),
        ("bot", "billing-bot"),
        ("bot", "4200009"),
        ("automation", "9002"),
        ("staff", "9003"),
        ("human", "wants_human"),
        ("handoff", "agent_requested"),
        ("handoff", "action_call_colleague"),
        ("resolved", "bot_resolved"),
        ("resolved", "move_house"),
    }
)
OPTIONS = SourceOptions(contract="c-1", salt="pepper", channel=None, marks=MARKS)


class Sample(NamedTuple):
    """One case of one platform."""

    platform: Platform
    path: Path

    @property
    def payload(self) -> Any:
        return orjson.loads(self.path.read_bytes())

    @property
    def label(self) -> str:
        return f"{self.platform.name}/{self.path.stem}"


def folder(platform: Platform) -> Path:
    return HERE / platform.name.replace("-", "_")


def samples(platform: Platform) -> list[Sample]:
    return [Sample(platform, path) for path in sorted(folder(platform).glob("*.json"))]


def all_samples() -> list[Sample]:
    return [sample for platform in PLATFORMS.values() for sample in samples(platform)]


def signs(platform: Platform) -> set[str]:
    """What all samples of a platform together show."""
    found: set[str] = set()
    for sample in samples(platform):
        for item in platform.read(sample.payload, OPTIONS, sample.path.stem):
            if not isinstance(item, SourceProblem):
                found |= signs_of(item)
    return found


def golden(sample: Sample) -> str:
    """Events a line each, then problems, and what became of the fields."""
    tally = Tally()
    lines = list(_lines(sample, tally))
    journal = tally.journal
    for way in ("label", "id", "pseudonym"):
        paths = sorted(path for path, how in journal.read if how == way)
        lines.append(f"# {way}: {', '.join(paths) or '-'}")
    lines.append(f"# dropped: {', '.join(sorted(journal.dropped())) or '-'}")
    lines.append(f"# ignored: {', '.join(sorted(tally.ignored)) or '-'}")
    return "\n".join(lines) + "\n"


def _lines(sample: Sample, tally: Tally) -> Iterator[str]:
    seen = ""
    for item in sample.platform.inspect(sample.payload, OPTIONS, sample.path.stem, tally):
        if isinstance(item, SourceProblem):
            yield f"! {item.where}: {item.code}: {item.message}"
            continue
        event = msgspec.to_builtins(item)
        data = {k: v for k, v in event["data"].items() if not unsaid(v)}
        del data["contract"]
        talk = " ".join(f"{k}={data.pop(k)}" for k in SHARED if k in data)
        if talk != seen:
            yield f"## {talk}"
            seen = talk
        at = item.time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        said = " ".join(f"{k}={v}" for k, v in data.items())
        recorded = f" recorded={item.recordedtime:%H:%M:%S}" if item.recordedtime else ""
        yield f"{at} {event['type'].removeprefix('baton.')} {said}{recorded}".rstrip()
        yield f"    {item.id}"


def unsaid(value: Any) -> bool:
    """Whether a field stands at its default."""
    if isinstance(value, dict):
        return all(unsaid(each) for each in value.values())
    return value is None or value is False or value == ()


SHARED = (
    *("conversation_id", "channel", "channel_subtype", "direction", "customer_key", "market"),
    *("language", "journey", "intent", "test"),
)
