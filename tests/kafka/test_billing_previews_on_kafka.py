"""What open periods would come to, on real Kafka, while one is in grace: `baton invoice --preview`
from the topics and the worker's gauges are what the batch computation foresees at the same moment.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import orjson

from streams.domain.billing.preview import Preview, encode_preview
from streams.kafka import topics
from streams.oracle.billing import foreseen
from streams.oracle.billing_records import billing_records
from tests.kafka.apache import ApacheKafka
from tests.month.faults import DAY_MS, HOUR_MS
from tests.month.log import JUNE_MS, MONTH_CONTRACT, month_log
from tests.month.statements import NAME, invoice
from tests.stream_run import Log, Pipeline
from tests.worker_process import Metrics

JULY_MS = JUNE_MS + 30 * DAY_MS
IN_GRACE_MS = JULY_MS + 4 * HOUR_MS
CURRENCY_MICROS = "baton_billing_amount_micros_total"


def turn_of_the_month() -> Log:
    """Three days up to the moment at which June is in grace and July has begun."""
    log = month_log(900, days=3, start_ms=JULY_MS - 2 * DAY_MS)
    ticks = [n for n, item in enumerate(log.items) if isinstance(item, int) and item < IN_GRACE_MS]
    return Log((*log.items[: ticks[-1] + 1], IN_GRACE_MS), log.book)


def by_batch(log: Log) -> dict[str, Preview]:
    at = log.verdict.watermark
    assert at is not None
    records = billing_records(log.verdict, NAME)
    found = {name: foreseen(records, log.book, NAME, at, name) for name in ("2026-06", "2026-07")}
    return {name: one for name, one in found.items() if one is not None}


def test_previews_from_the_topics_and_gauges_are_those_of_the_batch_at_that_moment(
    kafka: ApacheKafka, tmp_path: Path
) -> None:
    log = turn_of_the_month()
    expected = by_batch(log)
    june, july = expected["2026-06"], expected["2026-07"]
    # There is something to see of each kind.
    assert any(june.at_risk_micros.values())
    assert {line.kind for line in june.lines} >= {"service_credit"}
    assert july.records > 0
    flags = ("--batch-records", "2000", "--preview-interval", "1m")
    with Pipeline(kafka.bootstrap, tmp_path, log, flags=flags, contract=MONTH_CONTRACT) as run:
        worker = run.start_worker()
        worker.await_ready()
        run.replay()
        run.await_processed()
        for period, preview in expected.items():
            code, told, wrong = invoice(
                kafka.bootstrap, run.prefix, period, "--preview", "--format", "json"
            )
            assert (code, wrong) == (0, "")
            published = orjson.dumps(orjson.loads(told))
            assert published == encode_preview(preview)
            # By the contract's file, what follows from the items alone is computed anew.
            code, told, wrong = invoice(
                kafka.bootstrap, run.prefix, period, "--preview", "--contract", MONTH_CONTRACT
            )
            assert (code, wrong) == (0, "")
            assert f"if it closed now: {preview.total_micros / 1e6:.2f} SGD" in told.decode()

        shown = worker.metrics()
        assert shown.total("baton_billing_preview_micros", contract=NAME) == june.total_micros
        assert gauges(shown, "baton_clause_money_at_risk_micros", "clause") == june.at_risk_micros
        assert gauges(shown, "baton_billing_period_micros", "period_state") == {
            "grace": june.booked_micros,
            "open": july.booked_micros,
        }
        watermark = shown.total("baton_billing_watermark_timestamp_seconds", contract=NAME)
        assert watermark == june.at / 1000
        assert gauges(shown, CURRENCY_MICROS, "status") == booked_by_status(run)


def gauges(shown: Metrics, name: str, label: str) -> dict[str, float]:
    return {sample.labels[label]: sample.value for sample in shown.series(name)}


def booked_by_status(run: Pipeline) -> dict[str, int]:
    """What the items on the topic add up to, each status upwards; a provisional's estimate."""
    sums = Counter(dict.fromkeys(("provisional", "final", "void", "reversal"), 0))
    for record in run.records(topics.BILLING_ITEMS):
        event = orjson.loads(record.value or b"")
        status = event["type"].removeprefix("baton.billing.")
        amount = "estimate_micros" if status == "provisional" else "amount_micros"
        sums[status] += abs(event["data"][amount])
    return dict(sums)
