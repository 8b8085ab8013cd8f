"""`baton worker` as a process, its pages, and waiting for what it does."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from streams.kafka.processes import log_tail, spawn_tied

REPO = Path(__file__).resolve().parents[1]
POLL_S = 0.05
# What a worker must be told of the embedded broker.
EMBEDDED = ("--no-idempotence", "--guarantee", "at-least-once")
_SERVES = re.compile(r"metrics on (http://[^/]+)/metrics")


class NotInTime(AssertionError):
    """What a test waited for did not come; the message says what, and how the workers' logs end."""


def await_that(condition: Callable[[], object], what: str, within_s: float = 60.0) -> None:
    """Return once the condition holds. Raises NotInTime."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise NotInTime(f"not within {within_s:.0f} s: {what}")
        time.sleep(POLL_S)


class Metrics:
    """One scrape of a worker."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self._samples: defaultdict[str, list[Sample]] = defaultdict(list)
        for family in self.families.values():
            for sample in family.samples:
                self._samples[sample.name].append(sample)

    def series(self, name: str) -> list[Sample]:
        """All samples of one name, in the order of the exposition."""
        return self._samples[name]

    def total(self, name: str, **labels: str) -> float:
        """The sum over the samples that carry these labels; 0 where there is none."""
        wanted = labels.items()
        return sum(each.value for each in self.series(name) if wanted <= each.labels.items())

    def partitions(self, name: str) -> set[int]:
        """The values of the label `partition`."""
        return {int(sample.labels["partition"]) for sample in self.series(name)}


class WorkerProcess:
    """`baton worker` as a process of its own; dies with the test's thread.

    `program` runs the command line given to it: Python's own options, for a test that prepares it.
    `env` is added to its environment.
    """

    def __init__(
        self,
        argv: Sequence[str],
        log: Path,
        program: Sequence[str] = ("-m", "streams"),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        self._ended = False
        self.process: subprocess.Popen[bytes] = spawn_tied(
            [sys.executable, *program, "worker", *argv],
            log=log,
            env=environment() | (env or {}),
        )

    @property
    def output(self) -> str:
        """What it has written to stdout and stderr."""
        return self.log.read_text()

    def url(self, page: str) -> str:
        """The address of one of its pages, once it says where it serves them."""

        def serves() -> re.Match[str] | None:
            self.must_run()
            return _SERVES.search(self.output)

        await_that(serves, "the worker's line that names its address")
        found = serves()
        assert found is not None
        return f"{found[1]}/{page}"

    def page(self, page: str) -> tuple[int, str]:
        """Status and body of a page."""
        try:
            with urllib.request.urlopen(self.url(page), timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metrics(self) -> Metrics:
        """A scrape; also before it is ready."""
        return Metrics(self.page("metrics")[1])

    def await_ready(self, within_s: float = 60.0) -> None:
        """Return once partitions are assigned and recovered. Raises NotInTime."""

        def ready() -> bool:
            self.must_run()
            return self.page("readyz")[0] == 200

        try:
            await_that(ready, "a worker that is ready", within_s)
        except NotInTime as error:
            raise NotInTime(f"{error}; its log ends:\n{log_tail(self.log, 30)}") from None

    def must_run(self) -> None:
        """Raises NotInTime where it has ended by itself: waiting for it is in vain."""
        code = self.process.poll()
        if code is not None and not self._ended:
            raise NotInTime(f"the worker ended with {code}; its log ends:\n{self.output[-3000:]}")

    def ended_by_itself(self) -> int | None:
        """The exit code of a worker that ended unasked, once: who asks starts another."""
        code = self.process.poll()
        if code is None or self._ended:
            return None
        self._ended = True
        return code

    def stop(self, within_s: float = 30.0) -> int:
        """SIGTERM; returns the exit code. Raises subprocess.TimeoutExpired."""
        self._ended = True
        self.process.terminate()
        return self.process.wait(within_s)

    def kill(self) -> None:
        """SIGKILL: nothing is finished, committed or said."""
        self._ended = True
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def environment() -> dict[str, str]:
    """The test's own, without BATON_* and with the sources in the path: workers start elsewhere.

    No wall-clock ticks: a replay brings its own.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BATON_")}
    return kept | {"PYTHONPATH": str(REPO), "BATON_TICKS": "false"}
