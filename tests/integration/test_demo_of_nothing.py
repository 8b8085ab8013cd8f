"""`baton demo` on a log of which no record is an event of ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_log_without_a_valid_event_is_compared_and_the_demo_ends(tmp_path: Path) -> None:
    log = tmp_path / "strange.jsonl"
    log.write_text('garbage\n{"time":"2026-06-01T00:00:00Z"}\n')
    command = [sys.executable, "-m", "streams", "demo", str(log), "--once", "--port", "0"]
    ended = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "stream = oracle: identical" in ended.stdout
    assert "malformed_json 1" in ended.stdout
    assert "Traceback" not in ended.stderr
