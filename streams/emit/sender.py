"""The thread that sends: takes batches from the buffer, and repeats them until they arrive."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from streams.emit.buffer import Buffer, Outgoing
from streams.emit.transport import Refusal, Transport, Unreachable

_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 30.0


class Sender:
    """One daemon thread with an event loop of its own, so that the bot's is never waited upon.

    `new_transport` is called on that loop. `arrived`, `refused` and `repeated` are told what came
    of events, on that thread.
    """

    def __init__(
        self,
        buffer: Buffer,
        new_transport: Callable[[], Transport],
        *,
        batch: int,
        linger_s: float,
        arrived: Callable[[int], None],
        refused: Callable[[Refusal], None],
        repeated: Callable[[str], None],
    ) -> None:
        self._buffer = buffer
        self._new_transport = new_transport
        self._batch = batch
        self._linger_s = linger_s
        self._arrived = arrived
        self._refused = refused
        self._repeated = repeated
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._woken: asyncio.Event | None = None
        self._hurry = False
        self._stopping = False

    def start(self) -> None:
        """Run, if it does not. Raises RuntimeError where the interpreter is ending."""
        if self._thread is not None:
            return
        with self._starting:
            if self._thread is None and not self._stopping:
                thread = threading.Thread(target=self._run, name="baton-emit", daemon=True)
                thread.start()
                self._thread = thread

    def forget(self) -> None:
        """In a process that was forked off: the thread stayed behind in the other."""
        self._starting = threading.Lock()
        self._thread = self._loop = self._woken = self._task = None

    def wake(self, *, hurry: bool = False) -> None:
        """There is something to send; `hurry`: do not wait for more."""
        self._hurry = self._hurry or hurry
        loop, woken = self._loop, self._woken
        if loop is not None and woken is not None:
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(woken.set)

    def stop(self, timeout_s: float) -> None:
        """End the thread; what it has not sent stays in the buffer."""
        self._stopping = True
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(task.cancel)
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop, self._woken = asyncio.get_running_loop(), asyncio.Event()
        self._task = asyncio.current_task()
        self._woken.set()  # for what was put before there was anybody to wake
        transport = self._new_transport()
        try:
            while not self._stopping:
                await self._woken.wait()
                self._woken.clear()
                await self._linger()
                while not self._stopping and (batch := self._buffer.take(self._batch)):
                    await self._deliver(transport, batch)
        finally:
            self._loop = None
            await transport.stop()

    async def _deliver(self, transport: Transport, batch: list[Outgoing]) -> None:
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                refusals: Sequence[Refusal] = await transport.send(batch)
                break
            except Unreachable as error:
                why, asked_s = str(error), error.wait_s
            except Exception as error:  # a defect of a transport must not end the thread
                why, asked_s = type(error).__name__, 0.0
            self._repeated(why)
            await asyncio.sleep(max(asked_s, wait_s * random.uniform(0.5, 1.0)))
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
        for refusal in refusals:
            self._refused(refusal)
        self._arrived(len(batch) - len(refusals))
        self._buffer.settle(batch)

    async def _linger(self) -> None:
        """Wait for more to send at once, unless somebody is in a hurry."""
        assert self._woken is not None
        deadline = asyncio.get_running_loop().time() + self._linger_s
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                while not self._hurry:
                    await self._woken.wait()
                    self._woken.clear()
        self._hurry = False
