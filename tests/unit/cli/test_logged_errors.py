"""What is logged with a traceback: what nobody foresaw, and not what the brokers answered."""

from __future__ import annotations

import subprocess
import sys

START = """
import asyncio, logging, mode
from aiokafka.errors import GroupAuthorizationFailedError
from streams.cli.options import configure_logging
configure_logging("warning")
def log(error):
    try:
        raise error
    except Exception:
        logging.getLogger("faust").exception("Got exception: %r", error)
"""
A_PART_FAILS_AT_ITS_END = """
class Part(mode.Service):
    async def on_stop(self):
        raise RuntimeError("the handler is closed")
class Whole(mode.Service):
    async def on_start(self):
        await self.add_runtime_dependency(Part())
async def run():
    whole = Whole()
    await whole.start()
    await whole.stop()
asyncio.run(run())
"""


def logged(program: str) -> list[str]:
    """The lines on stderr of a process that logs as a worker does."""
    done = subprocess.run(
        [sys.executable, "-c", START + program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stderr.splitlines()


def test_what_the_brokers_answered_is_one_line() -> None:
    (line,) = logged('log(GroupAuthorizationFailedError("baton"))')
    assert "GroupAuthorizationFailedError('baton')" in line


def test_what_nobody_foresaw_has_its_traceback() -> None:
    lines = logged('log(RuntimeError("unforeseen"))')
    assert "Traceback (most recent call last):" in lines
    assert lines[-1] == "RuntimeError: unforeseen"


def test_a_part_of_faust_that_fails_at_its_end_is_one_line() -> None:
    (line,) = logged(A_PART_FAILS_AT_ITS_END)
    assert "the handler is closed" in line
