"""Traces of what a worker processed: over its topics, over the file, and by its own pages."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.outbox import partition_of
from tests.stream_run import CONTRACT, Log, Pipeline, synthetic_log
from tests.worker_process import WorkerProcess, environment

TOKEN = "planted-token"
NAME = "telco-2026"
PARTITIONS = 4


@pytest.fixture(scope="module")
def log() -> Log:
    return synthetic_log(400)


@pytest.fixture(scope="module")
def pipeline(
    embedded: EmbeddedBroker, log: Log, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pipeline]:
    """A worker that has read the day, and serves traces to who has the token."""
    folder = tmp_path_factory.mktemp("traces")
    flags = ("--trace-api",)
    run = Pipeline(
        embedded.bootstrap,
        folder,
        log,
        partitions=PARTITIONS,
        flags=flags,
        idempotence=False,
        env={"BATON_PAGES_TOKEN": TOKEN},
    )
    with run:
        run.start_worker()
        run.replay()
        run.await_processed()
        yield run


@pytest.fixture(scope="module")
def file(log: Log, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "day.jsonl"
    # A record that is no line of a file is none of one conversation either.
    records = [item for item in log.items if isinstance(item, bytes) and b"\n" not in item]
    path.write_bytes(b"".join(record + b"\n" for record in records))
    return path


def overdue(log: Log) -> str:
    """A conversation that a breach names."""
    return next(w.conversation for r in log.verdict.breaches for w in r.waiting)


def baton(*arguments: str) -> Any:
    """What a command prints as JSON."""
    command = [sys.executable, "-m", "streams", *arguments, "--contract", str(CONTRACT)]
    done = subprocess.run(
        [*command, "--format", "json"],
        capture_output=True,
        timeout=120,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def topics_of(pipeline: Pipeline) -> tuple[str, ...]:
    return ("--broker", pipeline.broker, "--prefix", pipeline.prefix)


def comparable(trace: Any) -> Any:
    """Without where each record stands."""
    trace["basis"] = ""
    for life in trace["lives"]:
        for event in life["events"]:
            event["origin"] = ""
    for record in trace["unused"]:
        record["origin"] = ""
    return trace


def asked(
    worker: WorkerProcess, page: str, token: str | None = TOKEN, **query: str
) -> tuple[int, Any]:
    """Status and JSON of a page."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(worker.url(f"{page}?{urlencode(query)}"), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        body = error.read()
        return error.code, json.loads(body) if body.startswith(b"{") else body.decode()


def test_topics_and_file_tell_the_same_trace(pipeline: Pipeline, file: Path, log: Log) -> None:
    name = overdue(log)
    from_file = baton("trace", "--interaction", name, "--log", str(file))
    from_topics = baton("trace", "--interaction", name, *topics_of(pipeline))
    assert from_file["breaches"]
    assert comparable(from_topics) == comparable(from_file)


def test_topics_and_file_find_the_same_similar_ones(
    pipeline: Pipeline, file: Path, log: Log
) -> None:
    asked_for = ("similar", "--interaction", overdue(log), "--same", "handoff")
    from_file = baton(*asked_for, "--log", str(file))
    from_topics = baton(*asked_for, *topics_of(pipeline))
    assert from_file["count"] > 1
    assert {**from_topics, "basis": ""} == {**from_file, "basis": ""}


def test_the_worker_tells_from_its_table_what_the_topics_tell(pipeline: Pipeline, log: Log) -> None:
    name = overdue(log)
    status, ours = asked(pipeline.workers[0], "api/trace", contract=NAME, interaction=name)
    assert status == 200
    theirs = baton("trace", "--interaction", name, *topics_of(pipeline))
    assert ours["limits"]
    assert ours["watermark"] == theirs["watermark"]
    assert ours["lives"][0]["runs"] == theirs["lives"][0]["runs"]
    standing = [fact["id"] for fact in theirs["lives"][0]["facts"] if fact["standing"]]
    assert sorted(fact["id"] for fact in ours["lives"][0]["facts"]) == sorted(standing)


def test_the_worker_finds_similar_ones_in_its_partitions(pipeline: Pipeline, log: Log) -> None:
    name = overdue(log)
    worker = pipeline.workers[0]
    status, ours = asked(
        worker, "api/similar", contract=NAME, interaction=name, same="handoff", limit="3"
    )
    theirs = baton("similar", "--interaction", name, "--same", "handoff", *topics_of(pipeline))
    assert (status, ours["count"]) == (200, theirs["count"])
    assert len(ours["interactions"]) == 3
    assert any("only the partitions of this worker" in limit for limit in ours["limits"])


@pytest.mark.parametrize("token", [None, "", "wrong"])
@pytest.mark.parametrize("page", ["api/trace", "api/similar"])
def test_nobody_is_told_of_a_conversation_without_the_token(
    pipeline: Pipeline, log: Log, page: str, token: str | None
) -> None:
    told = asked(pipeline.workers[0], page, token, contract=NAME, interaction=overdue(log))
    assert told == (401, "credentials are needed\n")


def test_an_unknown_conversation_is_not_found_and_its_partition_named(pipeline: Pipeline) -> None:
    status, said = asked(pipeline.workers[0], "api/trace", contract=NAME, interaction="nobody")
    assert status == 404
    assert said["partition"] == partition_of(b"nobody", PARTITIONS)
    assert asked(pipeline.workers[0], "api/trace", contract="no", interaction="x")[0] == 404
    assert asked(pipeline.workers[0], "api/trace", contract=NAME)[0] == 400


def test_a_command_names_the_topic_that_is_missing(embedded: EmbeddedBroker) -> None:
    command = [sys.executable, "-m", "streams", "trace", "--interaction", "c", "--prefix", "none."]
    where = ["--broker", embedded.bootstrap, "--contract", str(CONTRACT)]
    done = subprocess.run(
        [*command, *where],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(),
    )
    assert done.returncode == 1
    assert "there is no topic none.interaction-events" in done.stderr
    assert "Traceback" not in done.stderr
