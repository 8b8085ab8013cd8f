"""`baton source serve` and `run` say what they need before they begin, and begin open to nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli.log_source import source_options_from
from streams.cli.main import cli

SALT = {"BATON_SOURCE_SALT": "a-salt-of-the-tests"}
SECRET = {"BATON_HOOK_TWILIO_SECRET": "a-secret-of-the-tests"}
CONTRACT = ("--option", "contract=telco-2026")


def refused(*argv: str, env: dict[str, str] | None = None) -> str:
    """What is said of it; no broker is asked before."""
    said = (*argv, "--broker", "127.0.0.1:1")
    done = CliRunner().invoke(cli, ["source", *said], env=env or {})
    assert done.exit_code != 0
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert "Traceback" not in done.output
    return " ".join(done.output.split())


def test_a_hook_without_a_secret_is_not_served_unless_it_is_said_to_be_open() -> None:
    told = refused("serve", "--platform", "canonical")
    assert "BATON_HOOK_CANONICAL_SECRET" in told
    assert "--open canonical" in told
    assert "127.0.0.1:1: nothing listens there" in refused(
        "serve", "--platform", "canonical", "--open", "canonical"
    )


def test_a_secret_has_one_place_and_some_length(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("an-old-secret\na-new-secret\n")
    twice = ("serve", "--platform", "canonical", "--secret-file", f"canonical={file}")
    env = {"BATON_HOOK_CANONICAL_SECRET": "a-secret-of-the-tests"}
    assert "both set" in refused(*twice, env=env)
    assert "nothing listens" in refused(*twice)
    file.write_text("an-old-secret\nshort\n")
    assert "fewer than 8 characters" in refused(*twice)
    assert "short" not in refused(*twice)
    assert "is --open" in refused(
        "serve", "--platform", "canonical", "--open", "canonical", env=env
    )


def test_payloads_of_a_platform_need_a_contract_and_a_salt_from_the_environment() -> None:
    serve = ("serve", "--platform", "twilio")
    assert "BATON_SOURCE_SALT" in refused(*serve, env=SECRET)
    assert "contract=NAME" in refused(*serve, env=SECRET | SALT)
    told = refused(*serve, *CONTRACT, "--option", "salt=not-for-all-to-see", env=SECRET | SALT)
    assert "--salt-file" in told
    assert "not-for-all-to-see" not in told
    assert "nothing listens" in refused(*serve, *CONTRACT, env=SECRET | SALT)


@pytest.mark.parametrize("salt", ["baton", "secret", "1234567"])
def test_a_salt_that_is_known_or_guessed_is_none(salt: str) -> None:
    told = refused(
        *("serve", "--platform", "twilio", *CONTRACT), env=SECRET | {"BATON_SOURCE_SALT": salt}
    )
    assert "the key of pseudonyms" in told
    assert "fewer than 8 characters" in told
    assert salt not in told.replace("baton source", "")
    told = refused("run", "twilio", "--from", "t", *CONTRACT, env={"BATON_SOURCE_SALT": salt})
    assert "the key of pseudonyms" in told


def replayed(file: Path, *options: str, env: dict[str, str] | None = None) -> str:
    argv = ("replay", str(file), "--broker", "127.0.0.1:1", *options)
    return " ".join(CliRunner().invoke(cli, argv, env=env or {}).output.split())


def test_a_replay_says_aloud_that_its_pseudonyms_can_be_undone(tmp_path: Path) -> None:
    file = tmp_path / "chats.jsonl"
    file.write_text("{}")
    loud = "made with a salt that everybody knows"
    assert loud in replayed(file, "--source", "chatwoot")
    assert loud in replayed(file, "--source", "chatwoot", "--option", "salt=baton")
    assert loud not in replayed(file, "--source", "chatwoot", env=SALT)
    assert loud not in replayed(file, "--source", "chatwoot", "--option", "salt=a-secret-one")
    assert loud not in replayed(file)


def test_a_file_is_read_under_the_salt_of_the_other_ways_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BATON_SOURCE_SALT", "a-salt-of-the-tests")
    assert source_options_from((), "zendesk", Path("x")).salt == "a-salt-of-the-tests"
    assert source_options_from(("salt=other",), "zendesk", Path("x")).salt == "other"


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("twilio.contract=telco-2026", "nothing listens"),
        ("zendesk.contract=telco-2026", "contract=NAME"),
        ("acme.contract=telco-2026", "no platform of that name"),
        ("contracts=telco-2026", "contract=NAME"),
        ("prefix=a:b", "contract=NAME"),
    ],
)
def test_an_option_may_be_of_one_platform_alone(option: str, told: str) -> None:
    argv = ("serve", "--platform", "twilio", "--option", option)
    assert told in refused(*argv, env=SECRET | SALT)


def test_exactly_once_does_not_reach_into_another_cluster() -> None:
    run = ("run", "canonical", "--from", "t", "--guarantee", "exactly-once")
    assert "another cluster" in refused(*run, "--from-broker", "127.0.0.1:2")
    assert "idempotent producer" in refused(*run, "--no-idempotence")
    assert "nothing listens" in refused(*run)


def test_pages_beyond_loopback_need_credentials() -> None:
    told = refused(
        *("serve", "--platform", "canonical", "--open", "canonical", "--host", "0.0.0.0")
    )
    assert "pages need credentials" in told
