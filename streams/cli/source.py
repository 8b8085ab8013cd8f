"""`baton source`: other platforms' events."""

from __future__ import annotations

import click


@click.group()
def source() -> None:
    """Other platforms' events: from a topic, by webhook, and how an adapter is made."""
