"""What a run was measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("faust-streaming", "aiokafka", "msgspec", "orjson", "rocksdict", "uvloop")


def machine(partitions: int) -> dict[str, str]:
    """Processor, system and versions, by what they are called in a report."""
    return {
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "load when it began": f"{os.getloadavg()[0]:.2f}",
        "system": platform.platform(),
        "Python": platform.python_version(),
        "packages": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
        "partitions": str(partitions),
    }


def processor() -> str:
    """The processor's name, as the system knows it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
