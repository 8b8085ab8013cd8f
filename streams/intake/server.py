"""The HTTP endpoint that platforms post to: /hooks/NAME, and nothing else but a probe."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import orjson
from aiohttp import web

from streams.http_log import server_log
from streams.intake.hooks import Answer, Hook, Reception

READ_WITHIN_S = 10.0
MOST_REQUESTS = 256
_KEEPALIVE_S = 30.0
_SHUTDOWN_S = 10.0
# For how long what comes behind an answer is read on, so that the answer is seen at all.
_LINGER_S = 1.0


class HooksError(RuntimeError):
    """The hooks cannot be served; the message says why and what to do."""


class HookServer:
    """Serves `hooks` by name on its own loop. Slow clients are cut off, too many are asked to wait.

    public_url  scheme and host under which platforms know us, for those who sign the address
    """

    def __init__(
        self,
        hooks: Mapping[str, Hook],
        reception: Reception,
        host: str,
        port: int,
        *,
        public_url: str = "",
        most_requests: int = MOST_REQUESTS,
        read_within_s: float = READ_WITHIN_S,
    ) -> None:
        self._hooks = hooks
        self._reception = reception
        self._host = host
        self._port = port
        self._public_url = public_url.rstrip("/")
        self._most_requests = most_requests
        self._read_within_s = read_within_s
        self._under_way = 0
        self._silent: set[asyncio.BaseProtocol] = set()
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Serve; returns the port. Raises HooksError where the address cannot be had."""
        app = web.Application(client_max_size=self._reception.most_bytes)
        app.router.add_route("POST", "/hooks/{name}", self._post)
        app.router.add_route("HEAD", "/hooks/{name}", self._head)
        app.router.add_route("GET", "/healthz", self._healthz)
        # Unpacked here, or a small body could be made a large one before anybody looks at it.
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=server_log("hooks"),
            auto_decompress=False,
            keepalive_timeout=_KEEPALIVE_S,
            lingering_time=_LINGER_S,
            shutdown_timeout=_SHUTDOWN_S,
        )
        await self._runner.setup()
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._connection, self._host, self._port
            )
        except OSError as error:
            await self.stop()
            raise HooksError(
                f"cannot serve hooks on {self._host}:{self._port}: {error.strerror or error};"
                " choose another with --hooks-port (0 takes a free one)"
            ) from None
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Take no more connections; answer what is under way, then close."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _connection(self) -> asyncio.Protocol:
        assert self._runner is not None
        assert self._runner.server is not None
        handler = self._runner.server()
        self._silent.add(handler)
        # aiohttp has no limit for a request whose head does not come.
        asyncio.get_running_loop().call_later(self._read_within_s, self._cut_silent, handler)
        return handler

    def _cut_silent(self, handler: web.RequestHandler) -> None:
        if handler in self._silent:
            self._silent.discard(handler)
            if handler.transport is not None:
                handler.transport.abort()

    async def _post(self, request: web.Request) -> web.Response:
        self._silent.discard(request.protocol)
        name = request.match_info["name"]
        hook = self._hooks.get(name)
        if hook is None:
            return _response(Answer(404, {"error": "no such hook"}))
        answer = await self._answer(hook, request)
        self._reception.counts.requests[(name, answer.status)] += 1
        response = _response(answer)
        if not request.content.is_eof():
            response.force_close()  # what was not read is not waited for
        return response

    async def _answer(self, hook: Hook, request: web.Request) -> Answer:
        most = self._reception.most_bytes
        if (request.content_length or 0) > most:
            return Answer(413, {"error": f"more than {most} bytes"})
        if self._under_way >= self._most_requests:
            return Answer(503, {"error": "too many requests at once"}, 1)
        self._under_way += 1
        try:
            async with asyncio.timeout(self._read_within_s):
                body = await request.read()
            headers = {key.lower(): value for key, value in request.headers.items()}
            return await self._reception.receive(hook, self._url(request), headers, body)
        except TimeoutError:
            return Answer(408, {"error": f"no whole body within {self._read_within_s:g} s"})
        except web.HTTPRequestEntityTooLarge:
            return Answer(413, {"error": f"more than {most} bytes"})
        finally:
            self._under_way -= 1

    def _url(self, request: web.Request) -> str:
        # As it was sent: the signature is over these very characters.
        return f"{self._public_url or f'{request.scheme}://{request.host}'}{request.raw_path}"

    async def _head(self, request: web.Request) -> web.Response:
        self._silent.discard(request.protocol)
        return web.Response(status=200 if request.match_info["name"] in self._hooks else 404)

    async def _healthz(self, request: web.Request) -> web.Response:
        self._silent.discard(request.protocol)
        return web.Response(text="ok\n")


def _response(answer: Answer) -> web.Response:
    response = web.Response(
        body=orjson.dumps(answer.told), status=answer.status, content_type="application/json"
    )
    if answer.retry_after_s is not None:
        response.headers["Retry-After"] = str(answer.retry_after_s)
    return response
