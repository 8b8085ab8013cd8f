"""The adapters of platforms: every module here defines one `PLATFORM`, but those named _so."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from streams.sources.adapter import Platform


def _found() -> dict[str, Platform]:
    platforms: dict[str, Platform] = {}
    for module in sorted(iter_modules(__path__), key=lambda each: each.name):
        if module.name.startswith("_"):
            continue
        platform = import_module(f"{__name__}.{module.name}").PLATFORM
        platforms[platform.name] = platform
    return platforms


PLATFORMS: dict[str, Platform] = _found()
