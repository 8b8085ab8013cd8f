"""The page in pieces is, byte for byte, what prometheus_client writes at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest as text_page
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_page
from prometheus_client.registry import Collector

from streams.export.exposition import written

NAMES = ("window", "contract", "channel", "a")
VALUES = st.one_of(
    st.integers(-(2**53), 2**53), st.floats(), st.sampled_from([0, 1e6, 1234567.5, 1e16, 1e-7])
)
SAMPLES = st.lists(st.tuples(st.lists(st.text(), min_size=4, max_size=4), VALUES), max_size=250)


class Families(Collector):
    """A registry of given families."""

    def __init__(self, *families: Metric) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def page(families: Families, *, openmetrics: bool) -> bytes:
    return "".join(written(families.collect(), openmetrics=openmetrics)).encode()


def library(families: Families, *, openmetrics: bool) -> bytes:
    return openmetrics_page(families) if openmetrics else text_page(families)


@pytest.mark.parametrize("openmetrics", [False, True])
@given(samples=SAMPLES, meaning=st.text())
def test_gauges_and_counters_are_written_as_the_library_writes_them(
    openmetrics: bool, samples: list[tuple[list[str], float]], meaning: str
) -> None:
    gauge = GaugeMetricFamily("baton_gauge", meaning, labels=NAMES)
    counter = CounterMetricFamily("baton_seen", meaning, labels=NAMES)
    for labels, value in samples:
        gauge.add_metric(labels, value)
        counter.add_metric(labels, value)
    families = Families(gauge, counter)
    assert page(families, openmetrics=openmetrics) == library(families, openmetrics=openmetrics)


@pytest.mark.parametrize("openmetrics", [False, True])
def test_histograms_and_unlabelled_gauges_are_written_as_the_library_writes_them(
    openmetrics: bool,
) -> None:
    histogram = HistogramMetricFamily("baton_wait_seconds", "How long.", labels=("z", "a"))
    histogram.add_metric(("1", 'say "no"'), [("5.0", 1), ("+Inf", 3)], sum_value=70.5)
    histogram.add_metric(("2", "back\\slash\nnew"), [("5.0", 0), ("+Inf", 0)], sum_value=0)
    ready = GaugeMetricFamily("baton_ready", "1 when ready.")
    ready.add_metric((), 1)
    families = Families(histogram, ready, GaugeMetricFamily("baton_none", "Nothing yet."))
    assert page(families, openmetrics=openmetrics) == library(families, openmetrics=openmetrics)


def test_a_pause_is_an_empty_piece_and_no_part_of_the_page() -> None:
    gauge = GaugeMetricFamily("baton_gauge", "A gauge.", labels=("n",))
    for number in range(250):
        gauge.add_metric((str(number),), number)
    with_pauses = list(written([None, gauge, None], openmetrics=False))
    assert with_pauses.count("") == 2
    assert "".join(with_pauses).encode() == text_page(Families(gauge))
    assert max(piece.count("\n") for piece in with_pauses) <= 100
