"""A network that can be cut, between the workers and the brokers: a TCP proxy for each broker."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from typing import Literal

from streams.kafka.processes import LOOPBACK

_CHUNK = 64 * 1024

# cut: connections are dropped and new ones refused. swallow: they stay open, and what is sent is
# gone. stall: they stay open, and what is sent arrives when the network is whole again, late.
Network = Literal["whole", "cut", "swallow", "stall"]


class _Link:
    """Both directions of one connection."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self.writers = list(writers)
        self.swallowed = False

    def drop(self) -> None:
        """Reset both ends."""
        for writer in self.writers:
            writer.transport.abort()


class Proxy:
    """Forwards each front port to the port behind it, from a thread of its own."""

    def __init__(self, fronts: Sequence[tuple[int, int]]) -> None:
        self._fronts = fronts
        self._loop = asyncio.new_event_loop()
        self._network: Network = "whole"
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._links: set[_Link] = set()
        self._thread = threading.Thread(target=self._serve, name="proxy", daemon=True)

    def start(self) -> None:
        """Return once every front port is served. Raises OSError where one is taken."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def stop(self) -> None:
        """Drop everything; harmless when repeated."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)

    def become(self, network: Network) -> None:
        """Change the network; returns when the change has been made."""
        asyncio.run_coroutine_threadsafe(self._become(network), self._loop).result(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _listen(self) -> None:
        for front, behind in self._fronts:

            async def accept(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, behind: int = behind
            ) -> None:
                await self._accept(reader, writer, behind)

            await asyncio.start_server(accept, LOOPBACK, front)

    async def _become(self, network: Network) -> None:
        self._network = network
        if network == "stall":
            self._flowing.clear()
        else:
            self._flowing.set()
        for link in [*self._links]:
            # What has lost bytes cannot go on: both ends would read the rest for something else.
            if network == "cut" or (link.swallowed and network == "whole"):
                link.drop()

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, behind: int
    ) -> None:
        link = _Link(writer)
        self._links.add(link)
        try:
            if self._network == "cut":
                return
            if self._network == "swallow":
                link.swallowed = True
                await self._forward(link, reader, None)
                return
            await self._flowing.wait()
            answers, onward = await asyncio.open_connection(LOOPBACK, behind)
            link.writers.append(onward)
            directions = [
                asyncio.ensure_future(self._forward(link, reader, onward)),
                asyncio.ensure_future(self._forward(link, answers, writer)),
            ]
            # Kafka's clients and brokers close whole connections, so one end is the end of both.
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            for direction in directions:
                direction.cancel()
        except OSError:
            pass  # the broker is down, or either end went away
        finally:
            link.drop()
            self._links.discard(link)

    async def _forward(
        self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._flowing.wait()
                if writer is None or self._network == "swallow":
                    link.swallowed = True
                    continue
                writer.write(data)
                await writer.drain()
