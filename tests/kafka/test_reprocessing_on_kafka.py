"""History beside the live group: exported, replayed under another prefix, judged, compared.

The commands are those of deploy/runbooks/reprocessing.md and adding-partitions.md.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from click.testing import CliRunner, Result

from streams.cli.main import cli
from streams.event_log import read_log
from streams.kafka.whole_topic import write_all
from streams.settings import Settings
from tests.kafka.apache import ApacheKafka
from tests.stream_run import Pipeline, synthetic_log
from tests.worker_process import WorkerProcess, await_that

CONTRACTS = Path(__file__).parents[2] / "deploy/contracts/telco-2026.yaml"
NEW_PARTITIONS = 6
# As long as the log of the live group goes on, so that both have read as far.
SETTLE = ("--settle", "10m")
FORGED = [(b"telco-2026", b"{}")]


def baton(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def row(table: str, topic: str) -> list[str]:
    """The figures of a topic's row."""
    (line,) = [line for line in table.splitlines() if topic in line and "│" in line]
    return line.replace(topic, "").replace("│", " ").split()


def settings_of(kafka: ApacheKafka, prefix: str) -> Settings:
    return Settings(broker=kafka.bootstrap, prefix=prefix)


def done(*arguments: str) -> str:
    found = baton(*arguments)
    assert found.exit_code == 0, f"{arguments}\n{found.output}"
    return found.stdout


def test_a_history_is_processed_anew_on_more_partitions_and_the_judge_agrees(
    kafka: ApacheKafka, tmp_path: Path
) -> None:
    log = synthetic_log(120)
    with Pipeline(kafka.bootstrap, tmp_path, log) as live:
        live.start_worker().await_ready()
        # In the order of the data over all partitions, as what is live comes.
        live.start_replay(lasting_s=15)
        live.await_processed()
        file = tmp_path / "history.jsonl.zst"
        broker, old, new = ("--broker", kafka.bootstrap), live.topic(""), f"{live.topic('')}v2."
        told = done("topics", "export", str(file), *broker, "--prefix", old)
        records = list(read_log(file))
        assert told.startswith(f"{file}: {len(records)} records")
        # What is no line of text is a dead letter either way; all else is there as it was.
        kept = {raw for raw in log.items if isinstance(raw, bytes) and b"\n" not in raw.strip()}
        assert len(set(records) & kept) > 0.99 * len(kept)

        partitions = ("--partitions", str(NEW_PARTITIONS))
        done("topics", "--create", *broker, "--prefix", new, *partitions)
        done("replay", str(file), *broker, "--prefix", new, *partitions, *SETTLE)
        argv = [*broker, "--prefix", new, "--app-id", f"{live.group}-v2", *partitions]
        worker = WorkerProcess(
            [*argv, "--contract", str(CONTRACTS), "--no-ticks", "--port", "0"],
            tmp_path / "v2.log",
        )
        judged = ("compare", str(file), "--contract", str(CONTRACTS), *SETTLE, *broker)
        judged += ("--prefix", new)
        try:
            worker.await_ready()

            def settled() -> bool:
                worker.must_run()
                return not worker.metrics().total("baton_consumer_lag_records")

            await_that(settled, "the new group to have read all")
            await_that(lambda: baton(*judged).exit_code == 0, "the judge to agree", 90)
        finally:
            worker.stop()
        shown = baton(*judged).stdout
        assert int(row(shown, "billing items")[0]) > 0
        assert row(shown, "billing items")[1:] == ["0", "0"]
        assert row(shown, "billing adjustments")[1:] == ["0", "0"]
        # What the live group has booked is what the new one has, byte for byte.
        named = ("invoice", "--contract", "telco-2026", "--period", "2026-06", *broker)
        statement = tmp_path / "live.json"
        statement.write_text(done(*named, "--prefix", old, "--format", "json"))
        assert "sound" in done(*named, "--prefix", new, "--verify", str(statement))
        # One record that nobody booked is enough.
        booked = asyncio.run(write_all(settings_of(kafka, new), f"{new}billing-items", FORGED))
        assert booked == 1
        found = baton(*judged)
        assert found.exit_code == 3
        assert "billing items: unexpected, for one: {}" in found.stdout
        # Of another history it is not what the judge says, and that is told.
        shorter = tmp_path / "shorter.jsonl"
        shorter.write_bytes(b"\n".join(records[: len(records) // 2]))
        found = baton("compare", str(shorter), *judged[2:])
        assert found.exit_code == 3
        assert ", for one: " in found.stdout
        gone = baton("compare", str(shorter), *judged[2:-1], "no.")
        assert gone.exit_code == 1
        assert "no topic no.interaction-facts" in gone.output
