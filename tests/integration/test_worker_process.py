"""The worker as a process: what it shows, how it refuses to start, and how it ends."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from streams.domain.indicators import CONTAINMENT, ratio
from streams.export.metric_defs import ALL, KEY_LABELS
from streams.kafka import topics
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.processes import free_loopback_ports, stop_process
from tests.integration.conftest import Runs
from tests.stream_run import CONTRACT, Log, synthetic_log
from tests.worker_process import Metrics, WorkerProcess, await_that

KEY = set(KEY_LABELS)
# The names that dashboards and alerts are built on, and the labels each series must carry.
PROMISED = {
    "baton_handoff_latency_seconds_bucket": {"contract", "channel", "outcome", "le"},
    "baton_handoff_latency_window_seconds": {"stat", "window", *KEY},
    "baton_open_handoffs": KEY,
    "baton_oldest_open_handoff_timestamp_seconds": KEY,
    "baton_containment_ratio": {"kind", "window", *KEY},
    "baton_ai_failures_total": {"contract", "channel", "reason"},
    "baton_breach_active": {"clause", "severity", *KEY},
    "baton_breaches_total": {"contract", "clause", "severity"},
    "baton_events_total": {"type"},
    "baton_late_facts_total": {"contract"},
    "baton_dead_letters_total": {"stage", "code"},
    "baton_watermark_lag_seconds": {"partition"},
    "baton_consumer_lag_records": {"topic", "partition"},
}


@pytest.fixture(scope="module")
def log() -> Log:
    """A day, cut off while customers wait and a clause is in breach."""
    day = synthetic_log(1000)
    for at in range(len(day.items) // 2, len(day.items), 500):
        cut = Log(day.items[:at], day.book)
        last = {(record.clause, record.key): record.status for record in cut.verdict.breaches}
        if any(value.open for value in cut.verdict.windows) and {*last.values()} - {"closed"}:
            return cut
    raise AssertionError("nobody ever waits in this log")


@pytest.fixture(scope="module")
def processed(
    embedded: EmbeddedBroker, log: Log, tmp_path_factory: pytest.TempPathFactory
) -> Metrics:
    """The metrics of a worker that has processed the log."""
    with Runs(embedded, tmp_path_factory.mktemp("run"))(log) as run:
        worker = run.start_worker()
        run.replay()
        run.await_processed()
        return worker.metrics()


def test_every_metric_is_shown_as_defined(processed: Metrics) -> None:
    assert {name: family.type for name, family in processed.families.items()} == {
        definition.name: definition.kind for definition in ALL
    }
    for definition in ALL:
        assert processed.families[definition.name].documentation == definition.help


def test_the_promised_series_exist_with_their_labels(processed: Metrics) -> None:
    for name, labels in PROMISED.items():
        assert processed.series(name), name
        for sample in processed.series(name):
            assert sample.labels.keys() == labels, name


def test_no_series_is_shown_twice(processed: Metrics) -> None:
    seen = Counter(
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in processed.families.values()
        for sample in family.samples
    )
    assert max(seen.values()) == 1


def test_counters_and_gauges_are_the_oracles(processed: Metrics, log: Log) -> None:
    verdict = log.verdict
    on_time = [fact for fact in verdict.facts if not fact.late]
    tests = sum(b'"test":true' in item for item in log.items if isinstance(item, bytes))
    # Test events are counted and otherwise ignored (DEFINITIONS.md section 1).
    assert processed.total("baton_events_total") == verdict.events + tests
    assert processed.total("baton_late_facts_total") == verdict.late_facts
    codes = {s.labels["code"]: s.value for s in processed.series("baton_dead_letters_total")}
    assert codes == verdict.dead_letters
    reasons = Counter(f.detail["reason"] for f in on_time if f.kind == "ai_failure")
    for reason, count in reasons.items():
        assert processed.total("baton_ai_failures_total", reason=reason) == count
    ended = [fact.detail["latency_ms"] for fact in on_time if fact.kind == "escalation_ended"]
    assert processed.total("baton_handoff_latency_seconds_count") == len(ended)
    assert processed.total("baton_handoff_latency_seconds_sum") == pytest.approx(sum(ended) / 1000)
    within = sum(latency <= 60_000 for latency in ended)
    assert processed.total("baton_handoff_latency_seconds_bucket", le="60.0") == within
    opened = sum(record.status == "opened" for record in verdict.breaches)
    assert processed.total("baton_breaches_total") == opened
    active = opened - sum(record.status == "closed" for record in verdict.breaches)
    assert processed.total("baton_breach_active") == active > 0
    assert processed.total("baton_open_handoffs", grouping="contract") > 0


def test_windows_are_the_oracles(processed: Metrics, log: Log) -> None:
    checked = 0
    for value in log.verdict.windows:
        dimensions = dict.fromkeys(("channel", "market", "journey", "supplier"), "")
        dimensions |= dict(value.key)
        grouping = "+".join(name for name, _ in value.key) or "contract"
        labels = {"window": value.window, "grouping": grouping, **dimensions}
        for kind, indicator in CONTAINMENT.items():
            good, episodes = ratio(indicator, value.counts)
            known = episodes > 0 and value.escalated_before
            shown = [
                sample.value
                for sample in processed.series("baton_containment_ratio")
                if {**labels, "kind": kind}.items() <= sample.labels.items()
            ]
            assert shown == ([good / episodes] if known else [])
            checked += known
        for stat, latency in value.latency_ms.items():
            found = processed.total("baton_handoff_latency_window_seconds", stat=stat, **labels)
            assert found == (latency or 0) / 1000
    assert checked > 50


def test_progress_shows_that_nothing_is_left_to_do(processed: Metrics, log: Log) -> None:
    assert log.verdict.watermark is not None
    watermarks = processed.series("baton_watermark_timestamp_seconds")
    assert [sample.value for sample in watermarks] == [log.verdict.watermark / 1000] * 4
    for sample in processed.series("baton_watermark_lag_seconds"):
        assert sample.value == pytest.approx(time.time() - log.verdict.watermark / 1000, abs=120)
    assert len(processed.series("baton_consumer_lag_records")) == 16  # four topics are read
    assert processed.total("baton_consumer_lag_records") == 0
    assert processed.total("baton_ready") == 1


def test_promtool_finds_nothing_to_say(processed: Metrics) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    done = subprocess.run(
        [promtool, "check", "metrics"],
        input=processed.text,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def refused(tmp_path: Path, *flags: str) -> str:
    """Start a worker that cannot run; returns the line in which it says why."""
    worker = WorkerProcess([*flags], tmp_path / "worker.log")
    try:
        assert worker.process.wait(40) == 1
    finally:
        stop_process(worker.process, 0)
    assert "Traceback" not in worker.output
    # aiokafka's own line, which says less, may come before it.
    lines = [line for line in worker.output.splitlines() if " aiokafka: " not in line]
    assert len(lines) == 1, worker.output
    return lines[0]


def test_a_taken_port_is_named(embedded: EmbeddedBroker, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        flags = ("--broker", embedded.bootstrap, "--prefix", "taken-port.", "--port", port)
        said = refused(tmp_path, "--contract", str(CONTRACT), *flags)
    assert f"127.0.0.1:{port}" in said
    assert "--port" in said


@pytest.mark.parametrize("topics_flag", ["--create-topics", "--no-create-topics"])
def test_an_absent_broker_is_named(tmp_path: Path, topics_flag: str) -> None:
    absent = f"127.0.0.1:{free_loopback_ports(1)[0]}"
    flags = ("--broker", absent, "--port", "0", topics_flag)
    said = refused(tmp_path, "--contract", str(CONTRACT), *flags)
    assert absent.partition(":")[2] in said


def test_a_wrong_contract_is_named_with_its_place(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(CONTRACT.read_text().replace("inactivity: 2h", "inactivity: soon"))
    said = refused(tmp_path, "--contract", str(wrong), "--port", "0")
    assert str(wrong) in said
    assert "inactivity" in said


def test_topics_with_other_partitions_are_named(
    embedded: EmbeddedBroker, runs: Runs, log: Log, tmp_path: Path
) -> None:
    with runs(log, partitions=2) as run:
        flags = ("--broker", embedded.bootstrap, "--prefix", run.prefix, "--partitions", "3")
        said = refused(tmp_path, "--contract", str(CONTRACT), "--port", "0", *flags)
    assert run.prefix in said
    assert "2 partitions" in said


def test_sigterm_ends_in_seconds_with_offsets_committed(runs: Runs, log: Log) -> None:
    with runs(log) as run:
        worker = run.start_worker("--commit-interval", "3600")
        run.replay()
        total = log.written(run.partitions)
        await_that(
            lambda: worker.metrics().total("baton_records_total", stage="lifecycle") == total,
            "all records processed",
        )
        begun = time.monotonic()
        assert worker.stop() == 0
        assert time.monotonic() - begun < 5
        # Nothing else could have committed: the interval is an hour.
        assert run.committed(topics.EVENTS) == run.end_offsets(topics.EVENTS)
        assert "Traceback" not in worker.output
