"""Who takes part: each a module of this folder, run as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from streams.kafka.processes import stop_process
from tests.bench.contestant import Cost, Task

Job = Literal["floor", "baton", "peer"]
REPO = Path(__file__).resolve().parents[2]
PEERS = Path("/tmp/peers/qb/bin/python")
FLINK = REPO / ".venv-bench-flink" / "bin" / "python"
_TIMEOUT_S = 1800.0


@dataclass(frozen=True, slots=True)
class Contestant:
    """One row of the report.

    `job` says what it is held to: Baton and peers to the oracle; the floor and two counters to
    nothing. `share` is the part of the events that it gets, where it is slow.
    """

    name: str
    title: str
    module: str
    job: Job
    changes: dict[str, Any] = field(default_factory=dict)
    python: Path = Path(sys.executable)
    share: float = 1.0

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
    Contestant("bytewax", "Bytewax, recovery store", "bytewax_flow", "peer", python=PEERS),
    Contestant(
        "quix", "Quix Streams, RocksDB and changelogs", "quix", "peer", python=PEERS
    ),
    Contestant("faust", "stock Faust", "stock_faust", "peer", share=0.05),
)


@contextmanager
def process_of(contestant: Contestant, task: Task, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A contestant's process, ended by its own id whatever happens here; it writes to `log`."""
    command = [str(contestant.python), "-m", f"tests.bench.{contestant.module}"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, msgspec.json.encode(task).decode()],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=REPO,
        )
        try:
            yield process
        finally:
            stop_process(process, 20.0)


def cost_of(contestant: Contestant, task: Task) -> Cost:
    """Run one contestant to its end. Raises RuntimeError where it failed, with its last words."""
    log = Path(task.result).with_suffix(".log")
    with process_of(contestant, task, log) as process:
        code = process.wait(_TIMEOUT_S)
    if code:
        raise RuntimeError(
            f"tests.bench.{contestant.module} ended with code {code}; it said last:\n"
            + "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        )
    return msgspec.json.decode(Path(task.result).read_bytes(), type=Cost)
