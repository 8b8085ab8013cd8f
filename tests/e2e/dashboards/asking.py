"""What Prometheus answers to a panel, as Grafana would ask it with everything chosen."""

from __future__ import annotations

from collections.abc import Mapping

from tests.dashboard_files import EVERYTHING, Asked
from tests.e2e.dashboards.prometheus_server import SCRAPE_S, Series
from tests.e2e.dashboards.watched_day import WatchedDay

# Grafana's $__rate_interval is at least four scrapes; ages are reckoned to the replay's clock.
RATE_S = 4 * SCRAPE_S
VARIABLES: Mapping[str, str] = {**EVERYTHING, "__rate_interval": f"{RATE_S}s"}


def steps(day: WatchedDay, step_s: float) -> list[float]:
    """The moments (seconds since 1970) at which the day is looked at, its end included."""
    count = int((day.end_s - day.start_s) / step_s)
    return [day.end_s - step_s * back for back in range(count, -1, -1)]


def answer(day: WatchedDay, asked: Asked, step_s: float = SCRAPE_S) -> list[Series]:
    """The series, over the whole day or at its end. Raises QueryFailed."""
    expr = asked.filled(VARIABLES)
    if asked.instant:
        return day.prometheus.now(expr, day.end_s)
    moments = steps(day, step_s)
    return day.prometheus.over(expr, moments[0], moments[-1], step_s)
