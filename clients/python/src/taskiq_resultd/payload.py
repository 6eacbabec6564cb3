"""A request's body, which is written whole, once, and known to have been.

Where a kept connection turns out to be dead, aiohttp sends a PUT again by itself, and some of its
versions do so with a body that is spent. Here sending again is for the transport to decide.
"""

import asyncio

import aiohttp
from aiohttp.abc import AbstractStreamWriter

_PIECE = 2**16
"""aiohttp warns of large bytes that are written in one go."""


class Payload(aiohttp.Payload):
    """The bytes of one sending. A second one fails as a lost connection does."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._content = content
        self._size = len(content)
        self._is_begun = False
        self._written = 0

    @property
    def is_whole(self) -> bool:
        """Whether all of it has been handed to the connection."""
        return self._written == len(self._content)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Give the body as text; newer versions of aiohttp ask for it in some places."""
        return self._content.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write all of it."""
        if self._is_begun:
            raise aiohttp.ClientConnectionError("the kept connection was dead")
        self._is_begun = True
        try:
            for start in range(0, len(self._content), _PIECE):
                piece = self._content[start : start + _PIECE]
                self._written += len(piece)
                await writer.write(piece)
        except asyncio.CancelledError:
            # The answer came before the body had gone. aiohttp 3.9 would use the connection again,
            # and the next request would be read as the rest of this body.
            transport = getattr(writer, "transport", None)
            if transport is not None:
                transport.abort()
            raise
