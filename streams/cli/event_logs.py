"""Where `baton trace` and `baton similar` read events: a file, or the live topics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click
from aiokafka.errors import KafkaError

from streams.cli.access import access_options, log_access
from streams.cli.log_source import CANONICAL, log_options, read_source
from streams.cli.options import connection_options, settings_from
from streams.cli.replay_clock import lateness_option, settle_option, tick_option
from streams.domain.contract import ContractBook
from streams.domain.governance import AccessKind
from streams.domain.ticks import interleave_ticks
from streams.domain.wire import Rejection
from streams.kafka import topics
from streams.kafka.connection import ConnectionFailed, check_connection, client_options, denied
from streams.kafka.content_modes import structured_value
from streams.kafka.outbox import partition_of
from streams.kafka.topic_reading import TopicMissing, partitions_in, read_topic
from streams.settings import Settings
from streams.trace.conversation_log import EventLog, Item
from streams.trace.model import BreachLine
from streams.trace.surroundings import BreachFinder, PublishedBreaches

_F = TypeVar("_F", bound=Callable[..., Any])
_T = TypeVar("_T")


_LONGEST_ID = 256  # as events may have it


class _Located(NamedTuple):
    number: int
    raw: bytes


class Conversation(click.ParamType):
    """A conversation's id."""

    name = "ID"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The id."""
        if not 0 < len(str(value)) <= _LONGEST_ID:
            self.fail(f"a conversation id has 1 to {_LONGEST_ID} characters", param, ctx)
        return str(value)


def event_log_options(function: _F) -> _F:
    """Add the options that say where events are: --log with those of a log, or --broker."""
    decorations = (
        click.option(
            "--log",
            "file",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            help="A log as `baton oracle` reads it; without it the topics of --broker are read.",
        ),
        log_options,
        tick_option,
        settle_option,
        lateness_option,
        click.option(
            "--broker", envvar="BATON_BROKER", default="127.0.0.1:9092", show_default=True
        ),
        click.option("--prefix", envvar="BATON_PREFIX", default="", help="Prefix of topic names."),
        connection_options,
        access_options,
    )
    for decorate in reversed(decorations):
        function = decorate(function)
    return function


def event_log_from(
    given: dict[str, Any], book: ContractBook, what: AccessKind, conversation: str
) -> EventLog:
    """What the options name, once it is told who looks at what. Raises click.ClickException where
    it cannot be had.
    """
    who = {name: given.pop(name) for name in ("principal", "purpose", "access_log")}
    file, source = given.pop("file"), given.pop("source")
    source_options, prefix = given.pop("source_options"), given.pop("prefix")
    tick_ms, settle_ms = given.pop("tick_ms"), given.pop("settle_ms")
    lateness_ms = given.pop("lateness_ms")
    if file is not None:
        log_access(None, who, what, count=1, conversation=conversation)
        return FileLog(file, source, source_options, book, (tick_ms, settle_ms, lateness_ms))
    if source != CANONICAL:
        raise click.UsageError("--source says how to read --log FILE; none is given")
    settings = settings_from({**given, "prefix": prefix})
    log = TopicLog(settings)
    log_access(settings, who, what, count=1, conversation=conversation)
    return log


class FileLog:
    """A file, with the ticks of its replay. `pace`: tick, settle, lateness (ms)."""

    def __init__(
        self,
        file: Path,
        source: str,
        source_options: tuple[str, ...],
        book: ContractBook,
        pace: tuple[int, int, int],
    ) -> None:
        self._file = file
        self._source = source
        self._options = source_options
        self._book = book
        self._tick_ms, self._settle_ms, self._lateness_ms = pace
        self._foreign: list[tuple[bytes, int | None]] | None = None

    @property
    def name(self) -> str:
        """The file's name."""
        return str(self._file)

    def partition_of(self, conversation: str) -> int:
        """There is but one."""
        return 0

    def read(self, visit: Callable[[Item], None], of: Collection[str] | None = None) -> None:
        """Show every record and tick. Raises click.ClickException with file and cause."""
        for item in self._items():
            visit(item)

    def _items(self) -> Iterator[Item]:
        located = (
            (_Located(number, raw), arrival)
            for number, (raw, arrival) in enumerate(self._records(), 1)
        )
        for one in interleave_ticks(located, interval_ms=self._tick_ms, settle_ms=self._settle_ms):
            if isinstance(one, int):
                yield Item(0, "", tick=one)
            else:
                yield Item(0, f"record {one.number}", one.raw)

    def _records(self) -> Iterator[tuple[bytes, int | None]]:
        if self._source == CANONICAL:
            yield from read_source(self._file, self._source, self._options)
            return
        # A foreign log is translated, and complained of, once.
        if self._foreign is None:
            self._foreign = list(read_source(self._file, self._source, self._options))
        yield from self._foreign

    def breaches(self, contract: str, conversation: str) -> list[BreachLine]:
        """Found by running the whole log through the stages of a worker."""
        finder = BreachFinder(self._book, self._lateness_ms, contract, conversation)
        for item in self._items():
            if item.tick is not None:
                finder.tick(item.tick)
            else:
                finder.record(item.raw)
        return finder.lines()


class TopicLog:
    """The topics of a running Baton; keyed by conversation, so that one is in one partition."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = settings.topic(topics.EVENTS)
        self._partitions = self._run(self._count())

    @property
    def name(self) -> str:
        """Topic and broker."""
        return f"topic {self._topic} of {self._settings.broker}"

    def partition_of(self, conversation: str) -> int:
        """By Kafka's default partitioner, as everybody's."""
        return partition_of(conversation.encode(), self._partitions)

    def read(self, visit: Callable[[Item], None], of: Collection[str] | None = None) -> None:
        """Show what the events topic holds. Raises click.ClickException."""
        wanted = range(self._partitions) if of is None else {self.partition_of(each) for each in of}
        self._read(self._topic, wanted, lambda record: visit(_item(record)))

    def breaches(self, contract: str, conversation: str) -> list[BreachLine]:
        """Those that `sla-breaches` still holds."""
        finder = PublishedBreaches(contract, conversation)
        topic = self._settings.topic(topics.BREACHES)
        self._read(
            topic, range(self._partitions), lambda record: finder.record(record.value or b"")
        )
        return finder.lines()

    def _read(self, topic: str, wanted: Collection[int], visit: Callable[[Any], None]) -> None:
        if wanted:
            self._run(read_topic(client_options(self._settings), topic, wanted, visit))

    async def _count(self) -> int:
        await check_connection(self._settings)
        return await partitions_in(client_options(self._settings), self._topic)

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        try:
            return asyncio.run(work)
        except (ConnectionFailed, TopicMissing, KafkaError) as error:
            why = denied(error) or str(error)
            raise click.ClickException(f"{self._settings.broker}: {why}") from None


def _item(record: Any) -> Item:
    origin = f"{record.topic}/{record.partition}@{record.offset}"
    key = record.key or b""
    try:
        return Item(record.partition, origin, structured_value(record), key)
    except Rejection as rejection:
        return Item(record.partition, origin, record.value, key, rejection=rejection)
