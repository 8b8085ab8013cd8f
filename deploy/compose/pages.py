"""Where docker-compose.yml's notifications arrive: printed, one line an alert, and answered.

Usage: python pages.py PORT
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def lines(path: str, body: dict[str, Any]) -> list[str]:
    """What one notification says: Alertmanager's webhook, PagerDuty's or Slack's body."""
    alerts = body.get("alerts")
    if alerts is None:
        summary = body.get("payload", {}).get("summary") or body.get("text", "")
        return [f"{path}: {body.get('event_action', 'message')} {summary}".rstrip()]
    return [
        f"{path}: {alert['status']} {alert['labels'].get('alertname', '')}:"
        f" {alert.get('annotations', {}).get('summary', '')}"
        for alert in alerts
    ]


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(b"pages arrive here by POST\n")

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            said = lines(self.path, json.loads(raw))
        except (ValueError, AttributeError, KeyError, TypeError):
            said = [f"{self.path}: {len(raw)} bytes that are no notification"]
        # A dead man's switch arrives every minute; it is there to be missed.
        for line in said:
            if not line.startswith("/watchdog"):
                print(line, flush=True)
        self._answer(b'{"status": "success", "message": "printed", "dedup_key": "printed"}')

    def _answer(self, body: bytes) -> None:
        self.send_response(202 if self.path == "/pagerduty" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """What matters is printed."""


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(sys.argv[1])), _Pages).serve_forever()
