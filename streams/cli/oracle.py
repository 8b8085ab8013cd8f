"""`baton oracle`: the batch judge."""

from __future__ import annotations

from collections.abc import Callable

import click
from rich.console import Console

from streams.cli.judged import Judged, judges_a_log
from streams.oracle.report import verdict_parts, verdict_table


@click.command()
@judges_a_log
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
def oracle(judged: Callable[[], Judged], form: str) -> None:
    """Say what a stream must have published from FILE: facts, windows, breaches.

    Plain sorted loops, without Kafka and without the stream's code; give it the lateness, tick and
    settle that the worker and the replay had.
    """
    verdict = judged().verdict
    if form == "json":
        out = click.get_binary_stream("stdout")
        out.writelines(verdict_parts(verdict))
        out.write(b"\n")
    else:
        Console().print(verdict_table(verdict))
