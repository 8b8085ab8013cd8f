"""Customer links on the wire: what is written is what is read."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.links import Link, LinkStep
from streams.kafka.link_codec import decode_links, encode_links

_TIMES = st.integers(-(2**40), 2**45)
_NAMES = st.text(max_size=6)
_LINKS = st.builds(
    Link,
    *(_TIMES, st.booleans(), _NAMES, st.integers(0, 10**6), st.integers(1, 99)),
    st.binary(min_size=16, max_size=16),
    *(_NAMES, _NAMES, st.integers(0, 99), *[_NAMES] * 6),
)
_STEPS = st.lists(st.builds(LinkStep, _TIMES, st.lists(_LINKS, max_size=3)), max_size=3)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 99), _STEPS)
def test_steps_come_back_as_they_were(source: int, steps: list[LinkStep]) -> None:
    record = decode_links(encode_links(source, steps))
    assert (record.source, record.steps) == (source, steps)


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_customer_is_sixteen_bytes(size: int) -> None:
    link = Link(1, False, "c-1", 0, 1, bytes(size), "telco-2026", "billing")
    with pytest.raises(msgspec.DecodeError):
        decode_links(encode_links(0, [LinkStep(2, [link])]))
