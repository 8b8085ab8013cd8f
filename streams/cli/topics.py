"""`baton topics`: what must exist on the broker, and who may do what with it."""

from __future__ import annotations

import asyncio
from typing import Any

import click
from aiokafka.errors import KafkaError

from streams.cli.options import settings_from, settings_options
from streams.cli.topics_export import export
from streams.kafka import acls as permissions
from streams.kafka.admin import TopicsError, ensure_topics
from streams.kafka.connection import ConnectionFailed, check_connection, denied, security_options
from streams.kafka.topics import TopicSpec, declared_topics
from streams.settings import Settings

TICKS = "ticks"
WEBHOOK = "webhook"


@click.group(invoke_without_command=True)
@click.option("--create", is_flag=True, help="Create the missing ones and check the others.")
@settings_options
@click.pass_context
def topics(context: click.Context, /, create: bool, **given: Any) -> None:
    """Print the topics Baton uses; with --create make and check them on the broker.

    `baton topics acls` prints the permissions they need, `baton topics export` writes the events
    to a file.
    """
    if context.invoked_subcommand is not None:
        context.obj = given
        return
    settings = settings_from(given)
    specs = declared_topics(settings.prefix, settings.partitions)
    made = []
    if create:
        try:
            made = asyncio.run(_create(settings, specs))
        except (ConnectionFailed, TopicsError, KafkaError) as error:
            raise click.ClickException(denied(error) or str(error)) from None
    for spec in specs:
        config = " ".join(f"{name}={value}" for name, value in spec.config.items())
        state = "" if not create else " created" if spec.name in made else " exists"
        click.echo(f"{spec.name} partitions={spec.partitions} {config}{state}")


async def _create(settings: Settings, specs: tuple[TopicSpec, ...]) -> list[str]:
    await check_connection(settings)
    security = security_options(settings)
    return await ensure_topics(settings.broker, specs, settings.replication, security)


@topics.command()
@click.option(
    "--principal-prefix",
    default="baton-",
    show_default=True,
    help="Beginning of the users' names: User:<prefix><role>.",
)
@click.option(
    "--principal",
    "said",
    metavar="ROLE=PRINCIPAL",
    multiple=True,
    help="The principal of one role, as worker=User:CN=baton; may be given several times.",
)
@settings_options
@click.pass_context
def acls(
    context: click.Context, /, principal_prefix: str, said: tuple[str, ...], **given: Any
) -> None:
    """Print the least permissions each role needs, as kafka-acls.sh commands.

    --app-id and --prefix are the workers'. A worker with --ticks, the default, writes them as its
    own user; with --no-ticks that permission is left out. That of reading breaches for a webhook
    is left out without --webhook.
    """
    outer = {name: value for name, value in (context.obj or {}).items() if value not in (None, ())}
    settings = settings_from(outer | {n: v for n, v in given.items() if v not in (None, ())})
    roles = permissions.roles()
    principals = dict(_principal(each, roles) for each in said)
    unused = {TICKS} if not settings.ticks else set()
    if not settings.webhook:
        unused.add(WEBHOOK)
    roles = {role: does for role, does in roles.items() if role not in unused}
    for role, does in roles.items():
        principal = permissions.principal_of(role, principals, principal_prefix)
        click.echo(f"# {role}: {does}")
        for command in permissions.commands(
            role,
            principal,
            prefix=settings.prefix,
            app_id=settings.app_id,
            broker=settings.broker,
        ):
            click.echo(command)


def _principal(said: str, roles: Any) -> tuple[str, str]:
    role, _, principal = said.partition("=")
    if role not in roles or not principal.startswith("User:"):
        raise click.UsageError(
            f"--principal {said}: ROLE=User:NAME is wanted, ROLE one of {', '.join(roles)}"
        )
    return role, principal


topics.add_command(export)
