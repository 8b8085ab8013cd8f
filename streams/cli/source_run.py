"""`baton source run`: a platform's own Kafka topic onto the events topic."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

import click
from aiokafka import AIOKafkaConsumer
from pydantic_settings import SettingsConfigDict

from streams.cli.options import chosen_options, configure_logging, settings_from
from streams.cli.source_intake import (
    EXPECTED,
    FEEDS,
    feed_of,
    intake_options,
    producer_options,
    serve_pages,
    stop_event,
    target_partitions,
    told,
)
from streams.export.access import pages_access
from streams.intake.mapping import Feed
from streams.intake.metrics import IntakeCounts
from streams.intake.topic import Targets, TopicSource
from streams.intake.transaction import AcknowledgedWriter, TransactionalWriter, Writer
from streams.kafka import topics
from streams.kafka.connection import check_connection, client_options
from streams.kafka.whole_topic import partitions_of
from streams.runtime import run
from streams.secrets import SecretError
from streams.settings import Settings

Guarantee = Literal["exactly-once", "at-least-once"]


class SourceBroker(Settings):
    """How to connect to the brokers of the source topic: the settings, as BATON_FROM_*."""

    model_config = SettingsConfigDict(
        env_prefix="BATON_FROM_", extra="ignore", hide_input_in_errors=True
    )


@click.command("run")
@click.argument("name", type=click.Choice(FEEDS), metavar="NAME")
@click.option("--from", "topic", required=True, help="Topic with the platform's payloads, as JSON.")
@click.option(
    "--from-broker",
    envvar="BATON_FROM_BROKER",
    help="Brokers of that topic, if others; how to log in there is BATON_FROM_SECURITY_PROTOCOL,"
    " BATON_FROM_SASL_USERNAME and so on [env BATON_FROM_BROKER].",
)
@click.option(
    "--group",
    help="Consumer group [default: APP_ID-source-NAME, with the prefix if one is given].",
)
@click.option(
    "--guarantee",
    type=click.Choice(("exactly-once", "at-least-once")),
    help="exactly-once, by transactions, is the default where both topics are of one cluster.",
)
@click.option("--batch-records", type=click.IntRange(1, 100_000), default=2000, show_default=True)
@chosen_options("session_timeout")
@intake_options
def run_topic(
    name: str,
    topic: str,
    from_broker: str | None,
    group: str | None,
    guarantee: Guarantee | None,
    batch_records: int,
    source_options: tuple[str, ...],
    salt_file: Path | None,
    keep_payloads: bool,
    **given: Any,
) -> None:
    """Read the payloads of platform NAME in a Kafka topic and write their events.

    Any number may run: partitions are shared out between those of one group. A batch is committed
    when the brokers have its events; with exactly-once, in the same transaction. What cannot be
    mapped goes to the dead letters with its origin. SIGTERM ends after the batch in hand.
    """
    # What is promised of the outputs is said below, not by the worker's setting.
    settings = settings_from({**given, "guarantee": "at-least-once"})
    configure_logging(settings.log_level)
    elsewhere = bool(from_broker) and from_broker != settings.broker
    if elsewhere and guarantee == "exactly-once":
        raise click.UsageError(
            "--guarantee exactly-once: a Kafka transaction does not reach into another cluster;"
            " at-least-once repeats events under the same ids, which workers count once"
        )
    if not settings.idempotence and guarantee == "exactly-once":
        raise click.UsageError("--guarantee exactly-once needs an idempotent producer")
    once = guarantee != "at-least-once" and not elsewhere and settings.idempotence
    origin = SourceBroker(broker=str(from_broker)) if elsewhere else settings
    try:
        feed = feed_of(name, source_options, salt_file)
    except SecretError as error:
        raise click.ClickException(str(error)) from None
    group = group or f"{settings.app_id}-source-{feed.group}"
    plan = _Plan(feed, topic, group, once, batch_records, keep_payloads)
    sys.exit(run(plan.run(settings, origin)))


class _Plan:
    def __init__(
        self, feed: Feed, topic: str, group: str, once: bool, batch_records: int, keep: bool
    ) -> None:
        self._feed = feed
        self._topic = topic
        self._group = group
        self._once = once
        self._batch_records = batch_records
        self._keep = keep

    async def run(self, settings: Settings, origin: Settings) -> int:
        stop = stop_event()
        counts = IntakeCounts()
        pages = None
        code = 0
        try:
            pages_access(settings)  # what needs no broker to be found wrong is said first
            await check_connection(settings)
            if origin is not settings:
                await check_connection(origin)
            await partitions_of(origin, self._topic)
            source = self._source(settings, origin, counts, await target_partitions(settings))
            pages, port = await serve_pages(
                settings,
                counts,
                lambda: (True, "reading"),
                lambda: (source.ready, "no partitions are assigned"),
            )
            told_once = "exactly-once" if self._once else "at-least-once"
            click.echo(
                f"baton source run: {self._feed.name} from {self._topic}, {told_once}, metrics on"
                f" http://{settings.host}:{port}/metrics",
                err=True,
            )
            await source.run_until(stop)
        except EXPECTED as error:
            click.echo(f"baton source run: {told(error)}", err=True)
            code = 1
        if pages is not None:
            await pages.stop()
        if code == 0:
            click.echo("baton source run: stopped; what was written is committed", err=True)
        return code

    def _source(
        self,
        settings: Settings,
        origin: Settings,
        counts: IntakeCounts,
        partitions: dict[str, int],
    ) -> TopicSource:
        consumer = AIOKafkaConsumer(
            **client_options(origin),
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=int(settings.session_timeout * 1000),
            heartbeat_interval_ms=int(settings.session_timeout * 100),
            rebalance_timeout_ms=60_000,
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )
        options = producer_options(settings)
        writer: Writer
        if self._once:
            writer = TransactionalWriter(options, self._group)
        else:
            writer = AcknowledgedWriter(options, consumer.commit)
        targets = Targets(
            settings.topic(topics.EVENTS), settings.topic(topics.DEAD_LETTERS), partitions
        )
        return TopicSource(
            self._feed,
            self._topic,
            consumer,
            writer,
            targets,
            counts,
            batch_records=self._batch_records,
            keep_payloads=self._keep,
        )
