"""Real logs, each read once a session."""

from __future__ import annotations

from functools import cache

import pytest

from tests.data.real_logs import ReadLog, read_real_log


@pytest.fixture(scope="session")
def read_log() -> ReadLog:
    return cache(read_real_log)
