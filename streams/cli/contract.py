"""`baton contract`: contracts as code."""

from __future__ import annotations

import click

from streams.cli.contract_render import render


@click.group()
def contract() -> None:
    """Contracts as code: what is rendered from them."""


contract.add_command(render)
