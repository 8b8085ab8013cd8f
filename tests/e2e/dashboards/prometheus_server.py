"""A Prometheus on loopback that scrapes a worker every other second."""

from __future__ import annotations

import json
import shutil
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from streams.kafka.processes import (
    LOOPBACK,
    free_loopback_ports,
    log_tail,
    spawn_tied,
    stop_process,
)
from tests.worker_process import await_that

SCRAPE_S = 2


class QueryFailed(AssertionError):
    """Prometheus refuses a query; the message is its own."""


@dataclass(frozen=True)
class Series:
    """One series of an answer; a value that Prometheus has not is not in it."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]

    @property
    def known(self) -> bool:
        """Whether any value is a number."""
        return any(value == value for _, value in self.points)


class PrometheusServer:
    """Prometheus as a child of this thread; ended by its id. Debian: apt-get install prometheus."""

    def __init__(self, targets: Sequence[str], workdir: Path) -> None:
        """`targets` are host:port."""
        binary = shutil.which("prometheus")
        assert binary is not None
        (port,) = free_loopback_ports(1)
        self._url = f"http://{LOOPBACK}:{port}"
        self._log = workdir / "prometheus.log"
        self._data = tempfile.TemporaryDirectory(dir=workdir)
        config = workdir / "prometheus.json"
        scraped = {"job_name": "baton", "static_configs": [{"targets": list(targets)}]}
        scraping = {"scrape_interval": f"{SCRAPE_S}s", "scrape_timeout": f"{SCRAPE_S}s"}
        # JSON is YAML.
        config.write_text(json.dumps({"global": scraping, "scrape_configs": [scraped]}))
        self._process = spawn_tied(
            [
                binary,
                f"--config.file={config}",
                f"--storage.tsdb.path={self._data.name}",
                f"--web.listen-address={LOOPBACK}:{port}",
                "--log.level=warn",
            ],
            log=self._log,
        )

    def __enter__(self) -> PrometheusServer:
        try:
            await_that(self._answers, f"Prometheus: {log_tail(self._log)}", 30)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it and drop its data."""
        stop_process(self._process, 10)
        self._data.cleanup()

    def _answers(self) -> bool:
        assert self._process.poll() is None, log_tail(self._log)
        try:
            with urllib.request.urlopen(f"{self._url}/-/ready", timeout=5):
                return True
        except OSError:  # refused, or not ready yet
            return False

    def now(self, expr: str, at: float | None = None) -> list[Series]:
        """An instant query. Raises QueryFailed."""
        given = {"query": expr} | ({} if at is None else {"time": str(at)})
        return [
            Series(each["metric"], [_point(each["value"])]) for each in self._ask("query", given)
        ]

    def over(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        """A range query, seconds since 1970. Raises QueryFailed."""
        given = {"query": expr, "start": str(start), "end": str(end), "step": str(step)}
        return [
            Series(each["metric"], [_point(value) for value in each["values"]])
            for each in self._ask("query_range", given)
        ]

    def _ask(self, kind: str, given: Mapping[str, str]) -> list[Any]:
        url = f"{self._url}/api/v1/{kind}"
        body = urllib.parse.urlencode(given).encode()
        try:
            with urllib.request.urlopen(url, body, timeout=30) as answer:
                data = json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise QueryFailed(json.load(error)["error"]) from None
        # A scalar is one value without labels.
        scalar = data["resultType"] == "scalar"
        return [{"metric": {}, "value": data["result"]}] if scalar else data["result"]


def _point(pair: Sequence[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])
