"""How a process of a stream is set up: its event loop and its garbage collector."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")

# A batch makes some 100,000 objects that all die with it, none of them in a cycle. With Python's
# default of 700 the collector walks the live ones hundreds of times a batch to find nothing: a
# third of all CPU time; above what one batch holds at once it has next to nothing to do
# (tests/bench/README.md).
_GC_THRESHOLDS = (200_000, 20, 50)


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """`asyncio.run` on uvloop, where there is one, in a process set up for a stream."""
    with contextlib.suppress(ImportError):
        import uvloop

        uvloop.install()
    gc.collect()
    gc.freeze()  # what was imported stays, and need not be looked at again
    gc.set_threshold(*_GC_THRESHOLDS)
    return asyncio.run(main)
