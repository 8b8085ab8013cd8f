"""A log and what the batch judge says of it: what `baton oracle` and `baton compare` are told."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import click

from streams.cli.log_source import log_options, read_source
from streams.cli.options import book_from, contract_option, market_option
from streams.cli.replay_clock import lateness_option, settle_option, tick_option
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
    lateness_option,
    tick_option,
    settle_option,
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
