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
    if asked.instant:
        return day.prometheus.now(asked.filled(VARIABLES), day.end_s)
    return ever_answered(day, asked, step_s)


def ever_answered(day: WatchedDay, asked: Asked, step_s: float = SCRAPE_S) -> list[Series]:
    """The series over the whole day, of an instant query too: a state such as a customer who
    waits now is there at some moments and not at others. Raises QueryFailed.
    """
    moments = steps(day, step_s)
    return day.prometheus.over(asked.filled(VARIABLES), moments[0], moments[-1], step_s)
