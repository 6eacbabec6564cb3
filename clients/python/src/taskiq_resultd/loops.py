"""What belongs to one event loop, made when the loop first needs it.

A worker forks, tests run a loop each, threads have loops of their own: a session may be used only
in the loop and the process that made it. It ends with its loop, also where nobody calls
``shutdown``, as with taskiq's in-memory broker.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
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
        """End the long polls, then the connections."""
        await self.waits.close()
        await self.transport.close()


class LoopClients:
    """The clients of this process, one for each loop that asked.

    There is no lock, which a fork could leave locked: each loop touches its own entry alone, and
    each step on the dictionary is atomic.
    """

    def __init__(self, make: Callable[[], LoopClient]) -> None:
        self._make = make
        self._process = os.getpid()
        self._entries: dict[asyncio.AbstractEventLoop, _Entry] = {}

    async def current(self) -> LoopClient:
        """Give the client of the running loop."""
        loop = asyncio.get_running_loop()
        if self._process != os.getpid():
            self._leave_parents()
        entry = self._entries.get(loop)
        if entry is None:
            self._drop_ended()
            client = self._make()
            entry = self._entries[loop] = _Entry(client, self._until_end_of(loop, client))
            # Once begun, the generator is closed by the loop's own end: `shutdown_asyncgens`.
            await entry.guard.__anext__()
        return entry.client

    async def close_current(self) -> None:
        """Close the client of the running loop, if it has one. It may be made anew afterwards."""
        entry = self._entries.get(asyncio.get_running_loop())
        if entry is not None and self._process == os.getpid():
            await entry.guard.aclose()

    def __del__(self) -> None:
        if self._process == os.getpid():
            self._drop_ended()
        else:
            self._leave_parents()

    def _leave_parents(self) -> None:
        _of_parent_processes.append(self._entries)
        self._entries = {}
        self._process = os.getpid()

    def _drop_ended(self) -> None:
        """Let go of the clients of loops that were closed without a proper end."""
        for loop in [loop for loop in list(self._entries) if loop.is_closed()]:
            entry = self._entries.pop(loop)
            # With the loop closed there is nothing to wait for: this ends at its first step.
            with suppress(StopIteration):
                entry.client.transport.close().send(None)

    async def _until_end_of(
        self, loop: asyncio.AbstractEventLoop, client: LoopClient
    ) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self._entries.pop(loop, None)
            await client.close()


@dataclass(frozen=True)
class _Entry:
    client: LoopClient
    guard: AsyncGenerator[None, None]
