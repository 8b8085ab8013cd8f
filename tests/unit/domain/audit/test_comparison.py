"""Every difference between two samples is found, by what it is, and nothing else."""

from __future__ import annotations

import msgspec
import pytest

from streams.domain.audit.comparison import disagreements
from streams.domain.audit.record import Sample, decode_sample, encode_sample
from tests.unit.domain.audit.frames import contained, samples

WANTED = [decode_sample(encode_sample(one)) for one in samples(list(contained(400)))]
FIRST = WANTED[0]


def with_data(one: Sample, **changed: object) -> Sample:
    return msgspec.structs.replace(one, data=msgspec.structs.replace(one.data, **changed))


def test_the_same_sample_has_no_difference_in_whatever_order_and_however_often() -> None:
    assert disagreements([*reversed(WANTED), *WANTED[:5]], WANTED) == []


def test_what_is_missing_is_named() -> None:
    (found,) = disagreements(WANTED[1:], WANTED)
    assert (found.fault, found.id, found.conversation) == ("missing", FIRST.id, FIRST.subject)


def test_what_was_not_drawn_is_named() -> None:
    others = [one for one in samples(list(contained(400)), key=b"another") if one not in WANTED]
    ids = {one.id for one in WANTED}
    extra = next(one for one in others if one.id not in ids)
    (found,) = disagreements([*WANTED, extra], WANTED)
    assert (found.fault, found.id) == ("extra", extra.id)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"final": "verified"}, "data.final"),
        ({"facts": FIRST.data.facts[1:]}, "data.facts[0]"),
        ({"facts": [*FIRST.data.facts, FIRST.data.facts[0]]}, "data.facts[2]"),
        ({"stratum": {**FIRST.data.stratum, "outcome": "trapped"}}, "data.stratum.outcome"),
        (
            {"counts": msgspec.structs.replace(FIRST.data.counts, population=9)},
            "data.counts.population",
        ),
    ],
)
def test_what_was_altered_is_named_with_its_field(changed: dict[str, object], field: str) -> None:
    (found,) = disagreements([with_data(FIRST, **changed), *WANTED[1:]], WANTED)
    assert (found.fault, found.id, found.fields) == ("altered", FIRST.id, (field,))


def test_two_records_of_one_episode_that_differ_are_told() -> None:
    (found,) = disagreements([*WANTED, with_data(FIRST, final=None)], WANTED)
    assert (found.fault, found.id, found.fields) == ("repeated", FIRST.id, ("data.final",))


@pytest.mark.parametrize("raw", [b"", b"{}", b"[1]", b"\xff", b'{"id":"Jane"', b"[" * 9999])
def test_what_is_no_sample_is_refused_without_being_quoted(raw: bytes) -> None:
    with pytest.raises(ValueError, match="is no audit sample") as raised:
        decode_sample(raw)
    assert "Jane" not in str(raised.value)


def test_a_field_of_another_kind_is_named_and_not_quoted() -> None:
    raw = encode_sample(FIRST).replace(b'"episode":1', b'"episode":"Jane"')
    with pytest.raises(ValueError, match=r"\$\.data\.episode") as raised:
        decode_sample(raw)
    assert "Jane" not in str(raised.value)
