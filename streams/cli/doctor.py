"""`baton doctor`: what is missing or wrong in a set-up, why it matters, and what mends it."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from typing import Any

import click
import orjson

from streams.cli.options import settings_from, settings_options
from streams.doctor.checkup import Around, findings
from streams.doctor.finding import Finding, exit_code
from streams.runtime import run
from streams.settings import Settings

_MARK = {"ok": "ok   ", "warn": "warn ", "wrong": "WRONG"}
_COLOUR = {"ok": "green", "warn": "yellow", "wrong": "red"}


@click.command()
@click.option("--prometheus", default="", metavar="URL", help="Prometheus, as http://host:9090.")
@click.option("--alertmanager", default="", metavar="URL", help="Alertmanager.")
@click.option("--worker", default="", metavar="URL", help="A worker's pages.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@settings_options
def doctor(prometheus: str, alertmanager: str, worker: str, form: str, **given: Any) -> None:
    """Look at a set-up as a worker with these options would find it, and say what to mend.

    Give it what the workers are given: the same options, variables and user. It changes nothing and
    prints no secret. Exit code 0: all is well; 1: with warnings; 2: something is wrong.
    """
    settings = settings_from(given)
    # What a library logs of a broker that refuses us is told once, by a finding.
    logging.basicConfig(level=logging.CRITICAL)
    sys.exit(run(_look(settings, Around(prometheus, alertmanager, worker), form)))


async def _look(settings: Settings, around: Around, form: str) -> int:
    found: list[Finding] = []
    async for each in findings(settings, around):
        found.append(each)
        if form == "text":
            _print(each)
    if form == "json":
        click.echo(orjson.dumps([each.document() for each in found], option=orjson.OPT_INDENT_2))
    else:
        counts = Counter(each.verdict for each in found)
        click.echo(
            f"{len(found)} checks: {counts['wrong']} wrong, {counts['warn']} warnings,"
            f" {counts['ok']} ok"
        )
    return exit_code(found)


def _print(found: Finding) -> None:
    mark = click.style(_MARK[found.verdict], fg=_COLOUR[found.verdict])
    click.echo(f"{mark} {found.check}: {found.what}")
    if found.why:
        click.echo(f"        why: {found.why}")
    if found.fix:
        click.echo(f"        fix: {found.fix}")
