"""`baton audit` as an auditor uses it, on a synthetic day, and what is done to deceive it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from streams.cli.main import cli
from streams.contract_files import bundled_contract
from streams.domain.audit.record import decode_sample
from streams.domain.facts import rfc3339
from streams.sources.synthetic import SyntheticDay, write_log
from tests.log_builder import CONTRACT, erasure_requested, event
from tests.unit.schemas.schema_store import SCHEMAS, SchemaStore

SUBJECT = ("--contract", str(bundled_contract(CONTRACT)), "--period", "2026-06-01")
SECRETS = {"client": "c1" * 32, "supplier": "5a" * 32}
# The day of the contract, in Singapore.
PERIOD_BEGINS_MS, PERIOD_ENDS_MS = 1_780_243_200_000, 1_780_329_600_000
IN_THE_PERIOD_MS = 1_780_300_000_000
NEXT_WEEK_MS = 1_781_000_000_000


def run(*arguments: str | Path, **environment: str) -> Result:
    return CliRunner().invoke(cli, ["audit", *map(str, arguments)], env=environment)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a day's log, both sides' secrets and what they published."""
    made = tmp_path_factory.mktemp("audit")
    write_log(SyntheticDay(seed=5, interactions=400), made / "day.jsonl")
    for side, secret in SECRETS.items():
        (made / f"{side}.secret").write_text(secret + "\n")
    (made / "sample.jsonl").write_bytes(drawn(made, made / "day.jsonl"))
    return made


def secrets(folder: Path) -> tuple[str, ...]:
    """The options that disclose both secrets, with what was published of them."""
    options: list[str] = []
    for side in SECRETS:
        file = str(folder / f"{side}.secret")
        said = run("commit", *SUBJECT, "--secret-file", file)
        options += ["--secret-file", file, "--commitment", json.loads(said.stdout)["commitment"]]
    return tuple(options)


def drawn(folder: Path, log: Path) -> bytes:
    done = run("sample", log, *SUBJECT, *secrets(folder))
    assert done.exit_code == 0, done.output
    return done.stdout_bytes


def verified(folder: Path, sample: Path, log: Path | None = None) -> tuple[int, list[str]]:
    log = log or folder / "day.jsonl"
    done = run("verify", log, "--sample", sample, *SUBJECT, *secrets(folder))
    return done.exit_code, done.stdout.splitlines()


def of_whom(folder: Path, sample: bytes) -> str:
    """The customer of an episode that was drawn."""
    name = decode_sample(sample).data.conversation_id.encode()
    for raw in (folder / "day.jsonl").read_bytes().splitlines():
        if b'"%s"' % name in raw and b'"customer_key"' in raw:
            return str(orjson.loads(raw)["data"]["customer_key"])
    raise AssertionError("nobody is known in it")


def asking(folder: Path, log: Path, *requests: bytes) -> Path:
    """The day with requests of erasure behind it."""
    log.write_bytes((folder / "day.jsonl").read_bytes() + b"".join(r + b"\n" for r in requests))
    return log


@pytest.mark.parametrize(
    ("kind", "at"), [("customer", NEXT_WEEK_MS), ("conversation", PERIOD_ENDS_MS)]
)
def test_no_sample_is_made_of_who_asked_for_erasure_and_the_others_stay_what_they_were(
    folder: Path, tmp_path: Path, kind: str, at: int
) -> None:
    lines = (folder / "sample.jsonl").read_bytes().splitlines(keepends=True)
    one = decode_sample(lines[0])
    subject = of_whom(folder, lines[0]) if kind == "customer" else one.subject
    log = asking(folder, tmp_path / "asked.jsonl", erasure_requested(subject, at, kind))
    done = run("sample", log, *SUBJECT, *secrets(folder))
    made = done.stdout_bytes.splitlines(keepends=True)
    gone = [line for line in lines if line not in made]
    assert done.exit_code == 0
    assert lines[0] in gone
    assert set(made) < set(lines)
    assert f"{len(gone)} of the {len(lines)} that were drawn are of persons" in done.stderr
    # Who holds the old file is told what to delete; who does not agrees with the draw.
    code, said = verified(folder, folder / "sample.jsonl", log)
    assert code == 1
    assert {line.split()[1].rstrip(":") for line in said[:-1]} == {
        decode_sample(line).id for line in gone
    }
    (tmp_path / "kept.jsonl").write_bytes(b"".join(made))
    code, said = verified(folder, tmp_path / "kept.jsonl", log)
    assert (code, len(said)) == (0, 1)
    reported = run("report", log, "--sample", folder / "sample.jsonl", *SUBJECT, "--format", "json")
    assert json.loads(reported.stdout)["sampled"] == len(made)
    assert "of persons who asked for erasure" in reported.stderr


def test_what_began_after_a_request_is_a_new_matter_and_drawn(folder: Path, tmp_path: Path) -> None:
    subject = of_whom(folder, (folder / "sample.jsonl").read_bytes().splitlines()[0])
    log = asking(folder, tmp_path / "asked.jsonl", erasure_requested(subject, PERIOD_BEGINS_MS))
    assert drawn(folder, log) == (folder / "sample.jsonl").read_bytes()


def test_a_request_changes_no_plan(folder: Path, tmp_path: Path) -> None:
    plan = run("plan", folder / "day.jsonl", *SUBJECT, "--format", "json").stdout
    subject = of_whom(folder, (folder / "sample.jsonl").read_bytes().splitlines()[0])
    log = asking(folder, tmp_path / "asked.jsonl", erasure_requested(subject, NEXT_WEEK_MS))
    assert run("plan", log, *SUBJECT, "--format", "json").stdout == plan


def test_a_sample_is_what_its_plan_said(folder: Path) -> None:
    done = run("plan", folder / "day.jsonl", *SUBJECT, "--format", "json")
    plan = json.loads(done.stdout)
    found = [decode_sample(raw) for raw in (folder / "sample.jsonl").read_bytes().splitlines()]
    assert len(found) == plan["sampled"] > 0
    assert {one.data.draw.frame for one in found} == {plan["frame"]}
    for stratum in plan["strata"]:
        its = [one for one in found if one.data.stratum == stratum["stratum"]]
        assert len(its) == stratum["sampled"]
        assert {one.data.counts.population for one in its} == {stratum["population"]}
    assert sum(stratum["population"] for stratum in plan["strata"]) == plan["population"]


def test_samples_are_valid_by_their_schema_and_carry_their_path(folder: Path) -> None:
    validator = SchemaStore.load(SCHEMAS).validator("outputs/audit-sample.json")
    for raw in (folder / "sample.jsonl").read_bytes().splitlines():
        document = orjson.loads(raw)
        assert [error.message for error in validator.iter_errors(document)] == []
        assert document["data"]["events"]
        kinds = {fact["kind"] for fact in document["data"]["facts"]}
        assert "episode_ended" in kinds
        assert ("episode_matured" in kinds) == document["data"]["ai"]
        assert b"customer_key" not in raw


def shuffled(raw: bytes) -> bytes:
    lines = raw.splitlines(keepends=True)
    random.Random(3).shuffle(lines)
    return b"".join(lines)


def reviewed(raw: bytes) -> bytes:
    later = event("qa.evaluated", "c-000001", NEXT_WEEK_MS, evaluation_id="e", evaluator="client",
                  status="final", subject="ai", score_ppm=1)  # fmt: skip
    return raw + later + b"\n"


@pytest.mark.parametrize("change", [shuffled, lambda raw: raw + raw, reviewed])
def test_order_repetition_and_what_comes_later_draw_the_same_bytes(
    folder: Path, tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    log = tmp_path / "other.jsonl"
    log.write_bytes(change((folder / "day.jsonl").read_bytes()))
    assert drawn(folder, log) == (folder / "sample.jsonl").read_bytes()


def test_the_draw_repeated_agrees(folder: Path) -> None:
    code, lines = verified(folder, folder / "sample.jsonl")
    assert code == 0
    assert lines[-1].endswith("all as they had to be drawn")


def test_every_change_of_a_sample_is_found(folder: Path, tmp_path: Path) -> None:
    lines = (folder / "sample.jsonl").read_bytes().splitlines(keepends=True)
    gone, altered, moved = (orjson.loads(line) for line in lines[:3])
    altered["data"]["outcome"] = "escalated"
    extra = {**moved, "id": "0" * 32}
    planted = [orjson.dumps(altered) + b"\n", orjson.dumps(extra) + b"\n", b"no sample\n"]
    (tmp_path / "s.jsonl").write_bytes(b"".join([*lines[2:], *planted]))
    code, said = verified(folder, tmp_path / "s.jsonl")
    assert code == 1
    assert {tuple(line.split()[:2]) for line in said if line.split()[0].isalpha()} == {
        ("missing", gone["id"]),
        ("altered", altered["id"]),
        ("extra", extra["id"]),
    }
    assert "is no audit sample" in said[0]
    assert said[-1].startswith("4 disagreements")


def test_a_log_without_a_conversation_draws_from_another_frame_and_that_is_told(
    folder: Path, tmp_path: Path
) -> None:
    lines = (folder / "day.jsonl").read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if b'"conversation_id":"c-000007"' not in line]
    (tmp_path / "cut.jsonl").write_bytes(b"".join(kept))
    code, said = verified(folder, folder / "sample.jsonl", tmp_path / "cut.jsonl")
    assert code == 1
    assert said[0].startswith("the frames differ")


def test_a_secret_that_was_not_committed_to_draws_nothing(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "picked").write_text("e" * 64)
    options = [*secrets(folder)]
    options[1] = str(tmp_path / "picked")
    done = run("sample", folder / "day.jsonl", *SUBJECT, *options)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "not the one that was committed to" in done.stderr


def test_the_secret_of_one_side_alone_is_not_enough(folder: Path) -> None:
    done = run("sample", folder / "day.jsonl", *SUBJECT, *secrets(folder)[2:])
    assert (done.exit_code, done.stdout) == (1, "")


def test_no_secret_is_shown_or_written(folder: Path, tmp_path: Path) -> None:
    told = [
        run("commit", *SUBJECT, "--secret-file", folder / "client.secret"),
        run("verify", folder / "day.jsonl", "--sample", folder / "sample.jsonl", *SUBJECT,
            *secrets(folder)),
        run("sample", folder / "day.jsonl", *SUBJECT, "--commitment", "00",
            BATON_AUDIT_SECRET=SECRETS["client"]),
        run("sample", folder / "day.jsonl", *SUBJECT, "--commitment", "00",
            "--secret-file", folder / "client.secret", BATON_AUDIT_SECRET=SECRETS["client"]),
    ]  # fmt: skip
    assert [one.exit_code for one in told] == [0, 0, 1, 2]
    for one in told:
        assert SECRETS["client"] not in one.output
        assert SECRETS["client"] not in str(one.exception)
    assert SECRETS["client"].encode() not in (folder / "sample.jsonl").read_bytes()


def test_the_variable_and_the_file_make_the_same_commitment(folder: Path) -> None:
    by_file = run("commit", *SUBJECT, "--secret-file", folder / "client.secret")
    by_variable = run("commit", *SUBJECT, BATON_AUDIT_SECRET=SECRETS["client"])
    assert by_file.stdout == by_variable.stdout != ""


def test_a_new_secret_is_kept_for_its_owner_and_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "new.secret"
    done = run("commit", *SUBJECT, "--new", file)
    secret = file.read_text().strip()
    assert done.exit_code == 0
    assert secret not in done.output
    assert file.stat().st_mode & 0o777 == 0o600
    assert run("commit", *SUBJECT, "--secret-file", file).stdout == done.stdout
    assert run("commit", *SUBJECT, "--new", file).exit_code == 1
    assert file.read_text().strip() == secret


def test_a_commitment_for_a_period_that_has_begun_is_said_to_prove_nothing(folder: Path) -> None:
    past = run("commit", *SUBJECT[:3], "2020-W05", "--secret-file", folder / "client.secret")
    assert "has begun" in past.stderr
    future = run("commit", *SUBJECT[:3], "2999-Q4", "--secret-file", folder / "client.secret")
    assert future.stderr == ""


@pytest.mark.parametrize("period", ["2026-06", "2026-06-02", "2026-W23"])
def test_a_period_that_is_not_closed_has_no_sample(folder: Path, period: str) -> None:
    done = run("plan", folder / "day.jsonl", *SUBJECT[:3], period)
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"{period} is not closed: it is at 2026-06-" in done.stderr


def test_a_log_that_ends_before_the_last_episode_matured_is_not_closed(folder: Path) -> None:
    done = run("plan", folder / "day.jsonl", *SUBJECT, "--settle", "1ms", "--lateness", "12h")
    assert done.exit_code == 1
    assert "is not closed" in done.stderr


def test_conversations_that_were_written_down_too_late_to_be_drawn_are_counted(
    folder: Path, tmp_path: Path
) -> None:
    hidden = event("contact.started", "c-hidden", IN_THE_PERIOD_MS, recorded=NEXT_WEEK_MS)
    known = event("contact.started", "c-000001", IN_THE_PERIOD_MS, recorded=NEXT_WEEK_MS)
    log = tmp_path / "late.jsonl"
    log.write_bytes((folder / "day.jsonl").read_bytes() + b"\n".join([hidden, known, hidden]))
    plan = json.loads(run("plan", log, *SUBJECT, "--format", "json").stdout)
    on_time = json.loads(run("plan", folder / "day.jsonl", *SUBJECT, "--format", "json").stdout)
    assert (on_time["too_late"], plan["too_late"]) == (0, 1)
    assert plan["frame"] == on_time["frame"]
    assert "1 more conversations had events" in run("plan", log, *SUBJECT).stdout


def test_a_period_without_episodes_is_said_to_be_empty(folder: Path) -> None:
    done = run("plan", folder / "day.jsonl", *SUBJECT[:3], "2026-05-30", "--format", "json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["strata"] == []
    assert "no episode of telco-2026 ended in 2026-05-30; events were written" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--period", "2026-13"), "'2026-13' is no period"),
        (("--name", "nobody"), "no contract 'nobody'; the files hold: telco-2026"),
        (("--contract", "no-such.yaml"), "no-such.yaml: no such file"),
    ],
)
def test_what_is_not_there_is_named(folder: Path, options: tuple[str, ...], said: str) -> None:
    done = run("plan", folder / "day.jsonl", *SUBJECT, *options)
    assert done.exit_code in (1, 2)
    assert said in done.output


def test_without_a_file_the_brokers_are_asked(folder: Path) -> None:
    done = run("plan", *SUBJECT, "--broker", "127.0.0.1:1")
    assert done.exit_code == 1
    assert "nothing listens there: check --broker" in done.stderr


def reviews(sample: Path, score: int) -> bytes:
    """A review of every part of every second sample."""
    lines = []
    for number, raw in enumerate(sample.read_bytes().splitlines()):
        one = decode_sample(raw)
        for subject, there in (("ai", one.data.ai), ("human", one.data.human)):
            if there and number % 2 == 0:
                said = {
                    "evaluation_id": f"{one.id}{subject}",
                    "evaluator": "client",
                    "status": "final",
                    "subject": subject,
                    "score_ppm": score,
                    "sampling_job_id": one.id,
                    "escalation_needed": one.data.handed_over,
                }
                lines.append(event("qa.evaluated", one.subject, NEXT_WEEK_MS, **said))
    return b"\n".join(lines) + b"\n"


@pytest.mark.parametrize(("score", "share"), [(1_000_000, 1_000_000), (0, 0)])
def test_reviews_come_back_as_estimates_of_the_whole_period(
    folder: Path, tmp_path: Path, score: int, share: int
) -> None:
    sample = folder / "sample.jsonl"
    log = tmp_path / "reviewed.jsonl"
    log.write_bytes((folder / "day.jsonl").read_bytes() + reviews(sample, score))
    done = run("report", log, "--sample", sample, *SUBJECT, "--format", "json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    for subject in ("ai", "human"):
        found = told["pass_rate"][subject]
        assert found["share_ppm"] == share
        assert found["low_ppm"] <= share <= found["high_ppm"]
        assert found["reviewed"] + len(told["unreviewed"][subject]) == found["sampled"]
        assert found["reviewed"] < found["sampled"]
        unknown = [one for one in found["strata"] if one["share_ppm"] is None]
        assert found["spoken_for"] == found["population"] - sum(u["population"] for u in unknown)
    assert told["escalation_precision"]["share_ppm"] == 1_000_000
    assert told["escalation_recall"]["share_ppm"] == 1_000_000
    table = run("report", log, "--sample", sample, *SUBJECT)
    assert "Without a review" in table.stdout


def test_without_reviews_everything_is_unknown(folder: Path) -> None:
    done = run("report", folder / "day.jsonl", "--sample", folder / "sample.jsonl", *SUBJECT)
    assert done.exit_code == 0
    first = [line for line in done.stdout.splitlines() if "precision" in line or "passes," in line]
    assert len(first) == 3
    assert all("unknown" in line for line in first)


def test_a_report_needs_samples_of_its_period(folder: Path) -> None:
    done = run("report", folder / "day.jsonl", "--sample", folder / "sample.jsonl",
               *SUBJECT[:3], "2026-05-30")  # fmt: skip
    assert done.exit_code == 1
    assert "is of another contract or period" in done.stderr
    assert "there is no sample to report on" in done.stderr


def test_the_period_of_a_sample_is_the_contracts_own_day(folder: Path) -> None:
    one = decode_sample((folder / "sample.jsonl").read_bytes().splitlines()[0])
    assert one.data.period.start == rfc3339(1_780_243_200_000)  # midnight in Singapore
    assert one.time == one.data.period.end
