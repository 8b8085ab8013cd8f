"""`baton demo`: the main job on this machine alone, from an empty folder to a breach."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import orjson
from aiokafka.errors import KafkaError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from streams.app import Worker, WorkerCrashed
from streams.cli.demo_check import Difference, compare
from streams.cli.demo_sink import PageSink
from streams.cli.demo_view import DemoView, breach_table, latency_table, percent, top_reasons
from streams.cli.ending import end_now
from streams.cli.log_source import CANONICAL, log_options, read_source
from streams.cli.options import book_from
from streams.contract_files import bundled_contract
from streams.domain.contract import ContractBook
from streams.domain.indicators import CONTAINMENT, ratio
from streams.export.pages import PagesError
from streams.kafka.admin import TopicsError, ensure_topics
from streams.kafka.embedded import BrokerStartError, EmbeddedBroker
from streams.kafka.topics import declared_topics
from streams.replay import ticked
from streams.runtime import run
from streams.settings import Settings
from streams.sources.synthetic import SyntheticDay, write_log

HOME = Path(".baton")
EXIT_DIFFERENT = 3
EXIT_INTERRUPTED = 130
_PAGED_WITHIN_S = 20.0
_WIDTH_IN_A_FILE = 120
_AT_WORK = "stream and oracle work on the same file; they are compared at the end"
_DONE = "all is read; the oracle is still judging the same file"


class DemoError(RuntimeError):
    """The demo cannot go on; the message says why and what to do."""


class _DemoSettings(Settings):
    """Those the demo says: what BATON_* says of another broker does not hold for its own."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to replay and how."""

    file: Path
    source: str
    source_options: tuple[str, ...]
    settings: Settings
    once: bool


@click.command()
@click.argument(
    "file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False
)
@log_options
@click.option(
    "--contract",
    "contracts",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Contract to judge by; default: the one that comes with Baton for this kind of log.",
)
@click.option("--interactions", type=click.IntRange(100), default=30_000, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=9464, show_default=True)
@click.option("--once", is_flag=True, help="End by itself after the comparison with the oracle.")
def demo(
    file: Path | None,
    source: str,
    source_options: tuple[str, ...],
    contracts: tuple[Path, ...],
    interactions: int,
    seed: int,
    port: int,
    once: bool,
) -> None:
    """Replay a day through a worker on an embedded broker, and hold the result against the oracle.

    FILE is a log of canonical events, or another system's with --source; without it a synthetic day
    is generated. Exit code 0: stream and oracle are identical; 3: they differ; 1: something broke.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_IN_A_FILE)
    HOME.mkdir(exist_ok=True)
    logging.basicConfig(filename=HOME / "demo.log", level="WARNING", force=True)
    bundled = bundled_contract("telco-2026" if source == CANONICAL else "real-data")
    judged_by = list(contracts) or [bundled]
    book = book_from(judged_by)
    if file is None:
        file = _synthetic_day(console, interactions, seed)
    settings = _DemoSettings(
        contract=judged_by,
        port=port,
        session_timeout=6,
        guarantee="at-least-once",
        idempotence=False,
        ticks=False,
        app_id="baton-demo",
    )
    plan = Plan(file, source, source_options, settings, once)
    try:
        with EmbeddedBroker(log_path=HOME / "broker.log") as broker:
            settings.broker = broker.bootstrap
            sys.exit(run(_run(console, plan, book, broker)))
    except (
        BrokerStartError,
        DemoError,
        TopicsError,
        PagesError,
        WorkerCrashed,
        KafkaError,
    ) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        console.print("interrupted; everything is stopped")
        sys.exit(EXIT_INTERRUPTED)


def _synthetic_day(console: Console, interactions: int, seed: int) -> Path:
    path = HOME / f"synthetic-{interactions}-{seed}.jsonl.zst"
    if not path.exists():
        with console.status(f"generating a synthetic day of {interactions:,} interactions"):
            write_log(SyntheticDay(seed=seed, interactions=interactions), path)
    return path


async def _run(console: Console, plan: Plan, book: ContractBook, broker: EmbeddedBroker) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sink = PageSink()
    plan.settings.webhook = await sink.start()
    worker = Worker(plan.settings, book)
    worker.telemetry.keep_breach_log = True
    code = 1
    try:
        code = await _replay_and_compare(console, plan, worker, broker, sink, stop)
    except (DemoError, TopicsError, PagesError, WorkerCrashed, KafkaError) as error:
        click.echo(f"Error: {error}", err=True)
    finally:
        # Whatever happened: a worker that nobody stops outlives its loop's end and holds it up.
        stopped = await worker.stop(grace_s=5)
        await sink.stop()
    if not stopped:
        broker.stop()
        end_now(code)
    return code


async def _replay_and_compare(
    console: Console,
    plan: Plan,
    worker: Worker,
    broker: EmbeddedBroker,
    sink: PageSink,
    stop: asyncio.Event,
) -> int:
    settings = plan.settings
    with console.status(f"reading {plan.file}"):
        total = await asyncio.to_thread(_records_of, plan)
    specs = declared_topics(settings.prefix, settings.partitions)
    await ensure_topics(settings.broker, specs, replication=1)
    await worker.start()
    url = f"http://{settings.host}:{worker.port}/"
    view = DemoView(worker.telemetry, total, url)
    async with _child(*_replay_command(plan)) as replay, _child(*_oracle_command(plan)) as oracle:
        said = asyncio.create_task(oracle.communicate())
        if not await _watch(console, view, worker, broker, (replay, oracle), said, total, stop):
            console.print("stopped before the end; nothing is left running")
            return EXIT_INTERRUPTED
        verdict = orjson.loads((await said)[0])
    different = await compare(settings.broker, settings.partitions, worker.written(), verdict)
    await _paged(worker, sink, stop)
    console.print(_summary(worker, sink, verdict, different))
    if not plan.once and not stop.is_set():
        console.print(f"The live page is {url} until Ctrl-C (metrics: {url}metrics)")
        console.print(_trace_hint(settings, verdict), soft_wrap=True)
        await _idle(worker, broker, stop)
    return 0 if all(d.identical for d in different) else EXIT_DIFFERENT


def _trace_hint(settings: Settings, verdict: Mapping[str, Any]) -> str:
    """How to ask why, of the last conversation that a breach names."""
    named = [one for record in verdict["breaches"] for one in record["data"]["waiting"]]
    if not named:
        return ""
    (contract,) = settings.contract[:1]
    return (
        f"Why did {named[-1]['conversation_id']} wait? baton trace --broker {settings.broker}"
        f" --contract {contract} --interaction {named[-1]['conversation_id']}"
    )


async def _paged(worker: Worker, sink: PageSink, stop: asyncio.Event) -> None:
    """Return once every breach that pages has reached the sink, or it is of no use to wait on."""
    log = worker.telemetry.breach_log
    due = sum(record.status == "opened" and record.severity == "page" for record in log)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PAGED_WITHIN_S):
            while len(sink.pages) < due and not stop.is_set():
                await asyncio.sleep(0.1)


def _records_of(plan: Plan) -> int:
    """How many records the worker will read: each once, each tick on every partition."""
    records = ticks = 0
    for item in ticked(read_source(plan.file, plan.source, plan.source_options)):
        if isinstance(item, int):
            ticks += 1
        else:
            records += 1
    return records + ticks * plan.settings.partitions


def _log_arguments(plan: Plan) -> list[str]:
    options = [argument for option in plan.source_options for argument in ("--option", option)]
    return [str(plan.file), "--source", plan.source, *options]


def _replay_command(plan: Plan) -> list[str]:
    """A process of its own, so that writing does not take the worker's time."""
    settings = plan.settings
    partitions = str(settings.partitions)
    target = ["--broker", settings.broker, "--partitions", partitions, "--no-idempotence"]
    return ["replay", *_log_arguments(plan), *target]


def _oracle_command(plan: Plan) -> list[str]:
    contracts = [
        argument for path in plan.settings.contract for argument in ("--contract", str(path))
    ]
    lateness = ["--lateness", plan.settings.lateness]
    return ["oracle", *_log_arguments(plan), *contracts, *lateness, "--format", "json"]


@contextlib.asynccontextmanager
async def _child(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A `baton` subcommand that ends with us."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streams", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={name: said for name, said in os.environ.items() if not name.startswith("BATON_")},
        # Ctrl-C is ours to handle: the terminal must not end it before us.
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _watch(
    console: Console,
    view: DemoView,
    worker: Worker,
    broker: EmbeddedBroker,
    children: tuple[asyncio.subprocess.Process, asyncio.subprocess.Process],
    said: asyncio.Task[tuple[bytes, bytes]],
    total: int,
    stop: asyncio.Event,
) -> bool:
    """Show the view until all is read and judged; False where it was stopped before."""
    replay, oracle = children
    assert replay.stderr is not None
    replay_said = asyncio.create_task(replay.stderr.read())
    crash = asyncio.create_task(worker.run_until(stop))
    live = Live(view.render(), console=console, refresh_per_second=4)
    try:
        with live if console.is_terminal else contextlib.nullcontext():
            while not stop.is_set():
                _check(broker, crash)
                if replay.returncode:
                    raise DemoError(f"the replay failed: {_last_line(await replay_said)}")
                if oracle.returncode:
                    raise DemoError(f"the oracle failed: {_last_line((await said)[1])}")
                read = worker.telemetry.records["lifecycle"]
                done = read >= total and replay.returncode == 0 and worker.settled()
                view.note = _DONE if done else _AT_WORK
                if console.is_terminal:
                    live.update(view.render())
                if done and said.done():
                    return True
                await asyncio.wait([crash], timeout=0.25)
    finally:
        crash.cancel()
        replay_said.cancel()
    return False


def _last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no message"


def _check(broker: EmbeddedBroker, crash: asyncio.Task[None]) -> None:
    code = broker.poll()
    if code is not None:
        raise DemoError(
            f"the embedded broker died (exit code {code}); its log is {HOME / 'broker.log'}"
        )
    if crash.done() and not crash.cancelled():
        crash.result()


async def _idle(worker: Worker, broker: EmbeddedBroker, stop: asyncio.Event) -> None:
    crash = asyncio.create_task(worker.run_until(stop))
    try:
        while not stop.is_set():
            _check(broker, crash)
            await asyncio.wait([crash], timeout=0.5)
    finally:
        crash.cancel()


def _summary(
    worker: Worker, sink: PageSink, verdict: Mapping[str, Any], different: list[Difference]
) -> Group:
    values = [v for w in worker.telemetry.windows.values() for v in w.values()]
    channels = [v for v in values if [n for n, _ in v.key] == ["channel"] and v.window == "24h"]
    whole = [v for v in values if not v.key and v.window == "24h"]
    figures = Table(title="The last 24 h")
    figures.add_column("figure")
    figures.add_column("value")
    for value in whole:
        for kind, indicator in CONTAINMENT.items():
            known = value.escalated_before
            share = percent(*ratio(indicator, value.counts)) if known else "unknown"
            figures.add_row(f"containment {kind}", share)
        for reason, count in top_reasons(value, 5):
            figures.add_row(f"AI failures: {reason}", str(count))
    log = worker.telemetry.breach_log
    figures.add_row("breaches opened", str(sum(record.status == "opened" for record in log)))
    figures.add_row("pages that reached the webhook", str(len(sink.pages)))
    figures.add_row("the first of them", sink.first())
    figures.add_row("late facts", str(verdict["late_facts"]))
    dead = ", ".join(f"{code} {n}" for code, n in verdict["dead_letters"].items())
    figures.add_row("dead letters", dead or "none")
    check = Table(title="Stream against oracle")
    for column in ("topic", "published", "missing", "unexpected"):
        check.add_column(column, justify="left" if column == "topic" else "right")
    for d in different:
        check.add_row(d.what, str(d.published), str(d.missing), str(d.unexpected))
    identical = all(d.identical for d in different)
    verdict_line = (
        "stream = oracle: identical"
        if identical
        else "stream and oracle DIFFER: " + next(d.example for d in different if not d.identical)
    )
    return Group(
        latency_table(channels),
        figures,
        breach_table(sorted(log, key=lambda r: r.time), 12),
        check,
        verdict_line,
    )
