"""A worker's metrics arrive at an OTLP/HTTP endpoint: the SDK's bytes over a real socket.

The endpoint stands in for a collector: it reads them by OpenTelemetry's own protobuf classes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from streams.kafka.processes import LOOPBACK, free_loopback_ports
from tests.integration.conftest import Runs
from tests.stream_run import synthetic_log
from tests.worker_process import await_that


class Endpoint:
    """Takes metrics; `status` is what it answers with, `headers` are of the last request."""

    def __init__(self) -> None:
        self.port = free_loopback_ports(1)[0]
        self.status = 200
        self.asked = 0
        self.headers: dict[str, str] = {}
        self.taken: list[ExportMetricsServiceRequest] = []

    async def take(self, request: web.Request) -> web.Response:
        self.asked += 1
        body = await request.read()
        self.headers = dict(request.headers)
        if self.status == 200:
            self.taken.append(ExportMetricsServiceRequest.FromString(body))
        return web.Response(
            status=self.status,
            body=ExportMetricsServiceResponse().SerializeToString(),
            content_type="application/x-protobuf",
        )

    def last(self, name: str) -> list[float]:
        """The values of a metric in the last snapshot."""
        if not self.taken:
            return []
        return [
            point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
            for resource in self.taken[-1].resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in getattr(metric, metric.WhichOneof("data")).data_points
        ]

    @property
    def instances(self) -> set[str]:
        """Who pushed."""
        return {
            attribute.value.string_value
            for request in self.taken
            for resource in request.resource_metrics
            for attribute in resource.resource.attributes
            if attribute.key == "service.instance.id"
        }


@contextmanager
def serving(endpoint: Endpoint) -> Iterator[None]:
    """In a thread of its own, for the tests wait for processes."""
    loop = asyncio.new_event_loop()
    opened, done = threading.Event(), asyncio.Event()

    async def serve() -> None:
        app = web.Application()
        app.router.add_post("/v1/metrics", endpoint.take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, endpoint.port).start()
        opened.set()
        await done.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert opened.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)


def test_metrics_are_pushed_through_an_outage_and_once_more_at_the_end(runs: Runs) -> None:
    endpoint = Endpoint()
    log = synthetic_log(200)
    with (
        serving(endpoint),
        runs(
            log, flags=("--otlp", f"http://{LOOPBACK}:{endpoint.port}", "--otlp-interval", "100ms")
        ) as run,
    ):
        endpoint.status = 400
        worker = run.start_worker()
        worker.await_ready()
        await_that(lambda: endpoint.asked > 1, "two pushes that are refused")
        endpoint.status = 200
        run.replay()
        run.await_processed()
        scraped = worker.metrics().total("baton_facts_total")
        await_that(lambda: sum(endpoint.last("baton_facts")) == scraped, "all facts, pushed")
        pushes = worker.metrics()
        assert pushes.total("baton_otlp_pushes_total", outcome="failed") > 0
        assert pushes.total("baton_otlp_pushes_total", outcome="delivered") > 0
        before = endpoint.asked
        assert worker.stop() == 0
        assert endpoint.asked > before
        assert len(endpoint.instances) == 1
