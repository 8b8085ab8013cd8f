"""The clock that a log was, or is to be, replayed with: ticks, how it ends, and the lateness."""

from __future__ import annotations

import click

from streams.domain.contract import ContractError
from streams.domain.contract_document import duration_ms


class Duration(click.ParamType):
    """90s, 2m, 24h in ms."""

    name = "DURATION"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Milliseconds."""
        if isinstance(value, int):
            return value
        try:
            return duration_ms(str(value))
        except ContractError as error:
            self.fail(str(error), param, ctx)


lateness_option = click.option(
    "--lateness",
    "lateness_ms",
    type=Duration(),
    envvar="BATON_LATENESS",
    default="30s",
    show_default=True,
    help="The workers'.",
)
tick_option = click.option(
    "--tick",
    "tick_ms",
    type=Duration(),
    default="10s",
    show_default=True,
    help="Time between ticks, as the replay has it.",
)
settle_option = click.option(
    "--settle",
    "settle_ms",
    type=Duration(),
    default="10m",
    show_default=True,
    help="How far past a log's last record time goes on, as in the replay.",
)
