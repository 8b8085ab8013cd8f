"""The network of the fault matrix: whole, cut, swallowing, late."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from streams.kafka.processes import LOOPBACK, free_loopback_ports
from tests.chaos.proxy import Proxy

ANSWER_S = 5.0
# How long nothing must come for it to be held back: a wrong proxy answers in less.
SILENCE_S = 0.2


def _echo(listener: socket.socket) -> None:
    while True:
        with contextlib.suppress(OSError):
            link, _ = listener.accept()
            threading.Thread(target=_answer, args=(link,), daemon=True).start()
            continue
        return


def _answer(link: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := link.recv(1024):
            link.sendall(data)


@pytest.fixture
def proxy() -> Iterator[tuple[Proxy, int]]:
    front, behind = free_loopback_ports(2)
    with socket.create_server((LOOPBACK, behind)) as listener:
        threading.Thread(target=_echo, args=(listener,), daemon=True).start()
        running = Proxy([(front, behind)])
        running.start()
        yield running, front
        running.stop()
        listener.shutdown(socket.SHUT_RDWR)


def connected(port: int) -> socket.socket:
    return socket.create_connection((LOOPBACK, port), ANSWER_S)


def says(link: socket.socket, text: bytes) -> bytes:
    link.sendall(text)
    return link.recv(1024)


def is_dropped(link: socket.socket) -> bool:
    try:
        return link.recv(1024) == b""
    except ConnectionError:
        return True


def is_silent(link: socket.socket) -> bool:
    link.settimeout(SILENCE_S)
    try:
        link.recv(1024)
    except TimeoutError:
        return True
    finally:
        link.settimeout(ANSWER_S)
    return False


def test_a_whole_network_passes_everything_on(proxy: tuple[Proxy, int]) -> None:
    with connected(proxy[1]) as link:
        assert says(link, b"hello") == b"hello"


def test_a_cut_drops_what_is_connected_and_what_connects(proxy: tuple[Proxy, int]) -> None:
    network, port = proxy
    with connected(port) as link:
        assert says(link, b"hello") == b"hello"
        network.become("cut")
        assert is_dropped(link)
    with connected(port) as link:
        assert is_dropped(link)
    network.become("whole")
    with connected(port) as link:
        assert says(link, b"again") == b"again"


def test_a_swallowing_network_keeps_connections_and_drops_them_only_when_it_is_whole(
    proxy: tuple[Proxy, int],
) -> None:
    network, port = proxy
    with connected(port) as link:
        assert says(link, b"hello") == b"hello"
        network.become("swallow")
        link.sendall(b"gone")
        with connected(port) as later:
            later.sendall(b"gone")
            assert is_silent(link)
            assert is_silent(later)
            network.become("whole")
            assert is_dropped(link)
            assert is_dropped(later)


def test_a_stalled_network_delivers_late(proxy: tuple[Proxy, int]) -> None:
    network, port = proxy
    with connected(port) as link:
        assert says(link, b"hello") == b"hello"
        network.become("stall")
        link.sendall(b"late")
        assert is_silent(link)
        network.become("whole")
        assert link.recv(1024) == b"late"
