"""The worker's metrics pushed to an OpenTelemetry collector, for monitors that do not scrape.

The families are those of /metrics, as OTLP's data model maps Prometheus' (OpenTelemetry,
"Prometheus and OpenMetrics compatibility"): gauges; counters as cumulative monotonic sums;
histograms with explicit bounds. Names stay as they are, without `_total`, which exporters to
Prometheus add. Encoding, compression, TLS, headers and retries are the OpenTelemetry SDK's:
OTEL_EXPORTER_OTLP_HEADERS, _CERTIFICATE, _COMPRESSION and _TIMEOUT hold. It is the extra `otlp`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit, urlunsplit

from prometheus_client.core import Metric
from prometheus_client.samples import Sample

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import (
        HistogramDataPoint,
        MetricsData,
        NumberDataPoint,
    )
    from opentelemetry.sdk.metrics.export import Metric as OtlpMetric

Families = Callable[[], Iterable[Metric | None]]
_PATH = "/v1/metrics"
_LAST_TIMEOUT_S = 3.0

log = logging.getLogger("baton")


class OtlpMissing(RuntimeError):
    """The OpenTelemetry SDK is not installed."""

    def __init__(self) -> None:
        super().__init__("--otlp needs the OpenTelemetry SDK: pip install 'baton-streams[otlp]'")


class MetricsReceiver(Protocol):
    """Where metrics are sent. `send` blocks, and says whether they were taken."""

    def send(self, data: MetricsData) -> bool:
        """Hand over one snapshot."""

    def close(self) -> None:
        """Give up what is under way."""


class OtlpReceiver:
    """An OTLP/HTTP endpoint by the SDK's exporter. Raises OtlpMissing without the SDK."""

    def __init__(self, address: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
            from opentelemetry.sdk.metrics.export import MetricExportResult
        except ImportError:
            raise OtlpMissing from None
        # What it logs names the address and the bytes that were answered; we say it once ourselves.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._exporter = OTLPMetricExporter(endpoint=metrics_address(address))
        self._taken = MetricExportResult.SUCCESS

    def send(self, data: MetricsData) -> bool:
        """Hand over one snapshot; within OTEL_EXPORTER_OTLP_TIMEOUT (10 s) it is tried again where
        the receiver asks for that.
        """
        return self._exporter.export(data) is self._taken

    def close(self) -> None:
        """Give up what is under way."""
        self._exporter.shutdown()


def metrics_address(address: str) -> str:
    """The address that metrics are posted to: `/v1/metrics` is added unless a path is given."""
    said = urlsplit(address)
    path = said.path if said.path.strip("/") else _PATH
    return urlunsplit((said.scheme, said.netloc, path, said.query, ""))


class OtlpPush:
    """Pushes what `families` gives every `interval_s`, and once more when it ends.

    `resource` names the worker; `now_ns` is the wall clock; `counted` is told each outcome:
    `delivered` or `failed`. What was not taken is not kept: the next snapshot has it all.
    """

    def __init__(
        self,
        families: Families,
        receiver: MetricsReceiver,
        resource: Mapping[str, str],
        *,
        interval_s: float,
        now_ns: Callable[[], int],
        counted: Callable[[str], None],
    ) -> None:
        self._families = families
        self._receiver = receiver
        self._resource = dict(resource)
        self._interval_s = interval_s
        self._now_ns = now_ns
        self._counted = counted
        self._since_ns = now_ns()
        self._failing = False

    async def run(self) -> None:
        """Until cancelled; what goes wrong is logged and counted."""
        try:
            while True:
                await asyncio.sleep(self._interval_s)
                await self._push()
        finally:
            try:
                await asyncio.wait_for(self._push(), _LAST_TIMEOUT_S)
            except TimeoutError:
                log.warning("the last metrics were not taken by OTLP's receiver in time")
            finally:
                self._receiver.close()

    async def _push(self) -> None:
        families: list[Metric] = []
        for family in self._families():
            if family is None:
                await asyncio.sleep(0)
            else:
                families.append(family)
        taken = await asyncio.to_thread(self._send, families, self._now_ns())
        self._counted("delivered" if taken else "failed")
        if not taken and not self._failing:
            log.warning("OTLP's receiver takes no metrics; the next are tried in time")
        elif taken and self._failing:
            log.warning("OTLP's receiver takes metrics again")
        self._failing = not taken

    def _send(self, families: Sequence[Metric], at_ns: int) -> bool:
        return self._receiver.send(metrics_data(families, self._resource, self._since_ns, at_ns))


def metrics_data(
    families: Iterable[Metric], resource: Mapping[str, str], since_ns: int, at_ns: int
) -> MetricsData:
    """One snapshot in OpenTelemetry's data model; times in ns since 1970 UTC, `since_ns` when
    counters were 0. Families without samples are left out.
    """
    from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    metrics = [
        metric for family in families if (metric := _metric(family, since_ns, at_ns)) is not None
    ]
    scope = ScopeMetrics(InstrumentationScope("baton"), metrics, "")
    return MetricsData([ResourceMetrics(Resource(dict(resource)), [scope], "")])


def _metric(family: Metric, since_ns: int, at_ns: int) -> OtlpMetric | None:
    from opentelemetry.sdk.metrics.export import (
        AggregationTemporality,
        Gauge,
        Histogram,
        Sum,
    )
    from opentelemetry.sdk.metrics.export import Metric as OtlpMetric

    samples = family.samples
    if not samples:
        return None
    cumulative = AggregationTemporality.CUMULATIVE
    data: Gauge | Histogram | Sum
    if family.type == "histogram":
        data = Histogram(list(_histograms(family.name, samples, since_ns, at_ns)), cumulative)
    elif family.type == "counter":
        data = Sum(list(_numbers(samples, since_ns, at_ns)), cumulative, is_monotonic=True)
    else:
        data = Gauge(list(_numbers(samples, None, at_ns)))
    return OtlpMetric(family.name, family.documentation, "", data)


def _numbers(
    samples: Iterable[Sample], since_ns: int | None, at_ns: int
) -> Iterator[NumberDataPoint]:
    from opentelemetry.sdk.metrics.export import NumberDataPoint

    for sample in samples:
        # Prometheus' empty label is one that is not there.
        labels = {name: value for name, value in sample.labels.items() if value}
        # A series keeps one kind of number: counters whole ones, gauges not.
        value = float(sample.value) if since_ns is None else sample.value
        yield NumberDataPoint(labels, since_ns or 0, at_ns, value)


def _histograms(
    name: str, samples: Iterable[Sample], since_ns: int, at_ns: int
) -> Iterator[HistogramDataPoint]:
    from opentelemetry.sdk.metrics.export import HistogramDataPoint

    reached: dict[tuple[tuple[str, str], ...], list[tuple[float, int]]] = {}
    sums: dict[tuple[tuple[str, str], ...], float] = {}
    for sample in samples:
        labels = tuple(item for item in sample.labels.items() if item[0] != "le" and item[1])
        if sample.name == f"{name}_bucket":
            at = reached.setdefault(labels, [])
            at.append((float(sample.labels["le"]), int(sample.value)))
        elif sample.name == f"{name}_sum":
            sums[labels] = sample.value
    for labels, cumulated in reached.items():
        cumulated.sort()
        counts = [cumulated[0][1], *(b[1] - a[1] for a, b in pairwise(cumulated))]
        yield HistogramDataPoint(
            attributes=dict(labels),
            start_time_unix_nano=since_ns,
            time_unix_nano=at_ns,
            count=cumulated[-1][1],
            sum=sums.get(labels, 0.0),
            bucket_counts=counts,
            explicit_bounds=[bound for bound, _ in cumulated[:-1]],
            # Prometheus' histograms know neither; as NaN they would be stated.
            min=None,  # type: ignore[arg-type]
            max=None,  # type: ignore[arg-type]
        )
