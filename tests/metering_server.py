"""Stand-ins for OpenMeter and Lago on loopback: neither is obtainable here.

They answer as the sources of both say (deploy/metering/README.md): which status, what of a batch is
taken, what happens to an id that they have. That real servers do so, no test of ours can prove.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web
from jsonschema import Draft202012Validator

from streams.kafka.processes import LOOPBACK, free_loopback_ports
from tests.unit.schemas.schema_store import FORMATS

FOLDER = Path(__file__).parent / "data" / "metering"
LAGO_BATCH = 100


@cache
def public_schema(system: str, name: str) -> Any:
    """A validator of one of a system's public schemas, as tests/data/metering restates them."""
    document = json.loads((FOLDER / f"{system}.json").read_text(encoding="utf-8"))
    document["$ref"] = f"#/$defs/{name}"
    return Draft202012Validator(document, format_checker=FORMATS)


@dataclass
class MeteringServer:
    """Serves between `async with`, always on the same port.

    `answers` are statuses of the next requests, before any is looked at; `after_taking` is called
    when a batch was stored and not yet answered. `refused` ids are never taken. `events` is what
    was stored, by id.
    """

    system: str
    answers: list[int] = field(default_factory=list)
    retry_after: str = ""
    refused: set[str] = field(default_factory=set)
    after_taking: Callable[[], None] = lambda: None
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    batches: list[list[str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    repeated: int = 0
    port: int = field(default_factory=lambda: free_loopback_ports(1)[0])
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where to post to."""
        path = "api/v1/events" if self.system == "openmeter" else "api/v1/events/batch"
        return f"http://{LOOPBACK}:{self.port}/{path}"

    def total(self, name: str) -> Decimal:
        """The sum of a property over what was stored, as an exact meter would have it."""
        inside = "data" if self.system == "openmeter" else "properties"
        return sum((Decimal(one[inside][name]) for one in self.events.values()), Decimal())

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/api/v1/events", self._openmeter)
        app.router.add_post("/api/v1/events/batch", self._lago)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, self.port).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def _forced(self, request: web.Request, ids: list[str]) -> web.Response | None:
        self.headers.append(dict(request.headers))
        self.batches.append(ids)
        if not self.answers:
            return None
        status = self.answers.pop(0)
        more = {"Retry-After": self.retry_after} if self.retry_after else {}
        return web.Response(status=status, headers=more, text="not now")

    async def _openmeter(self, request: web.Request) -> web.Response:
        events = orjson.loads(await request.read())
        forced = self._forced(request, [one["id"] for one in events])
        if forced is not None:
            return forced
        if request.content_type != "application/cloudevents-batch+json":
            return web.json_response({"detail": "invalid content type"}, status=400)
        for one in events:
            wrong = next(public_schema("openmeter", "MeteringEvent").iter_errors(one), None)
            if wrong is not None or one["id"] in self.refused:
                return web.json_response({"detail": "invalid event"}, status=400)
        for one in events:
            # Taken and dropped: by source and id, which is by id where there is one source.
            self.repeated += one["id"] in self.events
            self.events.setdefault(one["id"], one)
        self.after_taking()
        return web.Response(status=204)

    async def _lago(self, request: web.Request) -> web.Response:
        body = orjson.loads(await request.read())
        ids = [one["transaction_id"] for one in body["events"]]
        forced = self._forced(request, ids)
        if forced is not None:
            return forced
        assert list(public_schema("lago", "EventBatchInput").iter_errors(body)) == []
        errors: dict[str, Any] = {
            str(at): {"properties": ["value_is_not_valid_number"]}
            for at, name in enumerate(ids)
            if name in self.refused
        }
        if not errors:
            seen = set(self.events)
            for at, name in enumerate(ids):
                if name in seen:
                    errors[str(at)] = {"transaction_id": ["value_already_exist"]}
                seen.add(name)
        if errors:
            self.repeated += len(errors)
            told = {"status": 422, "error": "Unprocessable Entity", "code": "validation_errors"}
            answer = {**told, "error_details": errors}
            assert public_schema("lago", "ApiErrorUnprocessableEntity").is_valid(answer)
            return web.json_response(answer, status=422)
        self.events |= zip(ids, body["events"], strict=True)
        self.after_taking()
        return web.json_response({"events": body["events"]})
