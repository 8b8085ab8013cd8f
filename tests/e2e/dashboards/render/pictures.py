"""A dashboard as a picture: Prometheus' answers, a page of Grafana's components, Chromium."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.dashboard_files import Asked, ShownPanel, panels_of
from tests.e2e.dashboards.asking import RATE_S, answer, steps
from tests.e2e.dashboards.prometheus_server import SCRAPE_S, Series
from tests.e2e.dashboards.watched_day import WatchedDay

HERE = Path(__file__).parent
WIDTH = 1400
# Rows are 30 px and gaps 8, as in Grafana; the page has a heading.
ROW, HEADING = 38, 64
TALLEST = 2_100

_STYLE = """
body { margin: 0; font-family: Inter, 'DejaVu Sans', sans-serif; }
.page { position: relative; background: #111217; color: #ccccdc; }
.page h1 { position: absolute; left: 10px; top: 8px; font-size: 18px; margin: 0; }
.page p { position: absolute; left: 10px; top: 34px; font-size: 12px; margin: 0; color: #9d9fa8; }
.row { position: absolute; font-size: 15px; padding: 6px 4px; white-space: nowrap; }
.panel { position: absolute; }
.no-data { display: flex; height: 100%; align-items: center; justify-content: center;
  color: #9d9fa8; font-size: 18px; }
.stand-in svg text { fill: #ccccdc; font-size: 12px; }
.stand-in svg text.note { fill: #7b7f8a; font-style: italic; }
.stand-in .legend { font-size: 12px; padding: 2px 8px; display: flex; gap: 14px; }
.stand-in .legend i { display: inline-block; width: 12px; height: 4px; vertical-align: middle; }
.stand-in .legend em { color: #7b7f8a; margin-left: auto; }
"""


def page(dashboard: Mapping[str, Any], day: WatchedDay) -> str:
    """The dashboard with what Prometheus answers, as one HTML file beside dist/page.js."""
    given = {
        "dashboard": _filled(dashboard),
        "answers": {
            str(panel.json["id"]): [
                _told(asked, answer(day, asked, _step(panel))) for asked in panel.asked
            ]
            for panel in panels_of(dashboard)
        },
        "grids": {
            str(panel.json["id"]): _grid(day, _step(panel)) for panel in panels_of(dashboard)
        },
        "from": round(day.start_s * 1000),
        "to": round(day.end_s * 1000),
        "width": WIDTH,
    }
    # "</" would end the script.
    data = json.dumps(given).replace("</", "<\\/")
    return (
        "<!doctype html><meta charset=utf-8><title>...</title>"
        f"<link rel=stylesheet href=page.css><style>{_STYLE}</style>"
        f"<div id=page></div><script>window.BATON={data}</script><script src=page.js></script>"
    )


def _step(panel: ShownPanel) -> float:
    """Seconds: a panel with a least interval is asked at the rate interval, as Grafana would."""
    return float(RATE_S if panel.json.get("interval") else SCRAPE_S)


def _grid(day: WatchedDay, step: float) -> list[int]:
    return [round(at * 1000) for at in steps(day, step)]


def _told(asked: Asked, series: list[Series]) -> dict[str, Any]:
    return {
        "refId": asked.ref,
        "legend": asked.legend,
        "format": asked.format,
        "instant": asked.instant,
        "series": [
            {
                "labels": {k: v for k, v in each.labels.items() if k != "__name__"},
                # NaN is no JSON, and to a graph it is a gap.
                "points": [(at, value if value == value else None) for at, value in each.points],
            }
            for each in series
        ],
    }


def _filled(dashboard: Mapping[str, Any]) -> dict[str, Any]:
    """Without the queries: what is drawn is their answers."""
    panels = [{k: v for k, v in p.items() if k != "targets"} for p in dashboard["panels"]]
    return {"title": dashboard["title"], "description": dashboard["description"], "panels": panels}


def height(dashboard: Mapping[str, Any]) -> int:
    """Of the picture, in pixels; what is below is drawn, too, but not in it."""
    at = (panel["gridPos"] for panel in dashboard["panels"])
    return min(TALLEST, HEADING + 8 + ROW * max(each["y"] + each["h"] for each in at))


def drawn(dashboard: Mapping[str, Any], day: WatchedDay, dist: Path, picture: Path) -> str:
    """Write the picture; returns the page's HTML after drawing. Raises AssertionError."""
    html = dist / f"{dashboard['uid']}.html"
    html.write_text(page(dashboard, day), encoding="utf-8")
    said = _chromium(html, "--dump-dom")
    title = re.search("<title>(.*?)</title>", said, re.DOTALL)
    assert title is not None
    assert title[1] == "DRAWN", title[1]
    size = f"--window-size={WIDTH},{height(dashboard)}"
    _chromium(html, f"--screenshot={picture}", size, "--hide-scrollbars")
    return said


def _chromium(html: Path, *flags: str) -> str:
    binary = shutil.which("chromium")
    assert binary is not None
    done = subprocess.run(
        [
            *(binary, "--headless", "--disable-gpu", "--no-sandbox", "--no-first-run"),
            # Until timers that are due within it have run.
            *("--virtual-time-budget=8000", f"--user-data-dir={html.parent / 'profile'}"),
            *flags,
            html.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def panel_html(said: str, dashboard: Mapping[str, Any]) -> Iterator[tuple[ShownPanel, str]]:
    """Each panel with its part of the drawn page."""
    parts = dict(
        re.findall(r'data-panel="(\d+)"[^>]*>(.*?)(?=<div class="(?:panel|row)"|$)', said, re.S)
    )
    for panel in panels_of(dashboard):
        yield panel, parts[str(panel.json["id"])]
