"""Records in order in bounded memory: what comes out is what sorting them all at once gives."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.cli.log_source import read_source
from streams.sources import sorting
from streams.sources.base import Order, SourceRecord
from streams.sources.sorting import SortedRecords, sort_key
from tests.unit.sources.platforms.platform_samples import samples
from tests.unit.sources.platforms.test_platforms import PLATFORMS

ORDERS = get_args(Order)
# Few times and ids, so that equals are common: their order is that of the file.
RECORDS = st.lists(
    st.builds(
        SourceRecord,
        st.integers(-(2**62), 2**62) | st.integers(0, 2),
        st.sampled_from(["a", "b", "é", "\ud800", ""]),
        st.integers(0, 2),
        st.binary(max_size=12),
    ),
    max_size=60,
)


@pytest.mark.parametrize("order", ORDERS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(several=RECORDS, most=st.integers(1, 4000), fan_in=st.integers(2, 5))
def test_runs_on_disk_come_out_as_one_sorted_list(
    order: Order, several: list[SourceRecord], most: int, fan_in: int
) -> None:
    expected = (
        several if order == "file" else sorted(several, key=lambda each: sort_key(order, each))
    )
    with SortedRecords(order, most_bytes=most, fan_in=fan_in) as records:
        for each in several:
            records.add(each)
        assert records.count == len(several)
        assert list(records) == expected


def test_no_more_than_the_bound_is_held_and_no_more_files_than_the_fan_in() -> None:
    with SortedRecords("time", most_bytes=10_000, fan_in=4) as records:
        for number in range(2_000):
            records.add(SourceRecord(-number, f"r{number}", 0, b"x" * 100))
            assert len(records._held) <= 10_000 // 370
            assert records.runs < 4
        times = [record.time_ms for record in records]
    assert times == list(range(-1_999, 1))


def test_nothing_stays_behind_where_the_reader_stops_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sorting.SortedRecords.__init__, "__kwdefaults__", _tiny())
    (sample, *_) = samples(PLATFORMS["chatwoot"])
    reading = read_source(sample.path, "chatwoot", ())
    next(reading)
    assert [each for folder in tmp_path.iterdir() for each in folder.iterdir()]
    reading.close()  # type: ignore[attr-defined]
    assert not list(tmp_path.iterdir())


def test_a_replay_of_a_file_is_the_same_in_runs_of_one_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("chatwoot", "zendesk", "amazon-connect"):
        for sample in samples(PLATFORMS[name]):
            whole = list(read_source(sample.path, name, ()))
            with monkeypatch.context() as tiny:
                tiny.setattr(sorting.SortedRecords.__init__, "__kwdefaults__", _tiny())
                assert list(read_source(sample.path, name, ())) == whole
            assert whole


def _tiny() -> dict[str, int]:
    return {"most_bytes": 1, "fan_in": 3}
