"""`baton source run` and `baton source serve` as processes, and canonical events to give them."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from streams.domain.facts import rfc3339
from streams.kafka.processes import spawn_tied
from tests.worker_process import Metrics, await_that, environment

START_MS = 1_780_000_000_000
_HOOKS = re.compile(r"hooks on (http://[^/]+/hooks/)")
_METRICS = re.compile(r"metrics on (http://[^/]+)/metrics")


def canonical_events(count: int, conversations: int = 50) -> Iterator[dict[str, Any]]:
    """Different events of some conversations, in time order."""
    for number in range(count):
        conversation = f"c-{number % conversations}"
        yield {
            "specversion": "1.0",
            "id": f"e-{number}",
            "source": "/tests/bot",
            "type": "baton.ai.turn",
            "time": rfc3339(START_MS + number * 100),
            "data": {
                "contract": "telco-2026",
                "conversation_id": conversation,
                "channel": "chat",
                "model": "m-1",
            },
        }


class IntakeProcess:
    """One of the commands; dies with the test's thread."""

    def __init__(self, command: str, *argv: str, log: Path, env: Mapping[str, str]) -> None:
        self.log = log
        self.process: subprocess.Popen[bytes] = spawn_tied(
            [sys.executable, "-m", "streams", "source", command, *argv, "--port", "0"],
            log=log,
            env=environment() | dict(env),
        )

    @property
    def output(self) -> str:
        """What it has said."""
        return self.log.read_text()

    def hooks(self) -> str:
        """The address of its hooks, up to their names, once it says so."""
        return self._said(_HOOKS)

    def metrics(self) -> Metrics:
        """A scrape."""
        with urllib.request.urlopen(f"{self._said(_METRICS)}/metrics", timeout=10) as answer:
            return Metrics(answer.read().decode())

    def kill(self) -> None:
        """SIGKILL: nothing is finished, committed or said."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, within_s: float = 30.0) -> int:
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        return self.process.wait(within_s)

    def must_run(self) -> None:
        """Raises AssertionError where it has ended by itself."""
        assert self.process.poll() is None, self.output[-3000:]

    def _said(self, what: re.Pattern[str]) -> str:
        def found() -> re.Match[str] | None:
            self.must_run()
            return what.search(self.output)

        await_that(found, "the line that names the address")
        match = found()
        assert match is not None
        return match[1]
