"""What became of events: counted, and told to whoever asked to be told."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Literal, NamedTuple

log = logging.getLogger("baton.emit")

Cause = Literal["invalid", "full", "refused", "unreachable", "lost", "closed"]


class Problem(NamedTuple):
    """Something that kept an event from arriving. `message` never holds what the event said.

    cause  invalid: not canonical, never sent; full: the buffer was; refused: by the receiver;
           unreachable: a batch is tried again; lost: not sent when it ended; closed: came after
    """

    cause: Cause
    type: str
    message: str


class EmitError(ValueError):
    """What a strict client raises for an event that is not canonical."""


class Stats(NamedTuple):
    """Counts since the start: every accepted event has arrived, was refused or lost, or is held."""

    accepted: int
    arrived: int
    invalid: int
    full: int
    refused: int
    lost: int
    retries: int
    callback_errors: int
    held: int


class Account:
    """Counts of one client, from any thread."""

    def __init__(self, on_problem: Callable[[Problem], None] | None) -> None:
        self._on_problem = on_problem
        self._counting = threading.Lock()
        self._counts = dict.fromkeys(Stats._fields, 0)

    def stats(self, held: int) -> Stats:
        """The counts; `held` are events that wait now."""
        with self._counting:
            return Stats(**{**self._counts, "held": held})

    def count(self, what: str, by: int = 1) -> None:
        """Add to one of Stats' counts."""
        with self._counting:
            self._counts[what] += by

    def tell(self, problem: Problem) -> None:
        """Hand a problem to the callback, whose own errors are counted."""
        log.debug("%s %s: %s", *problem)
        if self._on_problem is None:
            return
        try:
            self._on_problem(problem)
        except Exception:
            self.count("callback_errors")

    def forget(self) -> None:
        """In a process that was forked off: who held the lock stayed behind."""
        self._counting = threading.Lock()
