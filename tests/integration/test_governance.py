"""Who looks is told; erasure reaches audit samples and is confirmed; retention says what is due."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streams.cli.main import cli
from streams.contract_files import bundled_contract
from streams.domain.governance import conversation_digest
from streams.kafka import topics
from streams.kafka.admin import ensure_topics
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.tombstones import write_placed
from streams.kafka.whole_topic import read_whole
from streams.replay import tick_record
from streams.settings import Settings
from streams.sources.synthetic import SyntheticDay, write_log
from tests.log_builder import CONTRACT
from tests.worker_process import EMBEDDED, WorkerProcess, await_that

NAMED = ("--contract", str(bundled_contract(CONTRACT)))
SUBJECT = (*NAMED, "--period", "2026-06-01")
SECRET = "5e" * 32
# Two days after the day that is replayed began: all that a wait or a claim may come to has come.
SETTLED_MS = 1_780_243_200_000 + 2 * 86_400_000


def run(*arguments: str | Path, stdin: str = "") -> Result:
    environment = {"BATON_AUDIT_SECRET": SECRET, "BATON_PRINCIPAL": "auditor-7"}
    return CliRunner().invoke(cli, [*map(str, arguments)], input=stdin, env=environment)


class Place:
    """Topics of one prefix, with a day replayed and its sample published."""

    def __init__(self, broker: str, workdir: Path) -> None:
        self.prefix = f"g-{uuid.uuid4().hex[:6]}."
        self.there = ("--broker", broker, "--prefix", self.prefix)
        asyncio.run(ensure_topics(broker, topics.declared_topics(self.prefix, 2), 1))
        log = workdir / "day.jsonl"
        write_log(SyntheticDay(seed=7, interactions=200), log)
        flags = ("--partitions", "2", "--settle", "12h", "--no-idempotence")
        assert run("replay", log, *self.there, *flags).exit_code == 0
        said = run("audit", "commit", *SUBJECT).stdout
        self.disclosed = (*SUBJECT, "--commitment", json.loads(said)["commitment"])
        done = run("audit", "sample", *self.disclosed, *self.there, "--publish", "--no-idempotence",
                   "--purpose", "June")  # fmt: skip
        assert done.exit_code == 0, done.output

    def log(self, *flags: str) -> list[dict[str, object]]:
        """The governance log."""
        said = run("governance", "log", *self.there, "--format", "json", *flags)
        assert said.exit_code == 0, said.output
        return [json.loads(line) for line in said.stdout.splitlines()]

    def events(self) -> str:
        """What the topic of events holds."""
        settings = Settings(broker=self.there[1], prefix=self.prefix)
        read = asyncio.run(read_whole(settings, settings.topic(topics.EVENTS)))
        raw = [record.value or b"" for records in read.values() for record in records]
        return b"\n".join(raw).decode("utf-8", "replace")

    def tick(self, time: int) -> None:
        """Let time go on in both partitions."""
        settings = Settings(broker=self.there[1], prefix=self.prefix)
        ticks = [(number, None, tick_record(time)) for number in range(2)]
        asyncio.run(write_placed(settings, settings.topic(topics.EVENTS), ticks))

    def erased_by(self, request: str) -> list[dict[str, object]]:
        """What the workers say to have forgotten for a request."""
        told = self.log("--request", request)
        return [one for one in told if one["type"] == "baton.governance.erased"]

    def alike(self) -> tuple[str, str, str]:
        """Two conversations that failed alike, of two customers, and the customer of the first."""
        whose = {}
        for line in self.events().splitlines():
            try:
                said = json.loads(line).get("data") or {}
            except (ValueError, AttributeError):
                continue
            if said.get("customer_key") and said.get("conversation_id"):
                whose[said["conversation_id"]] = said["customer_key"]
        for one in sorted(whose):
            done = run("similar", *NAMED, "--interaction", one, *self.there, "--same", "handoff",
                       "--format", "json", "--limit", "1000")  # fmt: skip
            for found in json.loads(done.stdout)["interactions"] if done.exit_code == 0 else ():
                other = found["conversation"]
                if other in whose and whose[other] != whose[one]:
                    return one, other, whose[one]
        raise AssertionError("no two failed alike")

    def samples(self) -> list[str]:
        """The conversations of the samples, as an auditor reads them."""
        drawn = run("audit", "sample", *self.disclosed, *self.there)
        return [json.loads(line)["data"]["conversation_id"] for line in drawn.stdout.splitlines()]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with EmbeddedBroker() as broker:
        yield Place(broker.bootstrap, tmp_path_factory.mktemp("governed"))


def test_who_looked_at_what_and_why_is_told(place: Place) -> None:
    conversation = place.samples()[0]
    before = len(place.log("--accessed"))
    traced = run("trace", *NAMED, "--interaction", conversation, *place.there, "--purpose", "why 7")
    assert traced.exit_code == 0, traced.output
    said = place.log("--accessed")
    assert len(said) == before + 1
    data = said[-1]["data"]
    assert isinstance(data, dict)
    assert (data["actor"], data["purpose"], data["what"]) == ("auditor-7", "why 7", "trace")
    assert data["conversation"] == conversation_digest(conversation)
    assert conversation not in json.dumps(said)
    assert {one["data"]["what"] for one in said} == {"audit-frame", "trace"}  # type: ignore[index]


@pytest.mark.parametrize("command", ["trace", "similar"])
def test_where_it_cannot_be_told_nothing_is_shown(place: Place, command: str) -> None:
    prefix = f"{place.prefix}bare."
    specs = [one for one in topics.declared_topics(prefix, 2) if topics.GOVERNANCE not in one.name]
    asyncio.run(ensure_topics(place.there[1], specs, 1))
    there = (*place.there[:3], prefix)
    done = run(command, *NAMED, "--interaction", "c-1", *there)
    assert done.exit_code == 1
    assert done.stdout == "" or "access refused" in done.output
    assert f"no topic {prefix}governance-log" in done.output


def test_a_file_tells_where_it_is_asked_to_and_refuses_where_it_cannot(
    place: Place, tmp_path: Path
) -> None:
    log, told = tmp_path / "day.jsonl", tmp_path / "access.jsonl"
    write_log(SyntheticDay(seed=7, interactions=20), log)
    looking = ("audit", "plan", log, *SUBJECT)
    assert run(*looking, "--access-log", told).exit_code == 0
    (entry,) = [json.loads(line) for line in told.read_text().splitlines()]
    assert entry["type"] == "baton.governance.accessed"
    refused = run(*looking, "--access-log", tmp_path / "nowhere" / "access.jsonl")
    assert refused.exit_code == 1
    assert "access refused" in refused.output
    assert "population" not in refused.output


def test_erasure_takes_samples_at_once_and_says_when_no_worker_confirms(place: Place) -> None:
    conversation = place.samples()[-1]
    asked = ("governance", "erase", "--name", CONTRACT, *place.there, "--format", "json")
    alone = run(*asked, "--conversation", "-", "--wait", "1s", stdin=f"{conversation}\n")
    assert alone.exit_code == 1
    assert "not confirmed in time" in alone.output
    said = json.loads(alone.stdout.splitlines()[0])
    assert (said["samples"], said["confirmed"], said["erased"]) == (1, False, 0)
    # What a broker does not say is no promise: this one tells nobody how long it keeps what.
    assert {(copy["known"], copy["gone_by"]) for copy in said["raw_copies"]} == {(False, None)}
    assert f"RAW COPIES STAY TOO LONG: {place.prefix}interaction-events" in alone.stderr
    # Nor does a draw bring it back from the events.
    assert conversation not in place.samples()
    checked = run("audit", "verify", *place.disclosed, *place.there)
    assert checked.exit_code == 0, checked.output
    assert "more were drawn and are erased" in checked.output


def test_no_command_brings_back_from_the_topic_of_events_who_is_erased(
    place: Place, tmp_path: Path
) -> None:
    conversation, other, customer = place.alike()
    assert conversation in similar(place, other)
    flags = (*place.there, *NAMED, *EMBEDDED, "--partitions", "2", "--port", "0", "--no-ticks")
    worker = WorkerProcess([*flags, "--app-id", place.prefix + "e"], tmp_path / "worker.log")
    try:
        asked = ("governance", "erase", "--name", CONTRACT, *place.there, "--format", "json")
        done = run(*asked, "--customer", "-", "--wait", "1s", stdin=customer)
        request = json.loads(done.stdout.splitlines()[0])["request"]
        # While its accounts are settled it is told still, as the worker holds it.
        trace = json.loads(traced(place, conversation, "--format", "json"))
        assert [life["erased"]["gone"] for life in trace["lives"]] == [False]
        assert trace["lives"][0]["events"]
        place.tick(SETTLED_MS)
        place.tick(SETTLED_MS + 60_000)
        done_for_it = f"baton.governance.erased of {request}"
        await_that(lambda: place.erased_by(request), done_for_it, within_s=60)
    finally:
        worker.kill()
    trace = json.loads(traced(place, conversation, "--format", "json"))
    assert [life["erased"]["gone"] for life in trace["lives"]] == [True]
    assert [life["events"] + life["facts"] for life in trace["lives"]] == [[]]
    assert trace["unused"] == []
    assert "nothing is told of it any more" in traced(place, conversation)
    after = similar(place, other)
    assert conversation not in after
    assert other in after
    assert conversation not in place.samples()
    assert customer in place.events()  # which have it until their time is over


def test_a_worker_confirms_and_the_exit_code_says_that_all_is_erased(
    place: Place, tmp_path: Path
) -> None:
    flags = (*place.there, *NAMED, *EMBEDDED, "--partitions", "2", "--port", "0")
    worker = WorkerProcess([*flags, "--app-id", place.prefix + "w"], tmp_path / "worker.log")
    try:
        worker.await_ready()
        key = "nobody-knows-me"
        asked = ("governance", "erase", "--name", CONTRACT, *place.there, "--format", "json")
        done = run(*asked, "--customer", "-", "--wait", "20s", stdin=key)
        said = json.loads(done.stdout.splitlines()[0])
        assert said["conversations"] == 0
        assert key not in done.output
        told = place.log("--request", said["request"])
        applied = [one for one in told if one["type"] == "baton.governance.applied"]
        assert len(applied) == 2
        assert key not in json.dumps(told)
    finally:
        worker.kill()


def traced(place: Place, conversation: str, *flags: str) -> str:
    done = run("trace", *NAMED, "--interaction", conversation, *place.there, *flags)
    assert done.exit_code == 0, done.output
    return done.stdout


def similar(place: Place, conversation: str) -> set[str]:
    """Those that failed as it did, by the topics."""
    flags = ("--same", "handoff", "--limit", "1000", "--format", "json")
    done = run("similar", *NAMED, "--interaction", conversation, *place.there, *flags)
    assert done.exit_code == 0, done.output
    return {one["conversation"] for one in json.loads(done.stdout)["interactions"]}


def test_retention_says_what_is_kept_and_that_nothing_is_due(place: Place) -> None:
    # That it deletes, and what, is shown on Apache Kafka: the embedded broker knows no times.
    asked = ("governance", "retention", *NAMED, *place.there)
    said = run(*asked, "--format", "json")
    assert said.exit_code == 0, said.output
    told = [json.loads(line) for line in said.stdout.splitlines()]
    assert {one["topic"].removeprefix(place.prefix) for one in told} == {
        *(topics.EVENTS, topics.FACTS, topics.BREACHES, topics.DEAD_LETTERS, topics.AUDIT_SAMPLES)
    }
    assert not any(one["records"] for one in told)
    assert "topic keeps" in run(*asked).output
