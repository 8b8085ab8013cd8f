"""Fixtures of the tests that hold schemas/ to the code."""

from __future__ import annotations

import pytest

from tests.unit.schemas.schema_store import SCHEMAS, SchemaStore


@pytest.fixture(scope="session")
def store() -> SchemaStore:
    return SchemaStore.load(SCHEMAS)
