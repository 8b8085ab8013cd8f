"""A worker's telemetry after a literal log, and what the page says of it."""

from __future__ import annotations

from streams.domain.contract import ContractBook
from streams.export.live.shown import Page, Row
from streams.export.live.snapshot import Snapshot, Snapshots
from streams.export.live.view import page_of
from streams.export.telemetry import Telemetry
from tests.unit.export.test_collector import counted
from tests.unit.oracle.verdicts import BOOK

READY = (True, "partitions assigned and recovered")


def snapshot_of(telemetry: Telemetry, partitions: int = 1) -> Snapshot:
    return Snapshots(telemetry, telemetry.book, partitions).take(lags={}, ready=READY)


def snapshot_after(*log: bytes, until: int, book: ContractBook = BOOK) -> Snapshot:
    """What is to be seen once the watermark has reached `until`."""
    return snapshot_of(counted(*log, until=until, book=book))


def page_after(*log: bytes, until: int, book: ContractBook = BOOK) -> Page:
    return page_of(snapshot_after(*log, until=until, book=book))


def rows(page: Page, table: str) -> dict[str, Row]:
    """A table's rows by key."""
    found = {row.key: row for row in page.tables[table].rows}
    assert len(found) == len(page.tables[table].rows), "a key names one row"
    return found


def texts(row: Row) -> list[str]:
    return [cell.t for cell in row.cells]
