"""promtool tests of the pipeline's rules: what each alert sees, and the same in health."""

from __future__ import annotations

from streams.export.alerting.options import RenderOptions
from streams.export.alerting.pipeline_rules import seconds
from streams.export.alerting.promtool_tests import RuleTest, series


def pipeline_tests(options: RenderOptions) -> list[RuleTest]:
    """rules/baton.yaml: what each alert sees, and the same in health."""
    stale = max(1, -(-int(seconds(options.stale_after)) // 60))
    heartbeat = series("baton_heartbeat_timestamp_seconds", {"partition": "0"})
    up = series("up", {"job": "baton", "instance": "w1"})
    well = {
        up: "1x200",
        heartbeat: "0+60x200",
        series("baton_watermark_lag_seconds", {"partition": "0"}): "31x200",
        series("baton_consumer_lag_records", {"topic": "t", "partition": "0"}): "5x200",
        series("baton_ready", {"instance": "w1"}): "1x200",
        series("baton_events_total", {"type": "t"}): "0+1000x200",
        series("baton_facts_total", {"kind": "k"}): "0+1000x200",
        series("baton_dead_letters_total", {"stage": "s", "code": "c"}): "0x200",
        series("baton_late_facts_total", {"contract": "c"}): "0x200",
        series("baton_fenced_total", {"stage": "s"}): "0x200",
        series("baton_local_state_discarded_total", {"table": "t", "reason": "r"}): "0x200",
        series("baton_foreign_records_total", {"topic": "t"}): "0x200",
    }
    health = RuleTest("a healthy pipeline fires the watchdog and nothing else", well)
    health.expect(100, "BatonWatchdog", True)
    tests = [health]

    def ill(alert: str, name: str, at: int, over: int | None = None, **changed: str) -> None:
        of = {key.partition("{")[0]: key for key in well}
        test = RuleTest(name, well | {of[metric]: values for metric, values in changed.items()})
        test.expect(at, alert, True)
        if over is not None:
            test.expect(over, alert, False)
        health.expect(100, alert, False)
        tests.append(test)

    ill(
        "BatonDown",
        "no worker answers",
        10 + stale + 2,
        60,
        up="1x9 0x30 1x100",
    )
    ill("BatonWorkerAbsent", "a worker does not answer", 20, 60, up="1x9 0x30 1x100")
    ill(
        "BatonHeartbeatStale",
        "a partition that nobody owns is stale though it has no series",
        30 + stale + 3,
        baton_heartbeat_timestamp_seconds="0+60x30 stale",
    )
    ill(
        "BatonHeartbeatAbsent",
        "no partition is owned",
        30 + stale + 3,
        baton_heartbeat_timestamp_seconds="0+60x30 stale",
    )
    ill(
        "BatonWatermarkLag",
        "facts lag",
        25,
        70,
        baton_watermark_lag_seconds="31x9 400x50 31x100",
    )
    ill(
        "BatonClockAhead",
        "a clock is ahead",
        20,
        70,
        baton_watermark_lag_seconds="31x9 -60x50 31x100",
    )
    ill(
        "BatonConsumerLag",
        "lag that grows",
        60,
        150,
        baton_consumer_lag_records="5x9 0+2000x100 5x90",
    )
    ill("BatonRecovering", "a worker that is not ready", 25, 70, baton_ready="1x9 0x50 1x100")
    ill("BatonDeadLetters", "one dead letter", 12, 60, baton_dead_letters_total="0x10 1x190")
    ill(
        "BatonDeadLetterRatio",
        "many dead letters",
        40,
        150,
        baton_dead_letters_total="0x10 0+100x90 9000x100",
    )
    ill(
        "BatonLateFacts", "many late facts", 60, 190, baton_late_facts_total="0x10 0+50x90 4500x100"
    )
    ill("BatonFenced", "a fenced worker", 12, 60, baton_fenced_total="0x10 1x190")
    ill(
        "BatonLocalStateDiscarded",
        "a table thrown away",
        12,
        120,
        baton_local_state_discarded_total="0x10 1x190",
    )
    ill(
        "BatonForeignRecords",
        "records that no worker wrote",
        12,
        120,
        baton_foreign_records_total="0x10 1x190",
    )
    return tests
