"""The dashboards drawn by Grafana's own components: `make test-dashboards` takes the pictures."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.contract_files import load_contracts
from streams.export.dashboards.addresses import CONTAINMENT, HANDOFFS, MONEY, OVERVIEW, contract_uid
from tests.dashboard_files import rendered
from tests.e2e.dashboards.render.pictures import HERE, drawn, panel_html
from tests.e2e.dashboards.watched_day import WatchedDay, busy_day, watched
from tests.stream_run import CONTRACT, REPO

PICTURES = REPO / "deploy" / "screenshots"
KEPT = {OVERVIEW, contract_uid("telco-2026"), HANDOFFS, CONTAINMENT, MONEY}
DRAWN = sorted(rendered(load_contracts([CONTRACT])))
_PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="session")
def dist() -> Path:
    """The bundle, built from node_modules."""
    if not (HERE / "node_modules").is_dir():
        pytest.fail(f"{HERE}: run `npm ci --legacy-peer-deps --ignore-scripts` there first")
    built = subprocess.run(["npm", "run", "build"], cwd=HERE, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr[-3000:]
    return HERE / "dist"


@pytest.fixture(scope="session")
def long_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedDay]:
    """Busier than the tests' day and seen from closer, for people look at it."""
    for tool, package in (("prometheus", "prometheus"), ("chromium", "chromium")):
        if shutil.which(tool) is None:
            pytest.fail(f"no {tool} here: apt-get install {package}")
    with watched(busy_day(6_000), tmp_path_factory.mktemp("day"), lasting_s=200) as found:
        yield found


@pytest.mark.parametrize("uid", DRAWN)
def test_a_dashboard_is_drawn(long_day: WatchedDay, dist: Path, tmp_path: Path, uid: str) -> None:
    dashboard = rendered(long_day.book)[uid]
    picture = (PICTURES if uid in KEPT else tmp_path) / f"{uid}.png"
    picture.unlink(missing_ok=True)
    said = drawn(dashboard, long_day, dist, picture)
    for panel, html in panel_html(said, dashboard):
        assert panel.title in html, panel
        # A plot's canvas, a stand-in's shapes, a table's cells or a big number.
        assert re.search('<canvas|<rect|role="cell"|<span|no-data', html), panel
    assert picture.read_bytes()[:8] == _PNG
    assert 20_000 < picture.stat().st_size < 500_000
