"""`baton demo`: the main job on this machine alone, from an empty folder to a breach."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import click
from aiokafka.errors import KafkaError
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from streams.app import Worker, WorkerCrashed
from streams.cli.demo_check import Difference, compare
from streams.cli.demo_view import DemoView, breach_table, latency_table, percent, top_reasons
from streams.cli.log_source import CANONICAL, log_options, read_source
from streams.cli.options import book_from
from streams.contract_files import bundled_contract
from streams.domain.contract import ContractBook
from streams.domain.indicators import CONTAINMENT, ratio
from streams.export.pages import PagesError
from streams.kafka.admin import TopicsError, ensure_topics
from streams.kafka.embedded import BrokerStartError, EmbeddedBroker
from streams.kafka.topics import declared_topics
from streams.oracle.judge import Verdict, judge
from streams.replay import ticked
from streams.settings import Settings
from streams.sources.synthetic import SyntheticDay, write_log

HOME = Path(".baton")
EXIT_DIFFERENT = 3


class DemoError(RuntimeError):
    """The demo cannot go on; the message says why and what to do."""


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
    help="Contract to judge by; default: the bundled one (for foreign logs, the bundled real-data one).",
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
    HOME.mkdir(exist_ok=True)
    logging.basicConfig(filename=HOME / "demo.log", level="WARNING", force=True)
    default = bundled_contract("telco-2026" if source == CANONICAL else "real-data")
    book = book_from(contracts or (default,))
    if file is None:
        file = _synthetic_day(console, interactions, seed)
    settings = Settings(port=port, session_timeout=6, idempotence=False, app_id="baton-demo")
    plan = Plan(file, source, source_options, settings, once)
    try:
        with EmbeddedBroker(log_path=HOME / "broker.log") as broker:
            settings.broker = broker.bootstrap
            sys.exit(asyncio.run(_run(console, plan, book, broker)))
    except (BrokerStartError, DemoError, TopicsError, PagesError, WorkerCrashed, KafkaError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        console.print("interrupted; everything is stopped")
        sys.exit(130)


def _synthetic_day(console: Console, interactions: int, seed: int) -> Path:
    path = HOME / f"synthetic-{interactions}-{seed}.jsonl.zst"
    if not path.exists():
        with console.status(f"generating a synthetic day of {interactions:,} interactions"):
            write_log(SyntheticDay(seed=seed, interactions=interactions), path)
    return path


async def _run(console: Console, plan: Plan, book: ContractBook, broker: EmbeddedBroker) -> int:
    settings = plan.settings
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    log = await asyncio.to_thread(_read, plan)
    ticks = sum(isinstance(item, int) for item in log)
    total = len(log) - ticks + ticks * settings.partitions
    judging = asyncio.create_task(asyncio.to_thread(judge, log, book, lateness_ms=30_000))
    del log
    async with contextlib.AsyncExitStack() as running:
        specs = declared_topics(settings.prefix, settings.partitions)
        await ensure_topics(settings.broker, specs, replication=1)
        worker = Worker(settings, book)
        worker.telemetry.keep_breach_log = True
        running.push_async_callback(worker.stop)
        await worker.start()
        url = f"http://{settings.host}:{worker.port}/metrics"
        view = DemoView(worker.telemetry, total, url)
        replay = await running.enter_async_context(_replay(plan))
        verdict = await _watch(console, view, worker, broker, replay, judging, total, stop)
        if verdict is None:
            console.print("stopped before the end; nothing is left running")
            return 130
        written = worker.written()
        different = await compare(settings.broker, settings.partitions, written, verdict)
        console.print(_summary(worker, verdict, different))
        identical = all(d.identical for d in different)
        if not plan.once and not stop.is_set():
            console.print(f"metrics stay up on {url} until Ctrl-C")
            await _idle(worker, broker, stop)
        return 0 if identical else EXIT_DIFFERENT


def _read(plan: Plan) -> list[bytes | int]:
    return list(ticked(read_source(plan.file, plan.source, plan.source_options)))


@contextlib.asynccontextmanager
async def _replay(plan: Plan) -> AsyncIterator[asyncio.subprocess.Process]:
    """`baton replay` in a process of its own, so that writing does not take the worker's time."""
    options = [argument for option in plan.source_options for argument in ("--option", option)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streams", "replay", str(plan.file)),
        *("--broker", plan.settings.broker, "--source", plan.source, "--no-idempotence"),
        *("--partitions", str(plan.settings.partitions), *options),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        # Ctrl-C is ours to handle: the terminal must not end it before us.
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
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
    replay: asyncio.subprocess.Process,
    judging: asyncio.Task[Verdict],
    total: int,
    stop: asyncio.Event,
) -> Verdict | None:
    """Show the view until all is read, judged and compared; None where it was stopped before."""
    assert replay.stderr is not None
    errors = asyncio.create_task(replay.stderr.read())
    crash = asyncio.create_task(worker.run_until(stop))
    live = Live(view.render(), console=console, refresh_per_second=4, transient=not console.is_terminal)
    try:
        with live if console.is_terminal else contextlib.nullcontext():
            while not stop.is_set():
                _check(broker, crash)
                if replay.returncode:
                    said = (await errors).decode(errors="replace").strip().splitlines()
                    raise DemoError(f"the replay failed: {said[-1] if said else 'no message'}")
                read = worker.telemetry.records["lifecycle"]
                done = read >= total and worker.settled() and replay.returncode == 0
                view.note = (
                    "all is read; the oracle is still judging the same file"
                    if done
                    else "stream and oracle work on the same file; they are compared at the end"
                )
                if console.is_terminal:
                    live.update(view.render())
                if done and judging.done():
                    return await judging
                await asyncio.wait([crash], timeout=0.25)
    finally:
        crash.cancel()
        errors.cancel()
    return None


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


def _summary(worker: Worker, verdict: Verdict, different: list[Difference]) -> Group:
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
    figures.add_row("breaches opened", str(sum(r.status == "opened" for r in verdict.breaches)))
    figures.add_row("late facts", str(verdict.late_facts))
    dead = ", ".join(f"{code} {n}" for code, n in verdict.dead_letters.items())
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
        latency_table(channels), figures, breach_table(verdict.breaches, 12), check, verdict_line
    )

