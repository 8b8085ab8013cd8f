"""Until when topics that go by time alone have what was erased: said, warned of, and put right."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

from click.testing import CliRunner, Result

from streams.cli.main import cli
from streams.kafka import topics
from streams.kafka.admin import ensure_topics
from streams.kafka.tombstones import write_placed
from streams.settings import Settings
from tests.kafka.apache import ApacheKafka
from tests.kafka.test_erasure_on_kafka import configure
from tests.log_builder import CONTRACT, T, customer_message
from tests.stream_run import CONTRACT as CONTRACT_FILE

DAY_MS = 86_400_000
MONTH = {"retention.ms": str(25 * DAY_MS), "segment.ms": str(DAY_MS)}


def test_a_request_is_followed_until_no_topic_has_its_subject(kafka: ApacheKafka) -> None:
    prefix = f"copies-{uuid.uuid4().hex[:6]}."
    there = ("--broker", kafka.bootstrap, "--prefix", prefix)
    settings = Settings(broker=kafka.bootstrap, prefix=prefix)
    asyncio.run(ensure_topics(kafka.bootstrap, topics.declared_topics(prefix, 2), 1))
    events = settings.topic(topics.EVENTS)
    said = customer_message("c-1", T(0), customer_key="k-1")
    asyncio.run(write_placed(settings, events, [(0, b"c-1", said)]))

    def run(*arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(cli, ["governance", *arguments, *there], input=stdin)

    def copies(*flags: str) -> tuple[int, dict[str, Any], str]:
        done = run("copies", "--format", "json", *flags)
        told = [json.loads(line) for line in done.stdout.splitlines()]
        return done.exit_code, {one["topic"]: one for one in told}, done.stderr

    erased = run("erase", "--name", CONTRACT, "--customer", "-", "--wait", "1s", stdin="k-1\n")
    # Kept for 30 d, in segments of a week: nobody can promise a month.
    assert f"raw copies               {events}: gone by 20" in erased.stdout
    assert f"RAW COPIES STAY TOO LONG: {events}." in erased.stderr
    assert "baton governance retention --contract FILE --before 20" in erased.stderr

    code, found, why = copies()
    assert (code, found[events]["too_long"]) == (4, True)
    # The letters' topic is as long, and nothing is in it.
    assert not found[settings.topic(topics.DEAD_LETTERS)]["there"]
    assert "RAW COPIES STAY TOO LONG" in why
    assert "k-1" not in why

    configure(kafka.bootstrap, [events], MONTH)
    code, found, why = copies()
    assert (code, found[events]["there"], found[events]["too_long"], why) == (0, True, False, "")
    # Who has agreed upon less is told so.
    assert copies("--within", "7")[0] == 4
    configure(kafka.bootstrap, [events], {**MONTH, "retention.ms": "-1"})
    assert copies()[1][events]["gone_by"] is None
    assert copies()[0] == 4

    due = erased.stderr.partition("--before ")[2].split()[0]
    cut = run("retention", "--contract", str(CONTRACT_FILE), "--before", due, "--apply")
    assert cut.exit_code == 0, cut.output
    code, found, _ = copies()
    assert code == 0
    assert not any(one["there"] for one in found.values())
    assert "gone" in run("copies").stdout


def test_a_request_that_nobody_made_is_named(kafka: ApacheKafka) -> None:
    prefix = f"copies-{uuid.uuid4().hex[:6]}."
    asyncio.run(ensure_topics(kafka.bootstrap, topics.declared_topics(prefix, 2), 1))
    asked = ("governance", "copies", "--broker", kafka.bootstrap, "--prefix", prefix)
    done = CliRunner().invoke(cli, [*asked, "--request", "ab12"])
    assert done.exit_code == 1
    assert f"no request ab12 on {prefix}governance-log" in done.output
