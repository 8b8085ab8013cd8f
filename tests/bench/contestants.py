"""Who takes part: each a module of this folder, run as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from streams.kafka.processes import spawn_tied, stop_process
from tests.bench.contestant import Cost, Task
from tests.bench.latency import Latency, Paced

Job = Literal["floor", "baton", "peer"]
REPO = Path(__file__).resolve().parents[2]
PEERS = REPO / ".venv-bench" / "bin" / "python"
FLINK = REPO / ".venv-flink" / "bin" / "python"
_TIMEOUT_S = 900.0


@dataclass(frozen=True, slots=True)
class Contestant:
    """One row of the report.

    `job` says what it is held to: Baton and peers to the oracle, the floor to nothing. `at_most` is
    how many of the log's events it gets, where it is slow. Who `bills` is given the contract with
    its prices.
    """

    name: str
    title: str
    module: str
    job: Job
    changes: dict[str, Any] = field(default_factory=dict)
    python: Path = Path(sys.executable)
    at_most: int = 10**9
    bills: bool = False

    @property
    def needs_transactions(self) -> bool:
        """Whether the broker has to have them."""
        return self.changes.get("guarantee") == "exactly-once"


CONTESTANTS = (
    Contestant("floor", "floor: aiokafka getmany + orjson.loads", "floor", "floor"),
    Contestant(
        "floor-changelog",
        "floor + a changelog record for each key a batch touches",
        "floor",
        "floor",
        {"changelog": True},
    ),
    Contestant("alo-memory", "Baton, at-least-once, tables in memory", "pipeline", "baton"),
    Contestant(
        "eos-memory",
        "Baton, exactly-once, tables in memory",
        "pipeline",
        "baton",
        {"guarantee": "exactly-once"},
    ),
    Contestant(
        "alo-disk",
        "Baton, at-least-once, tables on disk",
        "pipeline",
        "baton",
        {"state_dir": "state"},
    ),
    Contestant(
        "eos-disk",
        "Baton, exactly-once, tables on disk",
        "pipeline",
        "baton",
        {"guarantee": "exactly-once", "state_dir": "state"},
    ),
    Contestant(
        "alo-billing",
        "Baton, at-least-once, tables in memory, and billing",
        "pipeline",
        "baton",
        bills=True,
    ),
    Contestant("bytewax", "Bytewax, recovery store", "bytewax_flow", "peer", python=PEERS),
    Contestant("quix", "Quix Streams, RocksDB and changelogs", "quix", "peer", python=PEERS),
    Contestant(
        "flink",
        "PyFlink, RocksDB and checkpoints",
        "pyflink_job",
        "peer",
        python=FLINK,
        at_most=50_000,
    ),
    Contestant("faust", "stock Faust", "stock_faust", "peer", at_most=20_000),
)


NAMES = tuple(contestant.name for contestant in CONTESTANTS)


@contextmanager
def process_of(
    python: Path, module: str, arguments: Iterable[msgspec.Struct], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A module's process, ended by its own id whatever happens here; it writes to `log`."""
    process = spawn_tied(
        [
            *(str(python), "-m", f"tests.bench.{module}"),
            *(msgspec.json.encode(argument).decode() for argument in arguments),
        ],
        log=log,
        env={**os.environ, "PYTHONPATH": str(REPO)},
    )
    try:
        yield process
    finally:
        stop_process(process, 20.0)


def cost_of(contestant: Contestant, task: Task) -> Cost:
    """Run one contestant to its end. Raises RuntimeError where it failed, with its last words."""
    _run(contestant.python, contestant.module, task)
    return msgspec.json.decode(Path(task.result).read_bytes(), type=Cost)


def latency_of(contestant: Contestant, task: Task, paced: Paced) -> Latency:
    """Run one contestant at a steady load. Raises RuntimeError as `cost_of` does."""
    _run(contestant.python, "latency", task, paced)
    return msgspec.json.decode(Path(task.result).read_bytes(), type=Latency)


def _run(python: Path, module: str, task: Task, *more: msgspec.Struct) -> None:
    log = Path(task.result).with_suffix(".log")
    with process_of(python, module, (task, *more), log) as process:
        try:
            code = process.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            code = -1
    if code:
        raise RuntimeError(
            f"tests.bench.{module} ended with code {code}; it said last:\n"
            + "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        )
