"""Real receivers of OTLP, built from their own Go modules: a Collector, and a Prometheus.

The Collector is put together as OpenTelemetry's builder does, of its OTLP receiver and its
Prometheus exporter (receivers/main.go). Debian's Prometheus 2.42 takes no OTLP yet.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from streams.kafka.processes import (
    LOOPBACK,
    free_loopback_ports,
    log_tail,
    spawn_tied,
    stop_process,
)
from tests.worker_process import REPO, NotInTime, await_that

Series = tuple[str, frozenset[tuple[str, str]]]
_SOURCES = Path(__file__).parent / "receivers"
_BUILT = REPO / ".venv" / "go" / "receivers"
_BUILD_WITHIN_S = 900
# What receivers add of themselves: who sent it, and by which library.
_THEIRS = ("job", "instance", "otel_scope_")

_COLLECTOR = """\
receivers:
  otlp:
    protocols:
      http:
        endpoint: {taking}
exporters:
  prometheus:
    endpoint: {showing}
    # What is not pushed any more is gone soon after, as from a scrape.
    metric_expiration: 2s
service:
  telemetry:
    metrics:
      level: none
  pipelines:
    metrics:
      receivers: [otlp]
      exporters: [prometheus]
"""


@dataclass(frozen=True)
class Receiver:
    """One that takes metrics at `address`. `held` says what it has, by name and labels."""

    address: str
    held: Callable[[], Mapping[Series, float]]


def missing() -> str:
    """Why they cannot be built here; empty where they can."""
    return "" if shutil.which("go") else "not here: go, which builds the receivers of OTLP"


def built(name: str, package: str) -> Path:
    """A receiver's program; what has not changed comes out of Go's cache."""
    _BUILT.mkdir(parents=True, exist_ok=True)
    program = _BUILT / name
    # The service discoveries of Prometheus are most of it, and not asked for.
    command = ["go", "build", "-tags", "remove_all_sd", "-o", str(program), package]
    done = subprocess.run(
        command, cwd=_SOURCES, capture_output=True, text=True, timeout=_BUILD_WITHIN_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return program


@contextmanager
def collector(folder: Path) -> Iterator[Receiver]:
    """The OpenTelemetry Collector, whose Prometheus exporter shows what it holds."""
    taking, showing = (f"{LOOPBACK}:{port}" for port in free_loopback_ports(2))
    configuration = folder / "collector.yaml"
    configuration.write_text(_COLLECTOR.format(taking=taking, showing=showing))
    argv = [str(built("otelcol", ".")), "--config", str(configuration)]

    def held() -> Mapping[Series, float]:
        return series(_page(f"http://{showing}/metrics"))

    with _running(argv, folder / "collector.log", f"http://{showing}/metrics"):
        yield Receiver(f"http://{taking}", held)


@contextmanager
def prometheus(folder: Path) -> Iterator[Receiver]:
    """A Prometheus that takes OTLP and scrapes nobody."""
    address = f"{LOOPBACK}:{free_loopback_ports(1)[0]}"
    configuration = folder / "prometheus.yml"
    configuration.write_text("{}\n")
    argv = [
        str(built("prometheus", "github.com/prometheus/prometheus/cmd/prometheus")),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--web.enable-otlp-receiver",
        # OTLP has no word for a series that is gone; after so long without it, it is.
        "--query.lookback-delta=2s",
    ]

    def held() -> Mapping[Series, float]:
        asked = urllib.parse.urlencode({"query": '{__name__=~"baton_.+"}'})
        found = json.loads(_page(f"http://{address}/api/v1/query?{asked}"))["data"]["result"]
        return {
            _series(each["metric"]["__name__"], each["metric"]): float(each["value"][1])
            for each in found
        }

    with _running(argv, folder / "prometheus.log", f"http://{address}/-/ready"):
        yield Receiver(f"http://{address}/api/v1/otlp/v1/metrics", held)


def series(text: str) -> Mapping[Series, float]:
    """Baton's samples of a page of metrics, without labels that are empty or the receiver's."""
    return {
        _series(sample.name, sample.labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("baton_")
    }


def _series(name: str, labels: Mapping[str, str]) -> Series:
    kept = {
        # Prometheus writes whole bounds without their fraction.
        (key, str(float(value)) if key == "le" else value)
        for key, value in labels.items()
        if value and key != "__name__" and not key.startswith(_THEIRS)
    }
    return name, frozenset(kept)


def _page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


@contextmanager
def _running(argv: list[str], log: Path, page: str) -> Iterator[None]:
    process = spawn_tied(argv, log=log)

    def answers() -> bool:
        try:
            return bool(_page(page)) or True
        except (urllib.error.URLError, OSError):
            return False

    try:
        try:
            await_that(answers, f"{argv[0]} that answers", 30)
        except NotInTime as error:
            raise NotInTime(f"{error}\n{log_tail(log, 20)}") from None
        yield
    finally:
        stop_process(process, 10)
