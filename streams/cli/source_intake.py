"""What `baton source run` and `baton source serve` share: feeds, salts, pages and farewell."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from aiokafka.errors import KafkaError

from streams.cli.log_source import SALT_VARIABLE, options_from
from streams.cli.options import chosen_options, connection_options
from streams.export.access import AccessError, pages_access
from streams.export.pages import Check, Pages, PagesError
from streams.intake.mapping import CANONICAL, CanonicalFeed, Feed, PlatformFeed
from streams.intake.metrics import IntakeCounts
from streams.intake.server import HooksError
from streams.intake.signatures import weakness
from streams.kafka import topics
from streams.kafka.connection import ConnectionFailed, client_options, denied
from streams.kafka.outbox import MAX_BATCH_BYTES, MAX_REQUEST_BYTES, OutboxError
from streams.kafka.whole_topic import NoTopic, partitions_of
from streams.secrets import SecretError, secret_in
from streams.settings import Settings
from streams.sources.platforms import PLATFORMS

_F = TypeVar("_F", bound=Callable[..., Any])

FEEDS = (CANONICAL, *sorted(PLATFORMS))
# What ends a way in with a message instead of a traceback.
EXPECTED = (
    *(AccessError, SecretError, ConnectionFailed, NoTopic, PagesError, HooksError),
    *(OutboxError, KafkaError),
)
_SETTINGS = (
    *("broker", "prefix", "app_id", "host", "port", "idempotence", "log_level"),
    *("pages_token_file", "pages_user", "pages_password_file", "pages_open"),
)


def intake_options(function: _F) -> _F:
    """Add what both commands can be told."""
    for decorate in (
        connection_options,
        chosen_options(*_SETTINGS),
        click.option(
            "--keep-payloads",
            is_flag=True,
            envvar="BATON_KEEP_PAYLOADS",
            help="Dead letters hold the payload, with all that it says of people"
            " [env BATON_KEEP_PAYLOADS].",
        ),
        click.option(
            "--salt-file",
            type=click.Path(path_type=Path),
            envvar="BATON_SOURCE_SALT_FILE",
            help=f"File with the key of pseudonyms, if {SALT_VARIABLE} does not hold it"
            " [env BATON_SOURCE_SALT_FILE].",
        ),
        click.option(
            "--option",
            "source_options",
            multiple=True,
            metavar="[PLATFORM.]NAME=VALUE",
            help="What payloads do not say about themselves: contract, supplier, channel, market,"
            " journey, time_zone; prefix=NAME where several desks number conversations from 1.",
        ),
    ):
        function = decorate(function)
    return function


def feed_of(name: str, given: Sequence[str], salt_file: Path | None) -> Feed:
    """The feed of that name. Raises click.UsageError, SecretError."""
    if name == CANONICAL:
        return CanonicalFeed()
    salt = _salt(salt_file)
    if fault := weakness(salt):
        raise SecretError(f"the key of pseudonyms ({SALT_VARIABLE} or --salt-file) {fault}")
    said = [_own(name, option) for option in given]
    # What is said of one platform goes before what is said of all.
    mine = [text for text, named in sorted(said, key=lambda each: each[1]) if text]
    if any(text.startswith("salt=") for text in mine):
        raise click.UsageError(
            f"--option salt: the arguments of a process are for all to see; set {SALT_VARIABLE} or"
            " --salt-file"
        )
    if not any(text.startswith("contract=") for text in mine):
        raise click.UsageError(
            f"{name} payloads do not say under which contract they are measured: --option"
            " contract=NAME"
        )
    return PlatformFeed(PLATFORMS[name], options_from(mine, {"salt": salt}))


def _own(name: str, option: str) -> tuple[str, bool]:
    """An option without its platform, "" for another's; and whether it named one."""
    left, _, _ = option.partition("=")
    platform, dot, _ = left.partition(".")
    if not dot:
        return option, False
    if platform not in FEEDS:
        known = ", ".join(FEEDS)
        raise click.UsageError(
            f"--option {left[:60]!r}: no platform of that name; there are {known}"
        )
    return (option.removeprefix(f"{platform}."), True) if platform == name else ("", True)


def _salt(file: Path | None) -> str:
    said = os.environ.get(SALT_VARIABLE, "")
    if file is not None:
        if said:
            raise SecretError(f"{SALT_VARIABLE} and --salt-file are both set; keep one of them")
        return secret_in(file, "--salt-file")
    if not said:
        raise SecretError(
            f"no key for pseudonyms: set {SALT_VARIABLE} or --salt-file; the same everywhere, so"
            " that a customer is one in every channel, and kept, for another makes other customers"
        )
    return said


def producer_options(settings: Settings) -> dict[str, Any]:
    """What a producer of events is made with. Raises ConnectionFailed."""
    return {
        **client_options(settings),
        "acks": "all",
        "enable_idempotence": settings.idempotence,
        "max_batch_size": MAX_BATCH_BYTES,
        "max_request_size": MAX_REQUEST_BYTES,
        "retry_backoff_ms": 250,
    }


async def target_partitions(settings: Settings) -> dict[str, int]:
    """How many partitions the topics have that are written to. Raises NoTopic, KafkaError."""
    names = (settings.topic(topics.EVENTS), settings.topic(topics.DEAD_LETTERS))
    return {name: len(await partitions_of(settings, name)) for name in names}


async def serve_pages(
    settings: Settings, counts: IntakeCounts, live: Check, ready: Check
) -> tuple[Pages, int]:
    """/metrics, /healthz and /readyz, and their port. Raises AccessError, PagesError."""
    access = pages_access(settings)
    pages = Pages(counts.families, settings.host, settings.port, live, ready, access)
    return pages, await pages.start()


def stop_event() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def told(error: Exception) -> str:
    """What to say of one of EXPECTED."""
    return denied(error) or str(error) or type(error).__name__
