"""Arguments and files of the commands that read logs: `baton replay` and `baton oracle`."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click

from streams.cli.main import cli
from streams.contract_files import bundled_contract
from streams.kafka.outbox import Outbox
from streams.replay import Progress, Replayer
from tests.fuzz.files import scratch
from tests.fuzz.messages import assert_said
from tests.fuzz.targets import acd, events

FORM = "json"
_CONTRACT = str(bundled_contract("telco-2026"))


class _Sink(Outbox):
    """Takes what a broker would take, and keeps nothing."""

    def put(self, *record: Any, **more: Any) -> None:
        pass


class _Unconnected(Replayer):
    """Writes into an outbox that only keeps."""

    async def run(self, log: Iterable[bytes | int]) -> Progress:
        outbox, progress = _Sink(None), Progress()
        for item in log:
            if isinstance(item, int):
                self._put_tick(outbox, item)
            else:
                self._put_event(outbox, item, progress.records)
                progress.records += 1
        return progress


@cache
def samples() -> tuple[bytes, ...]:
    """`{"args": [...], "file": text}`; FILE among the arguments stands for the file's path."""
    log = b"\n".join(events.samples()).decode()
    lines: list[tuple[list[str], str]] = [
        (["replay", "FILE", "--tick", "10s", "--settle", "10m", "--partitions", "4"], log),
        (["replay", "FILE", "--shuffle-seconds", "3", "--duplicate", "0.5", "--seed", "7"], log),
        (["replay", "FILE", "--speed", "100", "--prefix", "x."], log),
        (["oracle", "FILE", "--contract", _CONTRACT, "--lateness", "30s", "--format", "json"], log),
        (
            [
                *("oracle", "FILE", "--contract", _CONTRACT, "--source", "acd"),
                *("--option", "date=2026-06-01", "--option", "step_ms=10"),
                *("--option", "start=2026-06-01T00:00:00Z", "--option", "time_zone=Asia/Jerusalem"),
                *("--option", "salt=pepper", "--option", "market=IL"),
            ],
            acd.samples()[0].decode(),
        ),
    ]
    return tuple(json.dumps({"args": args, "file": text}).encode() for args, text in lines)


def check(data: bytes) -> None:
    """The command ends, or says in one line what is wrong (a ClickException)."""
    try:
        shape = json.loads(data)
        args, text = shape["args"], shape["file"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return
    if not isinstance(args, list) or args[:1] not in (["replay"], ["oracle"]):
        return
    path = scratch("cli.log", str(text).encode("utf-8", "replace"))
    with patch("streams.cli.replay.Replayer", _Unconnected):
        _run([_argument(arg, path) for arg in args])


def _argument(value: Any, path: Path) -> str:
    # What a shell can pass: no NUL; bytes that are no text arrive as surrogates.
    text = str(path) if value == "FILE" else str(value).replace("\x00", "")
    return "".join(c for c in text if not "\ud800" <= c <= "\udfff" or "\udc80" <= c <= "\udcff")


def _run(args: list[str]) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            cli.main(args, standalone_mode=False)
    except click.ClickException as error:
        # Click quotes what was typed, whatever that is; our own messages are held elsewhere.
        assert_said(error.format_message())
    except click.exceptions.Exit:
        pass
