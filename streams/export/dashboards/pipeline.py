"""The dashboard of the pipeline: whether what the other dashboards say can be believed."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from streams.export.dashboards import addresses, frame
from streams.export.dashboards.panels import (
    COUNT,
    PER_SECOND,
    SECONDS,
    Query,
    Said,
    lines,
    number,
)
from streams.export.dashboards.queries import RATE, where
from streams.export.dashboards.tables import Column, listing

_OF = where('instance=~"$instance"')


def pipeline(runbooks: str) -> Dashboard:
    """Workers, freshness, throughput, what was refused or came late, recovery."""
    sheet = frame.Sheet(
        addresses.PIPELINE,
        "Baton / Pipeline",
        "Workers, freshness, lag, refused and late records. A stale pipeline says nothing about a"
        " contract, least of all that it is kept.",
    )
    sheet.row("Now", *_now())
    sheet.row("Freshness and lag", *_freshness())
    sheet.row("Throughput", *_throughput())
    sheet.row("Refused and late", *_refused())
    sheet.row("State and recovery", *_state())
    return sheet.finish(frame.workers(), frame.clock(), marks=[], runbooks=runbooks, since="now-1h")


def _now() -> list[frame.Placed]:
    versions = f"count by (version) (baton_build_info{_OF})"
    return [
        (
            number(
                Said(
                    "Workers ready",
                    "Partitions assigned and state recovered, by worker.",
                    runbook="slow-recovery",
                ),
                COUNT,
                Query(f"sum(baton_ready{_OF})"),
                none="no worker is scraped",
            ),
            5,
            5,
        ),
        (
            number(
                Said(
                    "Freshness",
                    "Age of the newest tick that has passed through the whole pipeline, of the"
                    " partition that is furthest behind, by the clock chosen above.",
                    runbook="pipeline-stale",
                ),
                SECONDS,
                Query(f"$clock - min(baton_heartbeat_timestamp_seconds{_OF})"),
            ),
            5,
            5,
        ),
        (
            number(
                Said(
                    "Records waiting",
                    "Between what was delivered and the end of all partitions.",
                    runbook="overload-and-lag",
                ),
                COUNT,
                Query(f"sum(baton_consumer_lag_records{_OF})"),
            ),
            5,
            5,
        ),
        (
            listing(
                Said("Versions", "How many workers run which version."),
                [Column("Workers", versions)],
                {"version": "Version"},
            ),
            9,
            5,
        ),
    ]


def _over_time(said: Said, unit: str, expr: str, legend: str, **look: bool) -> Panel:
    return lines(said, unit, Query(expr, legend), **look)


def _freshness() -> list[frame.Placed]:
    return [
        (
            _over_time(
                Said(
                    "Freshness by partition",
                    "Age of the newest tick that has passed through all stages, by the clock"
                    " chosen above. It grows a second a second where ticks have stopped.",
                    runbook="clock-and-ticks",
                ),
                SECONDS,
                f"$clock - min by (partition) (baton_heartbeat_timestamp_seconds{_OF})",
                "{{partition}}",
            ),
            8,
            8,
        ),
        (
            _over_time(
                Said(
                    "Watermark behind the clock",
                    "The allowed lateness and what processing adds to it; by the clock above.",
                    runbook="clock-and-ticks",
                ),
                SECONDS,
                f"$clock - min by (partition) (baton_watermark_timestamp_seconds{_OF})",
                "{{partition}}",
            ),
            8,
            8,
        ),
        (
            _over_time(
                Said(
                    "Records waiting by topic",
                    "Between what was delivered and the end of the partitions.",
                    runbook="overload-and-lag",
                ),
                COUNT,
                f"sum by (topic) (baton_consumer_lag_records{_OF})",
                "{{topic}}",
            ),
            8,
            8,
        ),
    ]


def _throughput() -> list[frame.Placed]:
    return [
        (
            _over_time(
                Said("Records taken", "From the broker, by stage.", runbook="all-brokers-down"),
                PER_SECOND,
                f"sum by (stage) (rate(baton_records_total{_OF}{RATE}))",
                "{{stage}}",
            ),
            8,
            8,
        ),
        (
            _over_time(
                Said(
                    "Batches by stage",
                    "Processed and acknowledged. None on all workers: the brokers are gone.",
                    runbook="all-brokers-down",
                ),
                PER_SECOND,
                f"sum by (stage) (rate(baton_batches_total{_OF}{RATE}))",
                "{{stage}}",
            ),
            8,
            8,
        ),
        (
            _over_time(
                Said("Records by worker", "How the partitions' load is spread."),
                PER_SECOND,
                f"sum by (instance) (rate(baton_records_total{_OF}{RATE}))",
                "{{instance}}",
                stacked=True,
            ),
            8,
            8,
        ),
        (
            _over_time(
                Said("Events by type", "Valid events, ticks not counted."),
                PER_SECOND,
                f"sum by (type) (rate(baton_events_total{_OF}{RATE}))",
                "{{type}}",
                stacked=True,
                many=True,
            ),
            12,
            9,
        ),
        (
            _over_time(
                Said("Facts by kind", "Facts published on time, late corrections not counted."),
                PER_SECOND,
                f"sum by (kind) (rate(baton_facts_total{_OF}{RATE}))",
                "{{kind}}",
                stacked=True,
                many=True,
            ),
            12,
            9,
        ),
    ]


def _refused() -> list[frame.Placed]:
    return [
        (
            _over_time(
                Said(
                    "Dead letters",
                    "Records diverted to the dead-letter topic, by stage and error code.",
                    runbook="dead-letters",
                ),
                COUNT,
                f"sum by (stage, code) (increase(baton_dead_letters_total{_OF}{RATE}))",
                "{{stage}} {{code}}",
                bars=True,
                stacked=True,
            ),
            12,
            8,
        ),
        (
            _over_time(
                Said(
                    "Late facts",
                    "Corrections published because an event came after its watermark; windows"
                    " leave them out.",
                    runbook="late-events",
                ),
                COUNT,
                f"sum by (contract) (increase(baton_late_facts_total{_OF}{RATE}))",
                "{{contract}}",
                bars=True,
                stacked=True,
            ),
            12,
            8,
        ),
    ]


def _state() -> list[frame.Placed]:
    return [
        (
            _over_time(
                Said("Interactions remembered", "By partition; flat at a steady load."),
                COUNT,
                f"sum by (partition) (baton_interactions{_OF})",
                "{{partition}}",
                stacked=True,
            ),
            8,
            8,
        ),
        (
            _over_time(
                Said(
                    "Recoveries",
                    "Times that partitions were assigned and their tables recovered.",
                    runbook="rebalance",
                ),
                COUNT,
                f"sum by (instance) (increase(baton_recoveries_total{_OF}{RATE}))",
                "{{instance}}",
                bars=True,
            ),
            8,
            8,
        ),
        (
            lines(
                Said(
                    "The last recovery",
                    "How long a worker last took to recover its tables.",
                    runbook="slow-recovery",
                ),
                SECONDS,
                Query(f"max by (instance) (baton_recovery_seconds{_OF})", "{{instance}}"),
            ),
            8,
            8,
        ),
        (
            _over_time(
                Said(
                    "Fenced batches",
                    "Given up because another worker had taken the partition over.",
                    runbook="worker-paused",
                ),
                COUNT,
                f"sum by (stage) (increase(baton_fenced_total{_OF}{RATE}))",
                "{{stage}}",
                bars=True,
            ),
            6,
            8,
        ),
        (
            _over_time(
                Said(
                    "Local state discarded",
                    "Partitions' tables on local disk that were thrown away, by reason.",
                    runbook="corrupt-state",
                ),
                COUNT,
                f"sum by (table, reason) (increase(baton_local_state_discarded_total{_OF}{RATE}))",
                "{{table}} {{reason}}",
                bars=True,
            ),
            6,
            8,
        ),
        (
            _over_time(
                Said(
                    "Foreign records",
                    "Records of a changelog that no worker wrote.",
                    runbook="foreign-state",
                ),
                COUNT,
                f"sum by (topic) (increase(baton_foreign_records_total{_OF}{RATE}))",
                "{{topic}}",
                bars=True,
            ),
            6,
            8,
        ),
        (
            _over_time(
                Said(
                    "Standby copies",
                    "Changelog records that copies of tables have yet to read.",
                    runbook="slow-recovery",
                ),
                COUNT,
                f"sum by (topic) (baton_standby_lag_records{_OF})",
                "{{topic}}",
            ),
            6,
            8,
        ),
    ]
