"""A preview that is read is of the items that it says, and adds up; anything else is said."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from streams.cli.invoice_preview import preview_problems
from streams.domain.billing.ledger import Ledger
from streams.domain.billing.preview import (
    Preview,
    PublishedPreview,
    encode_preview,
    problems_of_preview,
    read_preview,
)
from streams.domain.billing.statement import Statement, statement_of
from tests.log_builder import CONTRACT, EPOCH_MS
from tests.properties.billing_records import DAY_MS
from tests.unit.domain.billing import by_hand as hand

PERIOD = "2026-03"


def made() -> tuple[Preview, Statement]:
    """Two resolutions, of which one is free, and a fixed fee."""
    raise NotImplementedError
