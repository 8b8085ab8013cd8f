"""`baton source list`, `check` and `new`."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from streams.cli.main import cli
from streams.sources.coverage import FAMILIES
from streams.sources.platforms import PLATFORMS

REPO = Path(__file__).parents[3]
SAMPLES = REPO / "tests" / "unit" / "sources" / "platforms"
CALL = SAMPLES / "twilio" / "taskrouter_voice.json"
CHAT = SAMPLES / "twilio" / "conversation_whatsapp.json"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["source", *map(str, arguments)])


def checked(*arguments: object) -> Any:
    result = run("check", *arguments, "--format", "json")
    return result.exit_code, orjson.loads(result.stdout)


def test_every_platform_is_listed_with_what_it_feeds() -> None:
    result = run("list")
    assert result.exit_code == 0
    for name, platform in PLATFORMS.items():
        assert name in result.output
        assert platform.title in result.output


def test_of_one_platform_the_list_says_why_not_all_and_how_to_get_it() -> None:
    text = run("list", "twilio").output
    for feed in PLATFORMS["twilio"].feeds.values():
        assert feed.why in text
        assert feed.how in text


def test_a_file_that_is_wholly_understood_is_checked_with_0() -> None:
    code, found = checked("twilio", CALL)
    assert code == 0
    assert found["payloads"] == 11
    assert found["conversations"] == 1
    assert found["problems"] == []
    assert found["kinds"]["mapped"]["reservation.created"] == 2
    assert found["kinds"]["ignored"] == {"worker.activity.update": 1, "workflow.entered": 1}
    assert "onMessageAdded" in found["kinds"]["unseen"]
    assert "WorkerName" in found["dropped"]
    assert found["events"]["handoff.connected"] == 1


def test_a_check_says_of_every_family_whether_the_file_feeds_it_and_what_is_missing() -> None:
    _, found = checked("twilio", CALL)
    verdicts = {each["family"]: each for each in found["indicators"]}
    assert list(verdicts) == list(FAMILIES)
    assert verdicts["escalation latency"]["level"] == "partly"
    assert verdicts["abandonment"]["level"] == "no"
    assert verdicts["abandonment"]["missing"] == ["that a customer gave up waiting"]
    assert verdicts["cost"]["how"]


def test_a_check_in_words_names_kinds_fields_problems_and_indicators() -> None:
    result = run("check", "twilio", CHAT)
    assert result.exit_code == 3
    for part in (
        "payloads of Twilio, 1 conversations",
        "ignored  onParticipantAdded",
        "unknown_author",
        "pseudonyms:  ",
        "dropped:     AccountSid",
        "escalation latency",
    ):
        assert part in result.output


def test_a_check_quotes_nothing_of_the_file() -> None:
    text = (
        run("check", "twilio", CHAT).output
        + run("check", "twilio", CHAT, "--format", "json").output
    )
    for personal in ("6581234567", "4111", "jane_2Edoe", "Jane"):
        assert personal not in text


def test_what_is_not_understood_is_a_problem_and_3(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl.gz"
    call = orjson.loads(CALL.read_bytes())
    lines = [*call, {"EventType": "task.exploded"}, {"no": "payload"}, 5]
    path.write_bytes(gzip.compress(b"\n".join(map(orjson.dumps, lines)) + b"\n{spoiled\n"))
    code, found = checked("twilio", path)
    assert code == 3
    assert {each["code"]: each["first"] for each in found["problems"]} == {
        "unknown_kind": "calls.jsonl.gz:12",
        "not_a_payload": "calls.jsonl.gz:13",
        "not_an_object": "calls.jsonl.gz:14",
        "not_json": "calls.jsonl.gz:15",
    }
    assert found["kinds"]["unknown"] == {"task.exploded": 1}


def test_a_file_of_nothing_that_can_be_read_is_1(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"")
    assert checked("twilio", path)[0] == 1


def test_an_option_fills_in_what_the_payloads_do_not_say() -> None:
    marks = ("--option", "mark=bot:billing-bot", "--option", "mark=automation:system")
    assert [each["code"] for each in checked("twilio", CHAT)[1]["problems"]] == ["unknown_author"]
    assert checked("twilio", CHAT, *marks)[1]["problems"] == []


def test_another_kind_of_log_is_checked_for_its_indicators(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(
        "vru+line,call_id,customer_id,priority,type,date,vru_entry,vru_exit,q_start,q_exit,outcome,"
        "ser_start,ser_exit,server\n"
        "AA0101,33116,9664491,2,PS,990901,11:45:33,11:45:39,11:45:39,11:46:58,AGENT,11:46:57,"
        "11:51:00,D\n"
    )
    code, found = checked("acd", path)
    assert code == 0
    levels = {each["family"]: each["level"] for each in found["indicators"]}
    assert levels["escalation latency"] == "yes"
    assert levels["containment"] == "no"


# Scaffolding


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what an adapter needs of the repository."""
    for folder in ("streams", "tests/unit/sources/platforms"):
        shutil.copytree(
            REPO / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    for file in ("pyproject.toml", "README.md"):
        shutil.copy(REPO / file, tmp_path / file)
    return tmp_path


def test_a_new_adapter_passes_lint_and_tests_as_it_is(checkout: Path) -> None:
    result = run("new", "acme-chat", "--into", checkout)
    assert result.exit_code == 0, result.output
    module = checkout / "streams" / "sources" / "platforms" / "acme_chat.py"
    for command in (
        ("-m", "ruff", "format", "--check", str(module)),
        ("-m", "ruff", "check", str(module)),
        (
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-n",
            "0",
            "-k",
            "acme-chat",
            "tests/unit/sources/platforms/test_platforms.py",
        ),
    ):
        done = subprocess.run(
            [sys.executable, *command],
            cwd=checkout,
            env=os.environ | {"BATON_EXAMPLES": "5"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Acme Chat", "lower-case words"),
        ("twilio", "there is a source twilio already"),
        ("acd", "there is a source acd already"),
        ("import", "a word of Python's"),
        ("../up", "lower-case words"),
    ],
)
def test_a_name_that_cannot_be_is_refused(checkout: Path, name: str, says: str) -> None:
    result = run("new", name, "--into", checkout)
    assert result.exit_code == 1
    assert says in result.output


def test_outside_a_checkout_nothing_is_written(tmp_path: Path) -> None:
    result = run("new", "acme-chat", "--into", tmp_path)
    assert result.exit_code == 1
    assert "is no checkout of Baton" in result.output
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_written_over(checkout: Path) -> None:
    module = checkout / "streams" / "sources" / "platforms" / "acme_chat.py"
    module.write_text("mine")
    assert run("new", "acme-chat", "--into", checkout).exit_code == 1
    assert module.read_text() == "mine"
