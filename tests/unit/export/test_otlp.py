"""What is pushed by OTLP is what /metrics shows, number by number."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from itertools import accumulate

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric as Told
from opentelemetry.sdk.metrics.export import MetricsData
from prometheus_client.core import GaugeMetricFamily, Metric

from streams.export.collector import BatonCollector
from streams.export.otlp import OtlpMissing, OtlpPush, OtlpReceiver, metrics_address, metrics_data
from tests.log_builder import T
from tests.unit.export.test_collector import CONTAINED, HANDED_OVER, counted

Series = tuple[str, frozenset[tuple[str, str]]]
SINCE_NS, AT_NS = 1_000, 2_000


def families() -> list[Metric]:
    telemetry = counted(*CONTAINED, *HANDED_OVER, until=T(120))
    telemetry.webhook_delivery("delivered")
    collector = BatonCollector(telemetry, now=lambda: 0.0, lags=dict, ready=lambda: True)
    return list(collector.collect())


def told_of(shown: list[Metric]) -> list[Told]:
    request = encode_metrics(metrics_data(shown, {"service.name": "baton"}, SINCE_NS, AT_NS))
    (resource,) = request.resource_metrics
    assert {one.key: one.value.string_value for one in resource.resource.attributes} == {
        "service.name": "baton"
    }
    return [metric for scope in resource.scope_metrics for metric in scope.metrics]


def scraped(shown: list[Metric]) -> dict[Series, float]:
    """What /metrics says, an empty label left out."""
    return {
        (sample.name, frozenset((k, v) for k, v in sample.labels.items() if v)): sample.value
        for family in shown
        for sample in family.samples
    }


def as_prometheus(metric: Told) -> Iterator[tuple[Series, float]]:
    """A metric as its exporters to Prometheus name it."""
    kind = metric.WhichOneof("data")
    for point in getattr(metric, kind).data_points:
        labels = {(one.key, one.value.string_value) for one in point.attributes}
        if kind == "histogram":
            bounds = [*map(str, point.explicit_bounds), "+Inf"]
            for le, count in zip(bounds, accumulate(point.bucket_counts), strict=True):
                yield (f"{metric.name}_bucket", frozenset({*labels, ("le", le)})), count
            yield (f"{metric.name}_sum", frozenset(labels)), point.sum
            yield (f"{metric.name}_count", frozenset(labels)), point.count
        else:
            name = f"{metric.name}_total" if kind == "sum" else metric.name
            number = point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
            yield (name, frozenset(labels)), number


def test_every_series_of_the_page_is_pushed_with_its_value_and_no_other() -> None:
    shown = families()
    pushed = dict(pair for metric in told_of(shown) for pair in as_prometheus(metric))
    assert pushed == scraped(shown)
    assert any(name.endswith("_bucket") for name, _ in pushed)


def test_counters_and_histograms_are_cumulative_since_the_start_and_only_counters_monotonic() -> (
    None
):
    kinds = set()
    for metric in told_of(families()):
        kind = metric.WhichOneof("data")
        kinds.add(kind)
        data = getattr(metric, kind)
        starts = {point.start_time_unix_nano for point in data.data_points}
        assert {point.time_unix_nano for point in data.data_points} == {AT_NS}
        if kind == "gauge":
            assert starts == {0}
            continue
        assert starts == {SINCE_NS}
        assert data.aggregation_temporality == (
            AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
        )
        assert kind == "histogram" or data.is_monotonic
    assert kinds == {"gauge", "sum", "histogram"}


def test_a_gauge_is_never_a_whole_number_once_and_a_fraction_then() -> None:
    whole, fraction = GaugeMetricFamily("g", "", value=1), GaugeMetricFamily("g", "", value=1.5)
    points = [told_of([family])[0].gauge.data_points[0] for family in (whole, fraction)]
    assert [point.WhichOneof("value") for point in points] == ["as_double", "as_double"]


@pytest.mark.parametrize(
    ("given", "posted_to"),
    [
        ("http://collector:4318", "http://collector:4318/v1/metrics"),
        ("https://collector:4318/", "https://collector:4318/v1/metrics"),
        ("https://otlp.example/api/v2/otlp", "https://otlp.example/api/v2/otlp"),
    ],
)
def test_the_signals_path_is_added_unless_one_is_given(given: str, posted_to: str) -> None:
    assert metrics_address(given) == posted_to


class Slow:
    """A receiver that fails as often as it is told to."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.sent = 0
        self.closed = False

    def send(self, data: MetricsData) -> bool:
        assert data.resource_metrics[0].scope_metrics[0].metrics
        self.sent += 1
        return self.sent > self.failures

    def close(self) -> None:
        self.closed = True


def test_failures_are_counted_and_told_once_and_the_last_push_is_at_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    receiver, outcomes = Slow(failures=2), list[str]()
    enough = asyncio.Event()

    def counted_as(outcome: str) -> None:
        outcomes.append(outcome)
        if len(outcomes) == 4:
            enough.set()

    async def run() -> None:
        push = OtlpPush(
            families, receiver, {}, interval_s=0.001, now_ns=lambda: 0, counted=counted_as
        )
        running = asyncio.create_task(push.run())
        await enough.wait()
        before = len(outcomes)
        running.cancel()
        await asyncio.wait([running])
        assert len(outcomes) > before

    asyncio.run(run())
    assert outcomes[:4] == ["failed", "failed", "delivered", "delivered"]
    assert [record.message for record in caplog.records] == [
        "OTLP's receiver takes no metrics; the next are tried in time",
        "OTLP's receiver takes metrics again",
    ]
    assert receiver.closed


def test_without_the_sdk_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.metrics.export", None)
    with pytest.raises(OtlpMissing, match=r"pip install 'baton-streams\[otlp\]'"):
        OtlpReceiver("http://127.0.0.1:4318")
