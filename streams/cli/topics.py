"""`baton topics`: what must exist on the broker."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from streams.cli.options import settings_from, settings_options
from streams.kafka.admin import TopicsError, ensure_topics
from streams.kafka.topics import declared_topics


@click.command()
@click.option("--create", is_flag=True, help="Create the missing ones and check the others.")
@settings_options
def topics(create: bool, **given: Any) -> None:
    """Print the topics Baton uses; with --create make and check them on the broker."""
    settings = settings_from(given)
    specs = declared_topics(settings.prefix, settings.partitions)
    if create:
        try:
            made = asyncio.run(ensure_topics(settings.broker, specs, settings.replication))
        except TopicsError as error:
            raise click.ClickException(str(error)) from None
    for spec in specs:
        config = " ".join(f"{name}={value}" for name, value in spec.config.items())
        state = "" if not create else " created" if spec.name in made else " exists"
        click.echo(f"{spec.name} partitions={spec.partitions} {config}{state}")
