"""Window deltas on the wire: what was written is read, and so is what an older worker wrote."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.delta import ENDED, Added, Deltas, Entry, KeyDelta, Timed, deltas_of
from streams.kafka.delta_codec import decode_deltas, encode_deltas

_TIMES = st.integers(-(2**40), 2**45)
_NAMES = st.text(max_size=6)
_TIMED = st.builds(
    Timed, _TIMES, st.tuples(_NAMES, _TIMES, st.integers(1, 99), st.integers(1, 99)), _TIMES
)
_DIMENSIONS = st.sampled_from([(), (("channel", "chat"),), (("channel", "x"), ("market", "SG"))])
_COUNTS = st.dictionaries(_NAMES, st.integers(-(2**50), 2**50), max_size=3)
_LATENCIES = st.dictionaries(st.integers(0, 2_561), st.integers(1, 2**40), max_size=3)
_WAITS = st.lists(st.tuples(st.integers(0, ENDED), _TIMED), max_size=2)
_ADDED = st.builds(Added, _TIMES, _TIMES, _COUNTS, st.none() | _LATENCIES, waits=st.none() | _WAITS)
_KEYS = st.lists(
    st.builds(KeyDelta, _NAMES, _DIMENSIONS, st.lists(_ADDED, min_size=1, max_size=3)), max_size=3
)
_SOME = st.lists(_TIMED, max_size=2)
_ENTRIES = st.builds(
    Entry, _NAMES, _DIMENSIONS, _TIMES, _COUNTS, _LATENCIES, *(_SOME for _ in range(6))
)
_STEPS = st.lists(st.tuples(_TIMES, st.lists(_ENTRIES, max_size=2)), min_size=1, max_size=3)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2_000), _TIMES, _KEYS)
def test_what_was_written_is_read(source: int, watermark: int, keys: list[KeyDelta]) -> None:
    deltas = Deltas(watermark, keys)
    assert decode_deltas(encode_deltas(source, deltas)) == (source, deltas)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2_000), _STEPS)
def test_steps_as_an_older_worker_wrote_them_are_read(
    source: int, steps: list[tuple[int, list[Entry]]]
) -> None:
    raw = msgspec.msgpack.encode([source, steps])
    assert decode_deltas(raw) == (source, deltas_of(steps[-1][0], steps))


def test_entries_told_step_by_step_are_told_key_by_key() -> None:
    voice = (("channel", "voice"),)
    wait = Timed(7, ("c1", 0, 1, 1), 5)
    steps = [
        (10, [Entry("c", (), 60, {"matured": 1}), Entry("c", voice, 60, {"safe": 1})]),
        (20, [Entry("c", (), 60, {"matured": 2}, {9: 1}, ended=[wait])]),
        (30, list[Entry]()),
    ]
    whole = [Added(10, 60, {"matured": 1}), Added(20, 60, {"matured": 2}, {9: 1}, [(ENDED, wait)])]
    assert deltas_of(30, steps) == Deltas(
        30,
        [KeyDelta("c", (), whole), KeyDelta("c", voice, [Added(10, 60, {"safe": 1})])],  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\x93", b'{"source": 1}', b"\x92\x01\x02"])
def test_a_foreign_record_is_refused(raw: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_deltas(raw)


_UNPUBLISHED: dict[str, tuple[int, int, dict[Any, int], dict[Any, int], int]] = {
    # watermark, slice end, counts, latencies, T0
    "watermark": (2**63 - 1, 0, {}, {}, 0),
    "slice": (0, 2**63 - 1, {}, {}, 0),
    "too negative a count": (0, 0, {"cost_micros": -(2**60)}, {}, 0),
    "large count": (0, 0, {"eligible": 2**63 - 1}, {}, 0),
    "bucket": (0, 0, {}, {100_000: 1}, 0),
    "t0": (0, 0, {}, {}, -(2**62)),
}


@pytest.mark.parametrize("what", _UNPUBLISHED)
def test_what_could_not_be_published_is_not_read(what: str) -> None:
    watermark, end, counts, latencies, t0 = _UNPUBLISHED[what]
    timed = [0, ["c", 1, 1, 1], t0]
    now = [0, 0, [["c", [], [[watermark, end, counts, latencies, [[ENDED, timed]]]]]]]
    before = [0, [[watermark, [["c", [], end, counts, latencies, [timed]]]]]]
    for record in (now, before):
        with pytest.raises(msgspec.ValidationError):
            decode_deltas(msgspec.msgpack.encode(record))


@pytest.mark.parametrize(
    "record", [[0, 0, [["c", [], []]]], [0, 0, [["c", [], [[0, 0, {}, None, [[6, []]]]]]]], [0, []]]
)
def test_what_no_worker_writes_is_not_read(record: list[Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_deltas(msgspec.msgpack.encode(record))
