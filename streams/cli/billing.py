"""`baton billing`: what is billed, handed on."""

from __future__ import annotations

import click

from streams.cli.billing_export import export


@click.group()
def billing() -> None:
    """Hand what is billed on to other systems."""


billing.add_command(export)
