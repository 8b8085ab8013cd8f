"""Real Apache Kafka (KRaft) on loopback, from the jars that Maven fetches once.

The tests that prove restart, recovery, rebalance and exactly-once run against this and not
against the embedded broker, whose offsets and transactions are not Kafka's.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import signal
import socket
import struct
import subprocess
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from streams.kafka.processes import (
    LOOPBACK,
    free_loopback_ports,
    owns_port,
    spawn_tied,
    stop_process,
)

_POLL_S = 0.05
_MAVEN_TIMEOUT_S = 600

_LOG4J = """\
status = error
appender.stdout.type = Console
appender.stdout.name = STDOUT
appender.stdout.layout.type = PatternLayout
appender.stdout.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = info
rootLogger.appenderRef.stdout.ref = STDOUT
"""


class KafkaSetupError(RuntimeError):
    """Apache Kafka cannot be run here; the message says what is missing or what went wrong."""


def resolve_kafka_lib(root: Path) -> Path:
    """Return the folder with Kafka's jars under `root`/.kafka, fetched with Maven when needed.

    Raises KafkaSetupError when java or mvn is missing or Maven fails.
    """
    for program, package in (("java", "a Java 17 runtime"), ("mvn", "Maven 3")):
        if shutil.which(program) is None:
            raise KafkaSetupError(
                f"`{program}` is not on PATH: the Kafka tests run real Apache Kafka and need "
                f"{package} (Debian: apt-get install openjdk-17-jre-headless maven)"
            )
    pom = root / "deploy" / "kafka" / "pom.xml"
    cache, wanted = root / ".kafka", hashlib.sha256(pom.read_bytes()).hexdigest()
    lib, stamp = cache / "lib", cache / "lib" / "pom.sha256"
    cache.mkdir(exist_ok=True)
    (cache / ".gitignore").write_text("*\n")
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once must not write over each other
        if stamp.exists() and stamp.read_text() == wanted:
            return lib
        shutil.rmtree(lib, ignore_errors=True)  # jars of another version must not stay beside
        command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
        try:
            done = subprocess.run(
                [*command, f"-DoutputDirectory={lib}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=_MAVEN_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise KafkaSetupError(f"Maven took over {_MAVEN_TIMEOUT_S} s: {command}") from error
        if done.returncode != 0:
            raise KafkaSetupError(f"Maven could not fetch Kafka's jars:\n{done.stdout[-2000:]}")
        stamp.write_text(wanted)  # last, so that a folder left half filled is fetched again
    return lib


class ApacheKafka:
    """A cluster of n real Apache Kafka brokers (KRaft combined mode) on loopback ports."""

    def __init__(
        self,
        *,
        brokers: int = 1,
        workdir: Path,
        lib: Path | None = None,
        properties: dict[str, str] | None = None,
        listeners: Mapping[str, str] | None = None,
        scram_users: Mapping[str, str] | None = None,
        fronted: bool = False,
    ) -> None:
        """Describe the cluster; `properties` are added to every broker's own, and win.

        `listeners` are more of them for clients, by name in capitals: the security protocol;
        `scram_users` are passwords by user, for SCRAM-SHA-256 and SCRAM-SHA-512. `fronted`: each
        broker listens once more, and says of that listener that it is to be reached at a port
        where the test puts something in between (see `fronts`).
        """
        self._count = brokers
        self._workdir = workdir.absolute()
        self._lib = lib
        self._extra = properties or {}
        self._listeners = dict(listeners or {})
        self._scram_users = scram_users or {}
        self._fronted = fronted
        self._ports: list[int] = []
        self._client_ports: dict[str, list[int]] = {}
        self.fronts: list[tuple[int, int]] = []
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def bootstrap(self) -> str:
        """The "host:port,..." of all brokers, dead ones included."""
        return ",".join(f"{LOOPBACK}:{port}" for port in self._ports)

    def bootstrap_of(self, listener: str) -> str:
        """The "host:port,..." of one of the further listeners."""
        return ",".join(f"{LOOPBACK}:{port}" for port in self._client_ports[listener])

    @property
    def fronted_bootstrap(self) -> str:
        """The "host:port,..." of what stands in front of the brokers."""
        return ",".join(f"{LOOPBACK}:{front}" for front, _ in self.fronts)

    def port(self, i: int) -> int:
        """Return the port of broker `i`, which nothing stands in front of."""
        return self._ports[i]

    def pid(self, i: int) -> int:
        """Return the process id of broker `i` (node ids are 0 to n-1)."""
        return self._processes[i].pid

    def log_path(self, i: int) -> Path:
        """Return the log of broker `i`."""
        return self._workdir / f"broker-{i}.log"

    def start(self, timeout_s: float = 90) -> None:
        """Format the storage, start every broker, return when each lists all as alive.

        Call from the main thread: the brokers die with the thread that starts them. Raises
        KafkaSetupError when a broker ends or the cluster is not complete in time.
        """
        self._lib = self._lib or resolve_kafka_lib(Path(__file__).resolve().parents[2])
        self._workdir.mkdir(parents=True, exist_ok=True)
        (self._workdir / "log4j2.properties").write_text(_LOG4J)
        many = 4 + len(self._listeners)
        numbers = free_loopback_ports(many * self._count)
        groups = [numbers[at::many] for at in range(many)]
        self._ports, controllers, fronts, behind, *others = groups
        self._client_ports = dict(zip(self._listeners, others, strict=True))
        if self._fronted:
            self.fronts = list(zip(fronts, behind, strict=True))
        deadline = time.monotonic() + timeout_s
        try:
            for i in range(self._count):
                self._write_properties(i, controllers)
            self._format_storage(deadline)
            for i in range(self._count):
                self._launch(i)
            self._await_members(set(range(self._count)), deadline)
        except BaseException:  # an interrupt too must not leave brokers behind
            self.stop(timeout_s=0)
            raise

    def kill(self, i: int) -> None:
        """SIGKILL broker `i` and wait until it is gone."""
        self._processes[i].send_signal(signal.SIGKILL)
        self._processes[i].wait()

    def restart(self, i: int, timeout_s: float = 90) -> None:
        """Start broker `i` again on its data (stopped first if alive); return when it is a member.

        After a kill that takes broker.session.timeout.ms more: until then the controller holds
        the dead one's registration and refuses the new one. Raises KafkaSetupError when it ends
        or is not back in time.
        """
        stop_process(self._processes[i], timeout_s)
        self._launch(i)
        self._await_members({i}, time.monotonic() + timeout_s)

    def restart_all(self, timeout_s: float = 90) -> None:
        """Start every broker again on its data (killed first); return when each lists all."""
        for i in self._processes:
            self.kill(i)
        for i in range(self._count):
            self._launch(i)
        self._await_members(set(range(self._count)), time.monotonic() + timeout_s)

    def stop(self, timeout_s: float = 15) -> None:
        """Terminate every broker, kill what is left after `timeout_s`; harmless when repeated."""
        alive = [each for each in self._processes.values() if each.poll() is None]
        for each in alive:  # all at once: one that waits for a quorum would wait its full time
            each.terminate()
        deadline = time.monotonic() + timeout_s
        for each in alive:
            stop_process(each, max(0.0, deadline - time.monotonic()))

    def __enter__(self) -> ApacheKafka:
        """Start the cluster."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the cluster."""
        self.stop()

    def _file(self, i: int) -> Path:
        return self._workdir / f"broker-{i}.properties"

    def _write_properties(self, i: int, controllers: list[int]) -> None:
        replicas = min(3, self._count)
        protocols = {"BROKER": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"} | self._listeners
        ports = {"BROKER": self._ports[i]}
        ports |= {name: numbers[i] for name, numbers in self._client_ports.items()}
        reached = ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in ports.items())
        values: dict[str, Any] = {
            "node.id": i,
            "process.roles": "broker,controller",
            "listeners": f"{reached},CONTROLLER://{LOOPBACK}:{controllers[i]}",
            "advertised.listeners": reached,
            "listener.security.protocol.map": ",".join(
                f"{name}:{protocol}" for name, protocol in protocols.items()
            ),
            "inter.broker.listener.name": "BROKER",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": ",".join(
                f"{n}@{LOOPBACK}:{port}" for n, port in enumerate(controllers)
            ),
            "log.dirs": self._workdir / f"data-{i}",
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": 0,
            "default.replication.factor": replicas,
            # One of three may die: a write needs two. Two brokers survive no death either way.
            "min.insync.replicas": 2 if replicas == 3 else 1,
            "message.max.bytes": 2 * 1024 * 1024,
            "replica.fetch.max.bytes": 2 * 1024 * 1024,
            # The defaults (9 s) make every failover test wait; much lower and a busy two-core
            # machine loses brokers that are well.
            "broker.session.timeout.ms": 5000,
            "broker.heartbeat.interval.ms": 500,
            # Small: the defaults (50 partitions, 128 MiB for the cleaner) are for servers.
            "num.network.threads": 2,
            "num.io.threads": 2,
            "background.threads": 2,
            "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
            "log.cleaner.backoff.ms": 1_000,
        }
        for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
            values[f"{topic}.num.partitions"] = 4
            values[f"{topic}.replication.factor"] = replicas
        for topic in ("transaction.state.log", "share.coordinator.state.topic"):
            values[f"{topic}.min.isr"] = 2 if replicas == 3 else 1
        if self._fronted:
            front, behind = self.fronts[i]
            for name, port in (("listeners", behind), ("advertised.listeners", front)):
                values[name] = f"{values[name]},FRONTED://{LOOPBACK}:{port}"
            values["listener.security.protocol.map"] += ",FRONTED:PLAINTEXT"
        lines = [f"{name}={value}" for name, value in (values | self._extra).items()]
        self._file(i).write_text("\n".join(lines) + "\n")

    def _java(self, *arguments: str) -> list[str]:
        java = shutil.which("java")
        if java is None:
            raise KafkaSetupError("`java` is not on PATH")
        return [
            java,
            "-Xmx384m",
            "-XX:+UseSerialGC",  # two cores and a small heap: no collector threads
            "-XX:TieredStopAtLevel=1",
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={self._workdir / 'log4j2.properties'}",
            "-cp",
            f"{self._lib}/*",
            *arguments,
        ]

    def _format_storage(self, deadline: float) -> None:
        cluster = uuid.uuid4().hex[:22]
        users = [
            f"--add-scram={mechanism}=[name={user},password={password}]"
            for user, password in self._scram_users.items()
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        ]
        tool = self._java("kafka.tools.StorageTool", "format", "-t", cluster, *users, "-c")
        log = self._workdir / "format.log"
        for i in range(self._count):
            process = spawn_tied([*tool, str(self._file(i))], log=log)
            try:
                code = process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                code = -1
            finally:
                stop_process(process, 0)
            if code != 0:
                raise KafkaSetupError(f"formatting broker {i} failed:\n{_last_words(log)}")

    def _launch(self, i: int) -> None:
        command = self._java("kafka.Kafka", str(self._file(i)))
        self._processes[i] = spawn_tied(command, log=self.log_path(i))

    def _await_members(self, wanted: set[int], deadline: float) -> None:
        """Wait until each broker in `wanted` owns its port and lists all of `wanted` as alive.

        A broker is listed only once an elected controller has registered and unfenced it.
        """
        for i in sorted(wanted):
            process, port = self._processes[i], self._ports[i]
            while not (owns_port(process.pid, port) and wanted <= _live_brokers(port)):
                code = process.poll()
                late = time.monotonic() > deadline
                if code is not None or late:
                    what = "is not a member of the cluster in time" if code is None else "ended"
                    raise KafkaSetupError(
                        f"Kafka broker {i} on port {port} {what} (exit code {code}); its log "
                        f"{self.log_path(i)} ends:\n{_last_words(self.log_path(i))}"
                    )
                time.sleep(_POLL_S)


def _last_words(log: Path, lines: int = 15) -> str:
    """Return the end of a log without the frames of Java's stack traces, which bury the reason."""
    text = log.read_text(errors="replace") if log.exists() else ""
    told = [line for line in text.splitlines() if not line.startswith("\tat ")]
    return "\n".join(told[-lines:]) or "(the log is empty)"


def _live_brokers(port: int) -> set[int]:
    """Return the node ids that the broker on `port` lists as alive; empty while it is silent."""
    # Metadata v1 for no topics: api key 3, version 1, correlation id 1, client id, empty array.
    body = struct.pack(">hhih5si", 3, 1, 1, 5, b"baton", 0)
    with (
        contextlib.suppress(OSError, struct.error),
        socket.create_connection((LOOPBACK, port), timeout=2) as client,
    ):
        client.sendall(struct.pack(">i", len(body)) + body)
        (size,) = struct.unpack(">i", client.recv(4, socket.MSG_WAITALL))
        answer = client.recv(size, socket.MSG_WAITALL)
        nodes, at = set(), 8  # after the correlation id and the number of brokers
        for _ in range(struct.unpack_from(">i", answer, 4)[0]):
            node, host = struct.unpack_from(">ih", answer, at)
            at += 6 + host + 4
            (rack,) = struct.unpack_from(">h", answer, at)
            at += 2 + max(0, rack)
            nodes.add(node)
        return nodes
    return set()
