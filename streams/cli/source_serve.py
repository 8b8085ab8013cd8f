"""`baton source serve`: platforms' webhooks onto the events topic."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from aiokafka import AIOKafkaProducer

from streams.cli.options import configure_logging, settings_from
from streams.cli.source_intake import (
    EXPECTED,
    FEEDS,
    feed_of,
    intake_options,
    producer_options,
    serve_pages,
    stop_event,
    target_partitions,
    told,
)
from streams.domain.contract_document import duration_ms
from streams.export.access import pages_access
from streams.intake.delivery import Delivery
from streams.intake.hooks import Hook, Reception
from streams.intake.metrics import IntakeCounts
from streams.intake.server import HookServer
from streams.intake.signatures import weakness
from streams.kafka import topics
from streams.kafka.connection import check_connection
from streams.runtime import run
from streams.secrets import SecretError, secret_in
from streams.settings import Settings

_STALLED_S = 30.0


@click.command()
@click.option(
    "--platform",
    "platforms",
    type=click.Choice(FEEDS),
    multiple=True,
    required=True,
    help="Serve /hooks/NAME; may be given several times.",
)
@click.option(
    "--secret-file",
    "secret_files",
    multiple=True,
    metavar="NAME=FILE",
    help="File with a platform's secret, if BATON_HOOK_<NAME>_SECRET does not hold it; on several"
    " lines several, while it is changed.",
)
@click.option(
    "--open",
    "opened",
    type=click.Choice(FEEDS),
    multiple=True,
    help="Take posts to this hook from anybody.",
)
@click.option(
    "--hooks-host", envvar="BATON_HOOKS_HOST", default="127.0.0.1", show_default=True,
    help="Address of the hooks; --host and --port are those of /metrics.",
)  # fmt: skip
@click.option(
    "--hooks-port", envvar="BATON_HOOKS_PORT", type=click.IntRange(0, 65535), default=8480,
    show_default=True, help="Their port; 0 takes a free one.",
)  # fmt: skip
@click.option(
    "--public-url",
    envvar="BATON_PUBLIC_URL",
    default="",
    help="Scheme and host by which platforms call us, behind a proxy; Twilio signs it.",
)
@click.option(
    "--max-body", type=click.IntRange(1024, 64 * 1024 * 1024), default=1024 * 1024,
    show_default=True, help="Largest body in bytes, unpacked; a larger one is 413.",
)  # fmt: skip
@click.option(
    "--ack-within",
    default="4s",
    show_default=True,
    help="For how long a request waits for the brokers before it is 503.",
)
@intake_options
def serve(
    platforms: tuple[str, ...],
    secret_files: tuple[str, ...],
    opened: tuple[str, ...],
    hooks_host: str,
    hooks_port: int,
    public_url: str,
    max_body: int,
    ack_within: str,
    source_options: tuple[str, ...],
    salt_file: Path | None,
    keep_payloads: bool,
    **given: Any,
) -> None:
    """Take webhooks of platforms at /hooks/NAME and write their events.

    A post is answered 200 once the brokers have every event of it, so what a platform was told is
    there is there; anything else it sends again, and the same payload is the same events. Each
    platform's signature is verified as it documents it (`canonical`: a bearer token, or
    X-Baton-Signature). Serve TLS in front of it.
    """
    # What is promised of the outputs is said below, not by the worker's setting.
    settings = settings_from({**given, "guarantee": "at-least-once"})
    configure_logging(settings.log_level)
    try:
        within_s = duration_ms(ack_within) / 1000
    except ValueError as error:
        raise click.UsageError(f"--ack-within: {error}") from None
    try:
        files = _files(secret_files, platforms)
        hooks = {
            name: Hook(
                feed_of(name, source_options, salt_file), _secrets(name, files, name in opened)
            )
            for name in dict.fromkeys(platforms)
        }
    except SecretError as error:
        raise click.ClickException(str(error)) from None
    counts = IntakeCounts()
    delivery = Delivery(lambda: AIOKafkaProducer(**producer_options(settings)))
    reception = Reception(
        delivery,
        counts,
        settings.topic(topics.EVENTS),
        settings.topic(topics.DEAD_LETTERS),
        max_body,
        within_s,
        keep_payloads,
    )
    server = HookServer(hooks, reception, hooks_host, hooks_port, public_url=public_url)
    sys.exit(run(_serve(settings, server, delivery, counts, hooks_host)))


async def _serve(
    settings: Settings, server: HookServer, delivery: Delivery, counts: IntakeCounts, host: str
) -> int:
    stop = stop_event()
    pages = None

    def ready() -> tuple[bool, str]:
        waits = delivery.waits_s
        if waits < _STALLED_S:
            return True, "the brokers answer"
        return False, f"the brokers have acknowledged nothing for {waits:.0f} s"

    code = 0
    try:
        pages_access(settings)  # what needs no broker to be found wrong is said first
        await check_connection(settings)
        await target_partitions(settings)
        await delivery.start()
        pages, port = await serve_pages(settings, counts, lambda: (True, "serving"), ready)
        hooks_port = await server.start()
        click.echo(
            f"baton source serve: hooks on http://{host}:{hooks_port}/hooks/, metrics on"
            f" http://{settings.host}:{port}/metrics",
            err=True,
        )
        await stop.wait()
    except EXPECTED as error:
        click.echo(f"baton source serve: {told(error)}", err=True)
        code = 1
    await server.stop()
    left = await delivery.stop()
    if pages is not None:
        await pages.stop()
    if code == 0:
        waits = f"; {left} records that nobody was told are there were given up" if left else ""
        click.echo(f"baton source serve: stopped{waits}", err=True)
    return code


def _files(given: tuple[str, ...], platforms: tuple[str, ...]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for item in given:
        name, separator, file = item.partition("=")
        if not separator or name not in platforms:
            raise click.UsageError(
                f"--secret-file {item[:60]!r}: NAME=FILE, with NAME one of --platform"
            )
        files[name] = Path(file)
    return files


def _secrets(name: str, files: Mapping[str, Path], opened: bool) -> tuple[str, ...]:
    variable = f"BATON_HOOK_{name.upper().replace('-', '_')}_SECRET"
    said, file = os.environ.get(variable, ""), files.get(name)
    if said and file is not None:
        raise SecretError(f"{variable} and --secret-file {name}= are both set; keep one of them")
    found = secret_in(file, f"--secret-file {name}=").splitlines() if file is not None else [said]
    secrets = tuple(secret for secret in found if secret)
    if opened:
        if secrets:
            raise SecretError(f"{name} has a secret and is --open; keep one of them")
        return ()
    if not secrets:
        raise SecretError(
            f"no secret for {name}: set {variable} or --secret-file {name}=FILE; --open {name}"
            " takes posts from anybody"
        )
    for secret in secrets:
        if fault := weakness(secret):
            raise SecretError(f"the secret of {name} {fault}")
    return secrets
