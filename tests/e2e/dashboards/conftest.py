"""One replayed day for all tests of the dashboards."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.dashboards.watched_day import SHORT_DAY, WatchedDay, watched


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedDay]:
    """Ten hours in 60 s: a look every 20 minutes of the data."""
    if shutil.which("prometheus") is None:
        pytest.skip("no prometheus here: apt-get install prometheus")
    with watched(SHORT_DAY, tmp_path_factory.mktemp("day"), lasting_s=60) as found:
        yield found
