"""A log and what the batch judge says of it: what `baton oracle` and `baton compare` are told."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import click

from streams.cli.log_source import log_options, read_source
from streams.cli.options import book_from, contract_option, market_option
from streams.cli.replay import Duration
from streams.domain.contract import ContractBook
from streams.oracle.judge import Verdict, judge
from streams.replay import ticked


class Judged(NamedTuple):
    """The contracts, and the verdict on a log under them."""

    book: ContractBook
    verdict: Verdict


_Command = Callable[..., None]
_OPTIONS = (
    click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False)),
    contract_option,
    log_options,
    market_option,
    click.option(
        "--lateness",
        "lateness_ms",
        type=Duration(),
        envvar="BATON_LATENESS",
        default="30s",
        show_default=True,
        help="The workers'.",
    ),
    click.option(
        "--tick",
        "tick_ms",
        type=Duration(),
        default="10s",
        show_default=True,
        help="Time between ticks, as the replay had it.",
    ),
    click.option(
        "--settle",
        "settle_ms",
        type=Duration(),
        default="10m",
        show_default=True,
        help="How far past the last record time goes on, as in the replay.",
    ),
)


def judges_a_log(function: Callable[..., None]) -> _Command:
    """Let a command begin with the verdict on the log FILE: `function(judge, ...)` calls `judge()`
    once its other options are found good. Raises click.ClickException with file and cause.
    """

    @wraps(function)
    def command(
        file: Path,
        contracts: tuple[Path, ...],
        source: str,
        source_options: tuple[str, ...],
        markets: tuple[str, ...],
        lateness_ms: int,
        tick_ms: int,
        settle_ms: int,
        **given: Any,
    ) -> None:
        def judged() -> Judged:
            book = book_from(contracts)
            read = read_source(file, source, source_options)
            log = ticked(read, interval_ms=tick_ms, settle_ms=settle_ms)
            return Judged(book, judge(log, book, lateness_ms=lateness_ms, markets=markets))

        function(judged, **given)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command
