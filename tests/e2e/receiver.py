"""Where pages arrive: an HTTP server on loopback that keeps what it was sent, and when."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request: path, Authorization header, JSON body, and when it came (s since 1970)."""

    path: str
    authorization: str
    body: dict[str, Any]
    at: float

    def alerts(self, name: str, status: str, **labels: str) -> list[dict[str, Any]]:
        """The alerts in an Alertmanager webhook's body that have this name, status and labels."""
        wanted = {"alertname": name, **labels}.items()
        return [
            alert
            for alert in self.body.get("alerts", ())
            if alert["status"] == status and wanted <= alert["labels"].items()
        ]


class Receiver:
    """What has arrived so far, in order; `url` is the server's."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.received: list[Received] = []

    def at(self, path: str) -> list[Received]:
        """What came to one path."""
        return [each for each in list(self.received) if each.path == path]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            authorization = self.headers.get("Authorization", "")
            receiver.received.append(
                Received(self.path, authorization, json.loads(body), time.time())
            )
            # PagerDuty answers 202 and this; others do not look.
            answer = b'{"status": "success", "message": "Event processed", "dedup_key": "k"}'
            self.send_response(202 if self.path == "/pagerduty" else 200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
