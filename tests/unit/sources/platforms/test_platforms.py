"""What holds of every platform: goldens, totality, determinism, no personal data, honest claims.

A platform is covered as soon as its module and a folder of samples are there.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from streams.sources import platforms
from streams.sources.adapter import Ignored, Platform, Tally
from streams.sources.base import SourceProblem, SourceRecord
from streams.sources.coverage import FAMILIES, missing
from streams.sources.json_files import payloads
from streams.sources.platforms import PLATFORMS
from streams.sources.registry import SOURCES
from tests.unit.sources.platforms.platform_samples import (
    OPTIONS,
    Sample,
    all_samples,
    folder,
    golden,
    samples,
    signs,
)

EVERY_PLATFORM = pytest.mark.parametrize("platform", PLATFORMS.values(), ids=lambda p: p.name)
EVERY_SAMPLE = pytest.mark.parametrize("sample", all_samples(), ids=lambda s: s.label)

# Free text with a name, an address and a number; a word that any label could be.
TEXT = "Jane Doe <jane.doe@example.com> +65 8123 4567"
WORD = "JaneDoe8123"
DEFECTS = {"adapter_fault", "not_canonical"}


def records(sample: Sample, payload: Any) -> list[SourceRecord | SourceProblem]:
    return list(sample.platform.records(payload, OPTIONS, "here"))


def codes(items: list[SourceRecord | SourceProblem]) -> set[str]:
    return {item.code for item in items if isinstance(item, SourceProblem)}


@EVERY_PLATFORM
def test_a_platform_has_its_module_s_name_samples_and_their_source(platform: Platform) -> None:
    assert (folder(platform) / "SOURCE.md").is_file()
    assert samples(platform)
    module = platform.name.replace("-", "_")
    assert getattr(platforms, module).PLATFORM is platform
    assert SOURCES[platform.name].name == platform.name


@EVERY_SAMPLE
def test_a_sample_gives_what_was_reviewed(sample: Sample) -> None:
    path = sample.path.with_suffix(".golden")
    made = golden(sample)
    if os.environ.get("BATON_GOLDEN") == "write":
        path.write_text(made, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == made, "BATON_GOLDEN=write, then review the diff"


@EVERY_SAMPLE
def test_a_sample_is_read_twice_alike_and_as_the_stream_takes_it(sample: Sample) -> None:
    first = records(sample, sample.payload)
    assert first == records(sample, sample.payload)
    assert not codes(first) & (DEFECTS | {"unknown_kind", "not_a_payload"})


@EVERY_PLATFORM
def test_ids_are_told_apart_within_a_sample(platform: Platform) -> None:
    for sample in samples(platform):
        found = [r for r in records(sample, sample.payload) if isinstance(r, SourceRecord)]
        said: dict[str, tuple[int, str]] = {}
        for record in found:
            # Two payloads may say the same milestone, one of them with more about it.
            milestone = record.time_ms, orjson.loads(record.raw)["type"]
            assert said.setdefault(record.id, milestone) == milestone, record.id


@EVERY_PLATFORM
def test_every_kind_in_the_table_is_a_function_or_a_reason(platform: Platform) -> None:
    for handler in platform.kinds.values():
        assert handler.why if isinstance(handler, Ignored) else callable(handler)


@EVERY_PLATFORM
def test_what_a_platform_says_it_feeds_its_samples_show(platform: Platform) -> None:
    assert list(platform.feeds) == list(FAMILIES)
    seen = signs(platform)
    for family, feed in platform.feeds.items():
        lacks = [need.meaning for need in missing(family, seen)]
        if feed.level == "yes":
            assert not lacks, f"{family}: no sample shows {lacks}"
        else:
            assert feed.why, f"{family}: why not?"
            assert feed.how, f"{family}: how to get it?"
        if feed.level == "no":
            assert lacks, f"{family}: the samples show all it needs"


@EVERY_SAMPLE
def test_lines_a_list_and_a_document_are_the_same_payloads(sample: Sample, tmp_path: Any) -> None:
    several = sample.payload if isinstance(sample.payload, list) else [sample.payload]
    forms = {
        "lines": b"\n".join(map(orjson.dumps, several)),
        "list": orjson.dumps(several),
        "indented": orjson.dumps(several, option=orjson.OPT_INDENT_2),
    }
    if len(several) == 1:
        forms["document"] = orjson.dumps(several[0], option=orjson.OPT_INDENT_2)
    for name, raw in forms.items():
        path = tmp_path / name
        path.write_bytes(raw)
        found = [each for each in payloads(path) if not isinstance(each, SourceProblem)]
        assert [each.payload for each in found] == several, name


# Personal data


def leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of the strings of a JSON document, into JSON that stands in them."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, (*path, key))
    elif isinstance(node, list):
        for at, value in enumerate(node):
            yield from leaves(value, (*path, at))
    elif isinstance(node, str):
        yield path
        if (inner := embedded(node)) is not None:
            yield from leaves(inner, (*path, "(json)"))


def embedded(text: str) -> Any:
    if not text.startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def places(sample: Sample) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """A payload and the path of a string in it: each kind's each field once."""
    seen: set[tuple[str | None, str]] = set()
    several = sample.payload if isinstance(sample.payload, list) else [sample.payload]
    for payload in several:
        tally = Tally()
        list(sample.platform.inspect(payload, OPTIONS, "here", tally))
        kind = "|".join([*tally.mapped, *tally.ignored, *tally.unknown])
        for path in leaves(payload):
            if (kind, shown(path)) not in seen:
                seen.add((kind, shown(path)))
                yield payload, path


def put(node: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with `value` at `path`."""
    if not path:
        return value
    if path[0] == "(json)":
        return json.dumps(put(json.loads(node), path[1:], value))
    changed = copy.copy(node)
    changed[path[0]] = put(node[path[0]], path[1:], value)
    return changed


def labels(sample: Sample, payload: Any) -> set[str]:
    """Paths that the adapter copies from as they are."""
    tally = Tally()
    list(sample.platform.inspect(payload, OPTIONS, "here", tally))
    return {path for path, way in tally.journal.read if way == "label"}


def shown(path: tuple[Any, ...]) -> str:
    text = ""
    for step in path:
        if isinstance(step, int):
            text += "[]"
        elif step == "(json)":
            text += "(json)"
        else:
            text += f".{step}" if text else step
    return text


def attribute(payload: Any, path: tuple[Any, ...]) -> str | None:
    """The path by which an OTLP attribute is read by its name, None for anything else."""
    if path[-2:-1] != ("value",):
        return None
    for step in path[:-2]:
        payload = payload[step]
    return f"{shown(path[:-3])}(attributes).{payload['key']}"


def said(items: list[SourceRecord | SourceProblem]) -> str:
    return "\n".join(
        f"{item.code} {item.message}" if isinstance(item, SourceProblem) else item.raw.decode()
        for item in items
    )


@EVERY_SAMPLE
def test_text_in_any_field_reaches_no_event_and_no_problem(sample: Sample) -> None:
    for payload, path in places(sample):
        text = said(records(sample, put(payload, path, TEXT)))
        for part in ("Jane", "example.com", "8123"):
            assert part not in text, shown(path)


@EVERY_SAMPLE
def test_a_name_in_any_field_reaches_an_event_as_a_label_of_the_configuration_alone(
    sample: Sample,
) -> None:
    for payload, path in places(sample):
        named = put(payload, path, WORD)
        if WORD in said(records(sample, named)):
            found = labels(sample, named)
            assert shown(path) in found or attribute(payload, path) in found


@EVERY_SAMPLE
@pytest.mark.parametrize("number", ["+6581234567", "6581234567", "65-8123-4567"])
def test_a_number_to_call_in_any_field_reaches_no_event(sample: Sample, number: str) -> None:
    for payload, path in places(sample):
        assert number not in said(records(sample, put(payload, path, number))), shown(path)


@EVERY_SAMPLE
def test_another_salt_gives_other_pseudonyms(sample: Sample) -> None:
    other = type(OPTIONS)(contract="c-1", salt="other")
    tally = Tally()
    ours = list(sample.platform.inspect(sample.payload, OPTIONS, "here", tally))
    theirs = list(sample.platform.read(sample.payload, other, "here"))
    hashed = any(way == "pseudonym" for _, way in tally.journal.read)
    assert (ours != theirs) == hashed


# Totality

# The same examples each time; a long run by hand, with others: BATON_EXAMPLES=5000.
LONG = "BATON_EXAMPLES" in os.environ
bounded = settings(
    max_examples=int(os.environ.get("BATON_EXAMPLES", "60")),
    derandomize=not LONG,
    database=None,
    deadline=None,
    # Shrinking takes minutes, and the document that failed is small already.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "1970-01-01T00:00:00.001Z", "9999-12-31", "{}", "[1]", "null", TEXT]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def nodes(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner: Callable[[], Any] | None = None
    if isinstance(node, dict):
        inner = node.items
    elif isinstance(node, list):
        inner = lambda: enumerate(node)  # noqa: E731
    elif isinstance(node, str) and embedded(node) is not None:
        yield from nodes(embedded(node), (*path, "(json)"))
    for key, value in inner() if inner else ():
        yield from nodes(value, (*path, key))


@EVERY_PLATFORM
def test_a_payload_with_anything_in_any_place_is_survived(platform: Platform) -> None:
    base = samples(platform)

    @bounded
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        sample = data.draw(st.sampled_from(base))
        payload = sample.payload
        for _ in range(data.draw(st.integers(1, 3))):
            place = data.draw(st.sampled_from(list(nodes(payload))))
            payload = put(payload, place, data.draw(JSON))
        items = records(sample, payload)
        assert not codes(items) & DEFECTS
        assert items == records(sample, payload)

    check()


@EVERY_PLATFORM
@bounded
@given(payload=JSON)
def test_any_json_is_survived(platform: Platform, payload: Any) -> None:
    items = list(platform.records(payload, OPTIONS, "here"))
    assert all(isinstance(item, SourceProblem) for item in items)
    assert not codes(items) & DEFECTS
