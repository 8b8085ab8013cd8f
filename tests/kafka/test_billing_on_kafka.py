"""A month billed live on Kafka, its worker killed in the middle: the invoice from the topics is the
batch computation's, byte for byte, and who changes a record is found out.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson

from streams.kafka import topics
from streams.kafka.admin import ensure_topics
from streams.kafka.whole_topic import write_all
from streams.settings import Settings
from tests.kafka.apache import ApacheKafka
from tests.month.log import MONTH_CONTRACT, month_log
from tests.month.statements import as_json, by_batch, invoice
from tests.stream_run import Pipeline

PERIOD = "2026-06"


def test_an_invoice_from_the_topics_is_that_of_the_batch_and_names_what_was_changed(
    kafka: ApacheKafka, tmp_path: Path
) -> None:
    log = month_log(1_200)
    expected = by_batch(log)
    with Pipeline(
        kafka.bootstrap, tmp_path, log, flags=("--batch-records", "2000"), contract=MONTH_CONTRACT
    ) as run:
        worker = run.start_worker()
        worker.await_ready()
        run.start_replay(lasting_s=15)
        run.await_share(0.45)
        worker.kill()
        worker = run.start_worker()
        run.await_processed(within_s=180)
        for period, statement in expected.items():
            code, told, wrong = invoice(kafka.bootstrap, run.prefix, period, "--format", "json")
            assert (code, wrong) == (0, "")
            assert told == as_json(statement)
        assert expected[PERIOD].seal is not None
        kept = tmp_path / "theirs.json"
        kept.write_bytes(as_json(expected[PERIOD]))

        forged = f"{run.group}-forged."
        changed = forge(run, forged)
        code, _, wrong = invoice(kafka.bootstrap, forged, PERIOD)
        assert code == 1
        assert changed in wrong
        code, told, _ = invoice(kafka.bootstrap, forged, PERIOD, "--verify", kept)
        assert code == 1
        assert f"{changed}: is not what the topics give" in told.decode()


def forge(run: Pipeline, prefix: str) -> str:
    """Copy the billing topics under another prefix, one final a cent dearer; its id."""
    specs = topics.declared_topics(prefix, run.partitions)
    asyncio.run(ensure_topics(run.broker, specs, 1))
    settings = Settings(broker=run.broker, prefix=prefix)
    changed = ""
    for topic in (topics.BILLING_ITEMS, topics.BILLING_ADJUSTMENTS):
        copied: list[tuple[bytes, bytes]] = []
        for record in run.records(topic):
            assert record.key is not None
            assert record.value is not None
            value = record.value
            event = orjson.loads(value)
            final = event["type"] == "baton.billing.final" and event["data"]["period"] == PERIOD
            if final and not changed:
                event["data"]["amount_micros"] += 10_000
                changed, value = event["id"], orjson.dumps(event)
            copied.append((record.key, value))
        asyncio.run(write_all(settings, settings.topic(topic), copied))
    return changed
