"""Statements from the billing topics by `baton invoice`, and what the batch computation says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from streams.domain.billing.records import Seal
from streams.domain.billing.statement import Statement, statement_json, statement_of
from streams.oracle.billing import account_of
from streams.oracle.billing_records import billing_records
from tests.stream_run import Log
from tests.worker_process import REPO

NAME = "telco-2026"


def by_batch(log: Log) -> dict[str, Statement]:
    """Every period's statement, computed from the log alone."""
    verdict = log.verdict
    assert verdict.watermark is not None
    records = billing_records(verdict, NAME)
    account = account_of(records, log.book, NAME, verdict.watermark)
    booked = [*account.booked, *account.seals]
    currency = log.book.versions(NAME)[0].currency
    return {
        period: statement_of(NAME, period, currency, booked)
        for period in sorted({one.period for one in booked if not isinstance(one, Seal)})
    }


def invoice(broker: str, prefix: str, period: str, *more: str | Path) -> tuple[int, bytes, str]:
    """`baton invoice` from the topics: exit code, what it wrote, and what it complained of."""
    argv: Sequence[str | Path] = (
        *(sys.executable, "-m", "streams", "invoice", "--contract", NAME, "--period", period),
        *("--broker", broker, "--prefix", prefix),
        *more,
    )
    done = subprocess.run(argv, cwd=REPO, capture_output=True, check=False, timeout=600)
    return done.returncode, done.stdout, done.stderr.decode()


def as_json(statement: Statement) -> bytes:
    """What `baton invoice --format json` writes of it."""
    return statement_json(statement) + b"\n"
