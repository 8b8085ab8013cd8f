"""`--option mark=WHAT:NAME`: what a team's own names in its platform mean."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from streams.cli.main import cli

SAMPLE = Path(__file__).parents[1] / "sources" / "platforms" / "zendesk" / "ticket_webhooks.json"


def checked(*options: str) -> Result:
    named = [word for option in options for word in ("--option", option)]
    arguments = ["source", "check", "zendesk", str(SAMPLE), "--format", "json", *named]
    return CliRunner().invoke(cli, arguments)


def test_a_bot_among_the_agents_hands_over_once_it_is_marked() -> None:
    unmarked = orjson.loads(checked().stdout_bytes)
    marked = orjson.loads(checked("mark=bot:9001", "mark=handoff:agent_requested").stdout_bytes)
    assert "handoff.requested" not in unmarked["events"]
    assert marked["events"]["handoff.requested"] == 3


@pytest.mark.parametrize("wrong", ["bot", "bot:", ""])
def test_a_mark_without_a_name_is_refused_with_an_example(wrong: str) -> None:
    result = checked(f"mark={wrong}")
    assert result.exit_code == 2
    assert "must look like mark=bot:4200001" in result.output


def test_a_mark_of_another_kind_is_refused_with_those_there_are() -> None:
    result = checked("mark=robot:9001")
    assert result.exit_code == 2
    assert "must be one of bot, automation, staff, human, handoff, resolved" in result.output
