"""What Prometheus answers to a panel, as Grafana would ask it with everything chosen."""

from __future__ import annotations

from collections.abc import Mapping

from tests.dashboard_files import EVERYTHING, Asked
from tests.e2e.dashboards.prometheus_server import SCRAPE_S, Series
from tests.e2e.dashboards.watched_day import WatchedDay

# Grafana's $__rate_interval is at least four scrapes; ages are reckoned to the replay's clock.
VARIABLES: Mapping[str, str] = {**EVERYTHING, "__rate_interval": f"{8 * SCRAPE_S}s"}


def answer(day: WatchedDay, asked: Asked, step_s: float = SCRAPE_S) -> list[Series]:
    """The series, over the whole day or at its end. Raises QueryFailed."""
    expr = asked.filled(VARIABLES)
    if asked.instant:
        return day.prometheus.now(expr, day.end_s)
    count = int((day.end_s - day.start_s) / step_s)
    return day.prometheus.over(expr, day.end_s - count * step_s, day.end_s, step_s)
