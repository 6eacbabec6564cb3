"""A proxy in front of resultd: it counts requests, and misbehaves when told to."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import aiohttp
from aiohttp import web

from taskiq_resultd.payload import Payload

from .processes import HANGS_AFTER_S


@dataclass(frozen=True)
class Reply:
    """An answer of the proxy's own."""

    status: int
    text: str = "<h1>Bad gateway</h1>"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/html"})


Fault = Reply | Literal["cut before", "cut after", "hang", "pass"]
"""``cut before``: the service never sees the request. ``cut after``: its answer gets lost.
``hang``: it is never answered."""


class Front:
    """Each request takes the next fault, if there is one."""

    def __init__(self, target: str, client: aiohttp.ClientSession) -> None:
        self.url = ""
        self.requests: list[str] = []
        self.authorizations: list[str | None] = []
        self.faults: deque[Fault] = deque()
        self.always: Fault = "pass"
        self.open = 0
        self._target = target
        self._client = client
        self._changed = asyncio.Condition()

    def count(self, method: str = "") -> int:
        return sum(request.startswith(method) for request in self.requests)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until this holds; it is looked at when a request begins or ends."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(holds), HANGS_AFTER_S)

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append(f"{request.method} {request.path_qs}")
        self.authorizations.append(request.headers.get("Authorization"))
        self.open += 1
        await self._notify()
        try:
            return await self._answer(request)
        finally:
            self.open -= 1
            await asyncio.shield(asyncio.ensure_future(self._notify()))

    async def _answer(self, request: web.Request) -> web.Response:
        fault = self.faults.popleft() if self.faults else self.always
        if isinstance(fault, Reply):
            return web.Response(status=fault.status, text=fault.text, headers=fault.headers)
        if fault == "cut before":
            return _cut(request)
        if fault == "hang":
            await asyncio.Event().wait()
        async with self._client.request(
            request.method,
            self._target + request.raw_path,
            data=Payload(body) if (body := await request.read()) else None,
            headers=_without_hops(request.headers),
        ) as answer:
            body = await answer.read()
            if fault == "cut after":
                return _cut(request)
            headers = _without_hops(answer.headers)
            return web.Response(status=answer.status, body=body, headers=headers)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _cut(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def _without_hops(headers: Mapping[str, str]) -> dict[str, str]:
    hops = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}
    return {name: value for name, value in headers.items() if name.lower() not in hops}


@asynccontextmanager
async def front_of(target: str) -> AsyncIterator[Front]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector, skip_auto_headers=["Content-Type"]
    ) as client:
        front = Front(target, client)
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_route("*", "/{path:.*}", front.handle)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.5)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            front.url = f"http://{host}:{port}"
            yield front
        finally:
            await runner.cleanup()
