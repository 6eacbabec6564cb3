"""Waiting without polling: one long poll for each task, shared by all who ask in this loop.

taskiq asks ``is_result_ready`` again and again, and looks at its own time-out only in between. So
each call looks on at the shared poll for a short time. A poll ends when it has its answer, or when
nobody has asked for a while. 'Not ready' is never remembered.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

from .answers import Answer
from .retries import Backoff, PassingTroubleError, RetryPolicy
from .transport import Request, Transport, task_path

_QUICK_S = 0.5
"""A 'not ready' that comes sooner than this did not wait, so the next request has to."""

logger = logging.getLogger("taskiq_resultd")


@dataclass(frozen=True)
class WaitSettings:
    """Times in seconds."""

    look_on: float
    """How long one ``is_result_ready`` looks on at most."""
    poll: float
    """How long the service is asked to hold one request."""
    idle: float
    """A poll that nobody has asked about for this long ends."""


class Waits:
    """The long polls of one loop, by task id."""

    def __init__(self, transport: Transport, settings: WaitSettings, retry: RetryPolicy) -> None:
        self._transport = transport
        self._settings = settings
        self._retry = retry
        self._polls: dict[str, _Poll] = {}

    async def is_ready(self, task_id: str) -> bool:
        """Look on at the task's poll, for a short time.

        :raises ResultdError: what ended the poll.
        """
        poll = self._polls.get(task_id)
        if poll is None:
            task = asyncio.create_task(self._follow(task_id), name=f"resultd wait {task_id!r}")
            poll = self._polls[task_id] = _Poll(task)
        poll.enter()
        try:
            # Not `wait_for`: one caller's time-out or cancellation must not end the poll of all.
            await asyncio.wait({poll.task}, timeout=self._settings.look_on)
            if not poll.task.done():
                return False
            # Only those who have waited for it are told; whoever asks next asks the service.
            self._forget(task_id, poll)
            if poll.task.cancelled():
                return False
            poll.task.result()
            return True
        finally:
            if poll.leave() and self._polls.get(task_id) is poll:
                poll.expire_after(self._settings.idle, lambda: self._forget(task_id, poll))

    def forget(self, task_id: str) -> None:
        """End the task's poll: what it knows may not be so any more."""
        poll = self._polls.get(task_id)
        if poll is not None and poll.task.done():
            self._forget(task_id, poll)

    async def close(self) -> None:
        """End all polls."""
        tasks = [poll.end() for poll in self._polls.values()]
        self._polls.clear()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, task_id: str, poll: "_Poll") -> None:
        poll.end()
        if self._polls.get(task_id) is poll:
            del self._polls[task_id]

    async def _follow(self, task_id: str) -> None:
        """Return when the task is ready. Lives through the service's restarts."""
        request = Request(
            "GET",
            task_path(task_id, "status"),
            query={"wait": f"{round(self._settings.poll * 1000)}ms"},
            waits=self._settings.poll,
        )
        clock = asyncio.get_running_loop().time
        backoff: Backoff | None = None
        while True:
            asked_at = clock()
            try:
                answer = await self._transport.ask_once(request)
            except PassingTroubleError as trouble:
                if backoff is None:
                    backoff = Backoff(self._retry)
                    logger.warning("waiting for %r goes on, but %s", task_id, trouble)
                await asyncio.sleep(backoff.pause_after(trouble))
                continue
            backoff = None
            if _says_ready(answer):
                return
            if clock() - asked_at < _QUICK_S:
                await asyncio.sleep(answer.retry_after() + random.uniform(0, _QUICK_S))


class _Poll:
    """A running poll, and who looks on."""

    def __init__(self, task: "asyncio.Task[None]") -> None:
        self.task = task
        task.add_done_callback(_retrieve)
        self._lookers = 0
        self._expiry: asyncio.TimerHandle | None = None

    def enter(self) -> None:
        self._lookers += 1
        self._stop_expiry()

    def leave(self) -> bool:
        """Whether nobody looks on any more."""
        self._lookers -= 1
        return self._lookers == 0

    def expire_after(self, seconds: float, forget: Callable[[], None]) -> None:
        self._stop_expiry()
        self._expiry = self.task.get_loop().call_later(seconds, forget)

    def end(self) -> "asyncio.Task[None]":
        self._stop_expiry()
        self.task.cancel()
        return self.task

    def _stop_expiry(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None


def _retrieve(task: "asyncio.Task[None]") -> None:
    """Take note of the error, so that asyncio does not complain where nobody looks on."""
    if not task.cancelled():
        task.exception()


def _says_ready(answer: Answer) -> bool:
    if answer.is_absent:
        return False
    if answer.status != 200:
        raise answer.unexpected()
    view = answer.json()
    if not isinstance(view, dict) or not isinstance(view.get("ready"), bool):
        raise answer.unexpected()
    return bool(view["ready"])
