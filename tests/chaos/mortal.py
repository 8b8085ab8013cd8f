"""A worker that kills itself at a chosen place: python -m tests.chaos.mortal PLACE worker ...

PLACE is SITE:NTH:WHEN. SITE is `flush` (outputs or changelog on their way), `commit` (offsets, or
the transaction that outputs and state are in) or `restore` (the changelog being read); WHEN is
`before`, `during` (asked for, not answered) or `after` the NTH of them. SIGKILL, as from outside:
nothing is finished or said.
"""

from __future__ import annotations

import asyncio
import functools
import os
import random
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from streams.kafka.outbox import Outbox
from streams.kafka.store import PartitionedStore
from streams.kafka.transactions import TransactionalOutbox

_ON_ITS_WAY_S = 0.004


@dataclass
class _Death:
    nth: int
    when: str
    calls: int = 0

    def due(self) -> bool:
        """Whether this call is the one."""
        self.calls += 1
        return self.calls == self.nth


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _deadly(call: Callable[..., Any], death: _Death) -> Callable[..., Any]:
    @functools.wraps(call)
    async def called(*given: Any, **named: Any) -> Any:
        if not death.due():
            return await call(*given, **named)
        if death.when == "during":
            asyncio.get_running_loop().call_later(random.uniform(0, _ON_ITS_WAY_S), _die)
        elif death.when == "before":
            _die()
        answer = await call(*given, **named)
        _die()
        return answer

    return called


def _deadly_restore(call: Callable[..., Any], death: _Death) -> Callable[..., Any]:
    @functools.wraps(call)
    def called(*given: Any, **named: Any) -> Any:
        due = death.due()
        if due and death.when == "before":
            _die()
        answer = call(*given, **named)
        if due:
            _die()
        return answer

    return called


def prepare(site: str, nth: int, when: str) -> None:
    """Change the classes that do it; of those that a worker's mode does not use nothing comes."""
    death = _Death(nth, when)
    if site == "flush":
        for outbox in (Outbox, TransactionalOutbox):
            outbox.flush = _deadly(outbox.flush, death)  # type: ignore[method-assign]
    elif site == "commit":
        for owner, name in (
            (AIOKafkaConsumer, "commit"),
            (AIOKafkaProducer, "commit_transaction"),
        ):
            setattr(owner, name, _deadly(getattr(owner, name), death))
    elif site == "restore":
        apply = _deadly_restore(PartitionedStore.apply, death)
        PartitionedStore.apply = apply  # type: ignore[method-assign]
    else:
        raise ValueError(f"no such place to die: {site}")


if __name__ == "__main__":
    told, number, moment = sys.argv.pop(1).split(":")
    prepare(told, int(number), moment)
    from streams.cli.entry import main

    main()
