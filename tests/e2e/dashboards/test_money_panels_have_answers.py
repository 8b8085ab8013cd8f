"""Every query about money, asked of a real Prometheus that scrapes figures written by hand.

They go through the worker's own collector; which stage tells them is not looked at here.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from streams.contract_files import load_contracts
from streams.export.billing_metrics import BillingFigures
from streams.export.collector import BatonCollector
from streams.export.telemetry import Telemetry
from streams.kafka.processes import LOOPBACK
from tests.dashboard_files import Asked, ShownPanel, panels_of, rendered
from tests.e2e.dashboards.asking import VARIABLES
from tests.e2e.dashboards.prometheus_server import SCRAPE_S, PrometheusServer
from tests.stream_run import CONTRACT
from tests.worker_process import await_that

BOOK = load_contracts([CONTRACT])
(NAME,) = BOOK.names
QUERIES = [
    pytest.param(panel, asked, id=f"{panel}-{asked.ref}".replace(" ", "_"))
    for dashboard in rendered(BOOK).values()
    for panel in panels_of(dashboard)
    for asked in panel.asked
    if asked.about_money
]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """One that has scraped a ledger which books all the time."""
    if shutil.which("prometheus") is None:
        pytest.skip("no prometheus here: apt-get install prometheus")
    telemetry = Telemetry(BOOK)
    figures = telemetry.billing[NAME] = BillingFigures(
        booked=Counter(final=9_000_000_000, reversal=1_400_000, credit=3_010_000),
        period={"open": 135_840_000, "grace": 90_000_000, "closed": 80_000_000},
        preview=3_760_000,
        at_risk={clause.id: 1_000_000 for clause in BOOK.versions(NAME)[-1].clauses},
    )
    registry = CollectorRegistry(auto_describe=False)
    registry.register(BatonCollector(telemetry, now=time.time, lags=dict, ready=lambda: True))

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            figures.booked.update(final=1_400_000, reversal=1_400_000, credit=10_000)
            figures.watermark = int(time.time() * 1000)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(generate_latest(registry))

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Page)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        address = f"{LOOPBACK}:{server.server_port}"
        with PrometheusServer([address], tmp_path_factory.mktemp("money")) as found:
            booked = f"count_over_time(baton_billing_amount_micros_total[{10 * SCRAPE_S}s]) >= 3"
            await_that(lambda: found.now(booked), "three scrapes of the ledger")
            yield found
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


@pytest.mark.parametrize(("panel", "asked"), QUERIES)
def test_a_query_about_money_has_an_answer(
    prometheus: PrometheusServer, panel: ShownPanel, asked: Asked
) -> None:
    answers = prometheus.now(asked.filled(VARIABLES))
    assert any(series.known for series in answers)
    # In the currency's unit, not in millionths of it.
    assert all(0 < value < 10_000 for series in answers for _, value in series.points)


def test_the_pool_is_that_of_all_clauses(prometheus: PrometheusServer) -> None:
    asked = (values[1] for values in (query.values for query in QUERIES))
    pools = {one for one in asked if "sum by (contract) (max" in one.expr and one.ref == "A"}
    assert pools
    for one in pools:
        (answer,) = prometheus.now(one.filled(VARIABLES))
        assert answer.points[0][1] == len(BOOK.versions(NAME)[-1].clauses)
