"""What belongs to one event loop, made when the loop first needs it.

A worker forks, tests run a loop each, threads have loops of their own: a session may be used only
in the loop and the process that made it. It ends with its loop, also where nobody calls
``shutdown``, as with taskiq's in-memory broker.
"""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from .transport import Transport
from .waits import Waits

_of_parent_processes: list[object] = []
"""Never let go: to close these would disturb the parent, which shares their sockets."""


@dataclass(frozen=True)
class LoopClient:
    """The session and the long polls of one loop."""

    transport: Transport
    waits: Waits

    async def close(self) -> None:
        """End the polls, then the connections."""
        await self.waits.close()
        await self.transport.close()


class LoopClients:
    """The clients of this process, one for each loop that asked."""

    def __init__(self, make: Callable[[], LoopClient]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._entries: dict[asyncio.AbstractEventLoop, _Entry] = {}

    async def current(self) -> LoopClient:
        """Give the client of the running loop."""
        loop = asyncio.get_running_loop()
        with self._lock:
            self._leave_parents()
            entry = self._entries.get(loop)
            if entry is not None:
                return entry.client
            for ended in [other for other in self._entries if other.is_closed()]:
                del self._entries[ended]
            client = self._make()
            entry = self._entries[loop] = _Entry(client, self._until_end_of(loop, client))
        # Once begun, the generator is closed by the loop's own end: `shutdown_asyncgens`.
        await entry.guard.__anext__()
        return client

    async def close_current(self) -> None:
        """Close the client of the running loop, if it has one. It may be made anew afterwards."""
        with self._lock:
            entry = self._entries.get(asyncio.get_running_loop())
        if entry is not None:
            await entry.guard.aclose()

    def _leave_parents(self) -> None:
        if self._process == os.getpid():
            return
        _of_parent_processes.append(self._entries)
        self._entries = {}
        self._process = os.getpid()

    async def _until_end_of(
        self, loop: asyncio.AbstractEventLoop, client: LoopClient
    ) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            with self._lock:
                self._entries.pop(loop, None)
            await client.close()


@dataclass(frozen=True)
class _Entry:
    client: LoopClient
    guard: AsyncGenerator[None, None]
