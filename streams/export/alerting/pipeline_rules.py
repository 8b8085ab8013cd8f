"""The alerts on Baton itself: whether it sees, keeps up, and can be believed.

Those with `inhibits: clauses` silence the alerts of clauses: what is judged by is stale or absent.
"""

from __future__ import annotations

from streams.export.alerting.links import PIPELINE
from streams.export.alerting.options import RenderOptions
from streams.export.alerting.rules import Alert, Group, RuleFile, Severity

_HEARTBEAT = "baton_heartbeat_timestamp_seconds"


def pipeline_rules(options: RenderOptions) -> RuleFile:
    """rules/baton.yaml."""
    make = _Alerts(options)
    groups = [
        Group(
            "baton:watchdog",
            (
                make.alert(
                    "BatonWatchdog",
                    "vector(1)",
                    "watchdog",
                    "none",
                    "paging works",
                    "Always fires. Whoever receives it must page when it stops coming.",
                ),
            ),
            ("Dead man's switch: it proves the way from Prometheus to the receiver.",),
        ),
        Group("baton:sight", tuple(_sight(make, options)), (_SIGHT,)),
        Group("baton:pace", tuple(_pace(make))),
        Group("baton:records", tuple(_records(make))),
        Group("baton:workers", tuple(_workers(make))),
    ]
    return RuleFile("The pipeline: is what clauses are judged by fresh, whole and right?", groups)


_SIGHT = (
    "A partition that nobody owns has no series: its last heartbeat counts for 6 h, so that its"
    " silence is seen."
)


def _sight(make: _Alerts, options: RenderOptions) -> list[Alert]:
    return [
        make.alert(
            "BatonDown",
            'absent(up{job="baton"} == 1)',
            "worker-killed",
            "page",
            "no worker answers",
            "Nothing is judged and nothing pages until one does.",
            hold=options.stale_after,
            inhibits="clauses",
        ),
        make.alert(
            "BatonHeartbeatStale",
            f"time() - max by (partition) (max_over_time({_HEARTBEAT}[6h]))"
            f" > {seconds(options.stale_after)}",
            "pipeline-stale",
            "page",
            "partition {{ $labels.partition }} is not judged",
            "The newest tick that has passed through all stages is"
            " {{ $value | humanizeDuration }} old.",
            inhibits="clauses",
        ),
        make.alert(
            "BatonHeartbeatAbsent",
            f"absent({_HEARTBEAT})",
            "pipeline-stale",
            "page",
            "no partition is judged",
            "Workers answer, but none owns a window that has been judged.",
            hold=options.stale_after,
            inhibits="clauses",
        ),
    ]


def _pace(make: _Alerts) -> list[Alert]:
    return [
        make.alert(
            "BatonWatermarkLag",
            "max by (partition) (baton_watermark_lag_seconds) > 300",
            "clock-and-ticks",
            "ticket",
            "partition {{ $labels.partition }} lags",
            "Its facts are {{ $value | humanizeDuration }} behind the wall clock.",
            hold="5m",
        ),
        make.alert(
            "BatonClockAhead",
            "min by (partition) (baton_watermark_lag_seconds) < -5",
            "clock-and-ticks",
            "page",
            "partition {{ $labels.partition }} is ahead of the clock",
            "Breaches come early and what happens now is late.",
            hold="1m",
        ),
        make.alert(
            "BatonConsumerLag",
            "sum by (topic) (baton_consumer_lag_records) > 50000\n"
            "and deriv(sum by (topic) (baton_consumer_lag_records)[10m:1m]) >= 0",
            "overload-and-lag",
            "ticket",
            "{{ $labels.topic }} is not caught up with",
            "{{ $value | humanize }} records wait and they do not become fewer.",
            hold="10m",
        ),
        make.alert(
            "BatonRecovering",
            "baton_ready == 0",
            "slow-recovery",
            "ticket",
            "{{ $labels.instance }} is not ready",
            "It has been joining the group or recovering its tables for 5 minutes.",
            hold="5m",
        ),
    ]


def _records(make: _Alerts) -> list[Alert]:
    letters = "increase(baton_dead_letters_total[10m])"
    return [
        make.alert(
            "BatonDeadLetters",
            f"sum by (stage, code) ({letters}) > 0",
            "dead-letters",
            "ticket",
            "{{ $labels.code }} at {{ $labels.stage }}",
            "{{ $value | humanize }} records were diverted in 10 minutes.",
        ),
        make.alert(
            "BatonDeadLetterRatio",
            f"sum({letters})\n/ (sum({letters}) + sum(increase(baton_events_total[10m]))) > 0.01",
            "dead-letters",
            "page",
            "a producer is broken",
            "{{ $value | humanizePercentage }} of what came in 10 minutes could not be used;"
            " figures leave it out.",
            hold="5m",
        ),
        make.alert(
            "BatonLateFacts",
            "sum(increase(baton_late_facts_total[1h]))\n"
            "/ sum(increase(baton_facts_total[1h])) > 0.01",
            "late-events",
            "ticket",
            "events come late",
            "{{ $value | humanizePercentage }} as many corrections as facts in 1 h; windows leave"
            " them out.",
            hold="15m",
        ),
    ]


def _workers(make: _Alerts) -> list[Alert]:
    return [
        make.alert(
            "BatonWorkerAbsent",
            'up{job="baton"} == 0',
            "worker-killed",
            "ticket",
            "{{ $labels.instance }} does not answer",
            "Another worker takes its partitions over after the session timeout.",
            hold="2m",
        ),
        make.alert(
            "BatonFenced",
            "sum by (stage) (increase(baton_fenced_total[10m])) > 0",
            "worker-paused",
            "ticket",
            "a worker was fenced at {{ $labels.stage }}",
            "Another one had taken its partition over; what it gave up is processed again.",
        ),
        make.alert(
            "BatonLocalStateDiscarded",
            "sum by (table, reason) (increase(baton_local_state_discarded_total[1h])) > 0",
            "corrupt-state",
            "ticket",
            "{{ $labels.table }} on disk was {{ $labels.reason }}",
            "It was thrown away and rebuilt from its changelog.",
        ),
        make.alert(
            "BatonForeignRecords",
            "sum by (topic) (increase(baton_foreign_records_total[1h])) > 0",
            "foreign-state",
            "ticket",
            "something else writes to {{ $labels.topic }}",
            "Its records are passed over.",
        ),
    ]


class _Alerts:
    def __init__(self, options: RenderOptions) -> None:
        self._options = options

    def alert(
        self,
        name: str,
        expr: str,
        page: str,
        severity: Severity,
        what: str,
        description: str,
        *,
        hold: str = "0s",
        **labels: str,
    ) -> Alert:
        return Alert(
            name,
            expr,
            # They concern every contract that these workers serve.
            {
                "severity": severity,
                "contract": "all",
                "clause": "none",
                "scope": "pipeline",
                **labels,
            },
            {
                "summary": f"Baton: {what}",
                "description": description,
                "runbook_url": self._options.runbook(page),
                "dashboard_url": self._options.dashboard(PIPELINE),
            },
            hold=hold,
        )


_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400}


def seconds(duration: str) -> str:
    """A Prometheus duration of one unit (90s, 2m) in seconds, as PromQL writes a number."""
    number = duration.rstrip("smhd")
    return f"{int(number) * _UNITS[duration[len(number) :]]:g}"
