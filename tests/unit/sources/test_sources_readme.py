"""The worked example of streams/sources/README.md is an adapter that works, in under 60 lines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson

from streams.sources.adapter import Platform, Tally
from streams.sources.base import SourceOptions, SourceProblem, SourceRecord
from streams.sources.coverage import FAMILIES, missing, signs_of

README = Path(__file__).parents[3] / "streams" / "sources" / "README.md"
CHAT = "12345678-1234-4234-8234-123456789012"


def example() -> str:
    codes = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)
    (code,) = [each for each in codes if "PLATFORM = Platform(" in each]
    return str(code)


def platform() -> Platform:
    names: dict[str, Any] = {}
    exec(compile(example(), "README.md", "exec"), names)
    found = names["PLATFORM"]
    assert isinstance(found, Platform)
    return found


def test_the_example_has_less_than_60_lines() -> None:
    assert len(example().splitlines()) < 60


def test_the_example_reads_its_payloads() -> None:
    chat = {"uuid": CHAT, "locale": "en-GB"}
    visitor = {"email": "jane@example.com"}
    events = [
        {"event": "message", "message": {"uuid": CHAT.replace("1", "2")}, "from": {"role": "bot"}},
        {"event": "escalated", "from": {"role": "visitor"}},
        {"event": "typing"},
        {"event": "closed", "closed_by": "operator"},
    ]
    payloads = [
        {**each, "chat": chat, "visitor": visitor, "sent_at": f"2026-06-01T08:0{at}:00Z"}
        for at, each in enumerate(events)
    ]
    items = list(platform().records(payloads, SourceOptions(contract="c", salt="s"), "here"))
    records = [item for item in items if isinstance(item, SourceRecord)]
    assert len(records) == len(items) == 3
    assert all(record.id.startswith(CHAT) for record in records)
    assert b"jane" not in b"".join(record.raw for record in records)


def sample() -> list[dict[str, Any]]:
    (text,) = re.findall(r"^ *```json\n(.*?)^ *```$", README.read_text(), re.DOTALL | re.MULTILINE)
    found: list[dict[str, Any]] = orjson.loads(text)
    return found


def test_the_example_s_sample_shows_what_the_example_says_it_feeds() -> None:
    tally, shown = Tally(), set()
    options = SourceOptions(contract="c", salt="s")
    for item in platform().inspect(sample(), options, "here", tally):
        assert not isinstance(item, SourceProblem), item
        shown |= signs_of(item)
    assert tally.mapped.keys() | tally.ignored.keys() == platform().kinds.keys()
    # As every adapter's samples are held to what it says, by tests/unit/sources/platforms.
    for family, feed in platform().feeds.items():
        assert (missing(family, shown) == []) == (feed.level == "yes"), family
    records = list(platform().records(sample(), options, "here"))
    for name in (b"Jane", b"Andy", b"parlour.example"):
        assert all(name not in each.raw for each in records if isinstance(each, SourceRecord))


def test_the_example_declares_every_family() -> None:
    assert platform().feeds.keys() == FAMILIES.keys()
