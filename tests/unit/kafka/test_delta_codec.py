"""Window deltas on the wire: what is written is what is read, and empty steps cost nothing."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.delta import Entry, Timed
from streams.kafka.delta_codec import DeltaStep, decode_deltas, encode_deltas

_TIMES = st.integers(-(2**40), 2**45)
_NAMES = st.text(max_size=6)
_TIMED = st.lists(
    st.builds(
        Timed, _TIMES, st.tuples(_NAMES, _TIMES, st.integers(1, 99), st.integers(1, 99)), _TIMES
    ),
    max_size=2,
)
_ENTRIES = st.builds(
    Entry,
    contract=_NAMES,
    dimensions=st.sampled_from([(), (("channel", "chat"),), (("channel", "x"), ("market", "SG"))]),
    slice_end=_TIMES,
    counts=st.dictionaries(_NAMES, st.integers(0, 2**50), max_size=3),
    latencies=st.dictionaries(st.integers(0, 2_561), st.integers(1, 2**40), max_size=3),
    opened=_TIMED,
    overdue=_TIMED,
    ended=_TIMED,
    withdrawn=_TIMED,
    reopened=_TIMED,
    reopened_overdue=_TIMED,
)
_STEPS = st.lists(
    st.builds(DeltaStep, _TIMES, st.lists(_ENTRIES, min_size=1, max_size=2)), min_size=1, max_size=3
)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2_000), _STEPS)
def test_what_was_written_is_read(source: int, steps: list[DeltaStep]) -> None:
    found = decode_deltas(encode_deltas(source, steps))
    assert (found.source, found.steps) == (source, steps)


def test_an_empty_step_is_left_out_unless_it_is_the_last() -> None:
    entry = Entry("c", (), 60_000, {"matured": 1})
    steps = [DeltaStep(1, []), DeltaStep(2, [entry]), DeltaStep(3, []), DeltaStep(4, [])]
    assert decode_deltas(encode_deltas(0, steps)).steps == [steps[1], steps[3]]


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\x93", b'{"source": 1}', b"\x92\x01\x02"])
def test_a_foreign_record_is_refused(raw: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_deltas(raw)


@pytest.mark.parametrize(
    "step",
    [
        [2**63 - 1, []],
        [0, [["c", [], 2**63 - 1]]],
        [0, [["c", [], 0, {"cost_micros": -(2**60)}]]],
        [0, [["c", [], 0, {"eligible": 2**63 - 1}]]],
        [0, [["c", [], 0, {}, {100_000: 1}]]],
        [0, [["c", [], 0, {}, {}, [[0, ["c", 1, 1], -(2**62)]]]]],
    ],
    ids=["watermark", "slice", "too negative a count", "large count", "bucket", "t0"],
)
def test_what_could_not_be_published_is_not_read(step: list[object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_deltas(msgspec.msgpack.encode([0, [step]]))
