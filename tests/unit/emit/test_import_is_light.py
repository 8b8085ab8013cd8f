"""A bot that sends events loads no stream processor, and no client that it does not use."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import sys
import streams.emit
heavy = {"faust", "mode", "aiokafka", "aiohttp", "prometheus_client", "click", "pydantic",
         "rocksdict", "rich", "yaml", "opentelemetry"}
print(sorted(heavy & {name.split(".")[0] for name in sys.modules}))
"""


def test_importing_the_client_loads_neither_faust_nor_kafka() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
