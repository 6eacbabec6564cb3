"""Requests over aiohttp from one event loop: one session, and retries.

A session is bound to the loop that it was made in and to its process, so it is made when the loop
first needs it (see loops.py).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import aiohttp
from yarl import URL

from .answers import Answer
from .ids import encode_task_id
from .payload import Payload
from .retries import Backoff, PassingTroubleError, RetryPolicy

_CONNECT_S = 5.0
_WAIT_SLACK_S = 10.0
"""A long poll that is this late is taken for lost."""
_PASSING = frozenset({429, 500, 502, 503, 504})
_ABOUT_THE_BODY = frozenset({200, 201, 400})
"""Such an answer to a body that was not sent whole is one to other bytes."""


@dataclass(frozen=True)
class Request:
    """One request. ``path`` is below the service's address and percent-encoded."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    waits: float = 0.0
    """Seconds that the service may hold the answer back."""


@dataclass(frozen=True)
class Target:
    """Where and how requests go. Times are seconds."""

    url: URL
    """Without a user."""
    authorization: str | None = field(repr=False)
    request_timeout: float
    retry: RetryPolicy


def task_path(task_id: str, tail: str) -> str:
    """``/v1/tasks/{id}/{tail}`` for an id of taskiq's."""
    return f"/v1/tasks/{quote(encode_task_id(task_id), safe='')}/{tail}"


class Transport:
    """Sends requests in the loop that it was made in."""

    def __init__(self, target: Target) -> None:
        self._target = target
        headers = {} if target.authorization is None else {"Authorization": target.authorization}
        # No limit on connections: long polls must never keep a write from being sent.
        connector = aiohttp.TCPConnector(limit=0)
        self._session = aiohttp.ClientSession(connector=connector, headers=headers)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def ask(
        self, request: Request, again: Request | None = None, *, insists: bool = False
    ) -> Answer:
        """Send until there is an answer that is not 'later'; ``again`` from the second time on.

        :param insists: where 'later' is after the policy's time, it is sent once more at its end.
        :raises ResultdUnavailableError: after the policy's time.
        """
        backoff = Backoff(self._target.retry)
        while True:
            try:
                return await self.ask_once(request)
            except PassingTroubleError as trouble:
                await asyncio.sleep(backoff.pause_after(trouble, insists=insists))
                request = again or request

    async def ask_once(self, request: Request) -> Answer:
        """Send once.

        :raises PassingTroubleError: for what may be better later.
        """
        base = self._target.url
        url = URL(f"{str(base).rstrip('/')}{request.path}", encoded=True).with_query(
            dict(request.query) or None
        )
        asked = f"{request.method} {url}"
        slack = self._target.request_timeout
        if request.waits > 0:
            slack = request.waits + min(slack, _WAIT_SLACK_S)
        timeout = aiohttp.ClientTimeout(total=slack, sock_connect=_CONNECT_S)
        payload = None if request.body is None else Payload(request.body)
        try:
            async with self._session.request(
                request.method,
                url,
                headers=request.headers,
                data=payload,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                body = await response.read()
                answer = Answer(asked, response.status, response.headers, body)
        except asyncio.TimeoutError as error:
            raise PassingTroubleError(f"{asked} was not answered in {timeout.total} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise PassingTroubleError(f"{asked} failed: {error!r}") from error
        if answer.status in _PASSING:
            raise PassingTroubleError(str(answer.unexpected()), answer.retry_after())
        if answer.status in _ABOUT_THE_BODY and payload is not None and not payload.is_whole:
            raise PassingTroubleError(f"{asked} got {answer.status} before its body was sent")
        return answer
