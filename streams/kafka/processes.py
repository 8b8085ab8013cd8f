"""Server processes of ours: free ports, who owns one, tied to us, ended by id."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"

# The child asks the kernel to kill it when its parent dies, then becomes the broker: same process
# id, and the setting survives exec. Done in a fresh interpreter and not in a preexec_fn, which may
# deadlock when the parent has threads (a worker has several).
_LAUNCHER = """
import os, sys
parent, argv = int(sys.argv[1]), sys.argv[2:]
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
    if os.getppid() != parent:  # died before the request was made
        os._exit(1)
try:
    os.execv(argv[0], argv)
except OSError as error:
    sys.exit(f"cannot run {argv[0]}: {error.strerror}")
"""

_LISTEN = "0A"  # TCP_LISTEN in /proc/net/tcp


def free_loopback_ports(count: int) -> list[int]:
    """Return different TCP ports that nothing listens on at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def owns_port(pid: int, port: int) -> bool:
    """Tell whether process `pid` holds the listening socket of `port`; False if that is unknown.

    Reads Linux's /proc: the socket's inode in net/tcp must be among the process's open files.
    """
    inodes = set()
    for table in ("tcp", "tcp6"):  # a JVM listens on 127.0.0.1 through an IPv6 socket
        try:
            lines = Path("/proc/net", table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            try:
                if os.readlink(entry.path) in inodes:
                    return True
            except OSError:  # closed since it was listed
                continue
    except OSError:
        return False
    return False


def spawn_tied(
    argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Run `argv` (an absolute path first) so that it dies with this process; output goes to `log`.

    The tie is to the calling *thread* (that is how Linux defines it): call from one that lives as
    long as the child should. The child has its own session, so Ctrl-C in the terminal reaches the
    parent only, which can then finish its work before it stops the child.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # Away from the user's directory: tansu reads a .env file there and in its parents.
            cwd="/",
            env=dict(env) if env is not None else None,
        )


def stop_process(process: subprocess.Popen[bytes], timeout_s: float) -> None:
    """Terminate `process`, kill it after `timeout_s`, and reap it; nothing if it is dead."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def log_tail(path: Path, lines: int = 8) -> str:
    """Return the last `lines` lines of a log, or a note that it has none."""
    try:
        text = path.read_text(errors="replace").strip()
    except OSError as error:
        return f"(no log: {error.strerror})"
    return "\n".join(text.splitlines()[-lines:]) or "(the log is empty)"
