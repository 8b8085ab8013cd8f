"""The list of permissions holds every topic, and the commands say all of it."""

from __future__ import annotations

import shlex
from itertools import pairwise

import pytest
from click.testing import CliRunner

from streams.agents.stages import STAGES
from streams.cli.main import cli
from streams.kafka import topics
from streams.kafka.acls import commands, permissions, principal_of, roles

CHANGELOGS = [f"b1-{kind.table}-changelog" for kind in STAGES]


def allowed(role: str) -> set[tuple[str, str]]:
    """(operation, name) of a role's permissions."""
    found = permissions(role, prefix="eu.", app_id="b1")
    return {(each.operation, each.name) for each in found}


def test_the_worker_reaches_each_of_its_topics_and_no_other() -> None:
    names = {each.name for each in permissions("worker", prefix="eu.", app_id="b1")}
    its = {spec.name for spec in topics.worker_topics("eu.")}
    assert names == {*its, *CHANGELOGS, "b1", "b1-"}


def test_audit_samples_are_for_the_auditor_and_who_erases_and_made_by_the_operator() -> None:
    samples, erasing = f"eu.{topics.AUDIT_SAMPLES}", {"auditor", "privacy", "retention"}
    assert {role for role in roles() if ("Read", samples) in allowed(role)} == erasing
    assert {role for role in roles() if ("Write", samples) in allowed(role)} == erasing
    assert {role for role in roles() if ("Create", samples) in allowed(role)} == {"operator"}


def test_only_the_worker_writes_what_is_published() -> None:
    published = [
        *(topics.FACTS, topics.LINKS, topics.DELTAS),
        *(topics.WINDOWS, topics.BREACHES),
    ]
    for name in [*(f"eu.{name}" for name in published), *CHANGELOGS]:
        assert [role for role in roles() if ("Write", name) in allowed(role)] == ["worker"]


def test_events_are_written_by_producers_sources_and_ticks_alone() -> None:
    events = f"eu.{topics.EVENTS}"
    writers = [role for role in roles() if ("Write", events) in allowed(role)]
    # Who may ask for erasure may write an event: the broker cannot tell the two apart.
    assert writers == ["ticks", "producer", "source", "privacy"]


def test_dead_letters_are_written_by_those_who_read_what_may_be_spoiled() -> None:
    letters = f"eu.{topics.DEAD_LETTERS}"
    assert [role for role in roles() if ("Write", letters) in allowed(role)] == ["worker", "source"]


def test_a_source_may_write_transactions_under_its_own_groups_alone() -> None:
    named = {
        p.name for p in permissions("source", prefix="eu.", app_id="b1") if p.resource != "topic"
    }
    assert named == {"b1-source-"}


def test_only_retention_deletes_and_only_operator_and_worker_create() -> None:
    for role in roles():
        operations = {operation for operation, _ in allowed(role)}
        assert not operations & {"All", "Alter", "ClusterAction"}
        assert ("Delete" in operations) == (role == "retention")
        assert ("Create" in operations) == (role in ("operator", "worker"))
    created = {name for operation, name in allowed("worker") if operation == "Create"}
    assert created == set(CHANGELOGS)


@pytest.mark.parametrize("role", roles())
def test_the_commands_say_every_permission_and_no_other(role: str) -> None:
    said = set()
    for line in commands(role, "User:CN=x y", prefix="eu.", app_id="b1", broker="b:1"):
        words = shlex.split(line)
        assert words[words.index("--allow-principal") + 1] == "User:CN=x y"
        at = words.index("--resource-pattern-type")
        operations = [o for flag, o in pairwise(words) if flag == "--operation"]
        names = zip(words[at + 2 :: 2], words[at + 3 :: 2], strict=True)
        said |= {(o, flag, name, words[at + 1]) for flag, name in names for o in operations}
    assert said == {
        (p.operation, f"--{p.resource.replace('_', '-')}", p.name, p.pattern)
        for p in permissions(role, prefix="eu.", app_id="b1")
    }


def test_ticks_are_written_by_the_worker_unless_said_otherwise() -> None:
    assert principal_of("ticks", {}, "baton-") == "User:baton-worker"
    assert principal_of("ticks", {"worker": "User:w"}, "baton-") == "User:w"
    assert principal_of("ticks", {"ticks": "User:t", "worker": "User:w"}, "baton-") == "User:t"
    assert principal_of("producer", {"worker": "User:w"}, "x-") == "User:x-producer"


def printed(*argv: str) -> str:
    done = CliRunner().invoke(cli, ["topics", *argv])
    assert done.exit_code == 0, done.output
    return done.output


def test_topics_acls_prints_every_role_with_prefix_app_id_and_broker_filled_in() -> None:
    settings = ("--prefix", "eu.", "--app-id", "b1", "--broker", "b:1", "--webhook", "http://h/")
    output = printed("acls", *settings)
    assert [line[2:].partition(":")[0] for line in output.splitlines() if line[0] == "#"] == [
        *roles()
    ]
    assert "--topic eu.interaction-events" in output
    assert "--transactional-id b1-" in output
    assert output.count("--bootstrap-server b:1 ") == output.count("kafka-acls.sh")
    assert "{" not in output


def test_settings_may_stand_before_the_subcommand() -> None:
    assert printed("--prefix", "eu.", "acls") == printed("acls", "--prefix", "eu.")


def test_breaches_are_read_by_a_worker_that_posts_them_alone() -> None:
    assert "# webhook" not in printed("acls")
    assert "# webhook" in printed("acls", "--webhook", "http://127.0.0.1:1/")


def test_without_ticks_their_permission_is_left_out() -> None:
    assert "# ticks" not in printed("acls", "--no-ticks")


@pytest.mark.parametrize("said", ["worker", "worker=baton", "boss=User:x"])
def test_a_principal_of_no_role_is_refused(said: str) -> None:
    done = CliRunner().invoke(cli, ["topics", "acls", "--principal", said])
    assert done.exit_code == 2
    assert "ROLE=User:NAME" in done.output


def test_topics_alone_still_prints_the_topics() -> None:
    assert len(printed("--prefix", "eu.").splitlines()) == len(topics.declared_topics())
