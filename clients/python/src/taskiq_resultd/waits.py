"""Waiting without polling: one long poll for each task, shared by all who wait in this loop.

Who looks at a task for the first time is told at once what the service says. Who looks again, and
``wait_result`` from the beginning, look on at the shared poll. A poll ends when it has its answer,
or when nobody has asked for a while. 'Not ready' is never remembered.
"""

import asyncio
import logging
import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from .looks import Looks, says_ready
from .retries import Backoff, PassingTroubleError, RetryPolicy
from .transport import Request, Transport, task_path

_QUICK_S = 0.5
"""A 'not ready' that comes sooner than this did not wait, so the next request has to."""
_OUTAGE_S = 60.0
"""Troubles that are less apart are of one outage."""

logger = logging.getLogger("taskiq_resultd")


@dataclass(frozen=True)
class WaitSettings:
    """Times in seconds."""

    look_on: float
    """How long who looks again looks on at most."""
    poll: float
    """How long the service is asked to hold one request."""
    idle: float
    """A task that nobody has asked about for this long is looked at for the first time again."""


class Waits:
    """Who looks at which tasks in one loop."""

    def __init__(self, transport: Transport, settings: WaitSettings, retry: RetryPolicy) -> None:
        self._transport = transport
        self._settings = settings
        self._retry = retry
        self._looks = Looks(transport)
        self._watches: dict[str, _Watch] = {}
        self._trouble_at = -math.inf

    async def is_ready(self, task_id: str, patience: float | None = None) -> bool:
        """Whether there is an outcome. 'No' is what the service said after the call began.

        In an outage it is 'no' as well, until a poll has tried for the policy's time.

        :param patience: seconds that the caller waits for it; None: it wants to know.
        :raises ResultdError: what ended the poll, or an answer that is not the service's.
        """
        watch = self._watches.get(task_id)
        if watch is None:
            watch = self._watches[task_id] = _Watch()
        watch.enter()
        try:
            waits = watch.was_pending or patience is not None
            seconds = self._settings.look_on if patience is None else patience
            if waits and await self._look_on(task_id, watch, seconds):
                return True
            try:
                # One who waits has a time-out, which a service that hangs must not stretch.
                within = None if patience is None else self._settings.look_on
                is_ready = await self._looks.is_ready(task_id, within)
            except PassingTroubleError as trouble:
                self._tell(trouble)
                return not waits and await self._look_on(task_id, watch, self._settings.look_on)
            watch.was_pending = not is_ready
            if is_ready:
                self._forget(task_id, watch)
            return is_ready
        finally:
            if watch.leave() and self._watches.get(task_id) is watch:
                watch.expire_after(self._settings.idle, lambda: self._forget(task_id, watch))

    def forget(self, task_id: str) -> None:
        """End the task's poll: what it knows may not be so any more."""
        watch = self._watches.get(task_id)
        if watch is not None and watch.is_told:
            self._forget(task_id, watch)

    async def close(self) -> None:
        """End all polls and looks."""
        polls = [watch.end() for watch in self._watches.values()]
        self._watches.clear()
        await asyncio.gather(*(poll for poll in polls if poll), return_exceptions=True)
        await self._looks.close()

    async def _look_on(self, task_id: str, watch: "_Watch", seconds: float) -> bool:
        poll = watch.poll
        if poll is None:
            poll = asyncio.create_task(self._follow(task_id), name=f"resultd wait {task_id!r}")
            watch.begin(poll)
        # Not `wait_for`: one caller's time-out or cancellation must not end the poll of all.
        await asyncio.wait({poll}, timeout=None if seconds == math.inf else seconds)
        if not poll.done():
            return False
        # Only those who have waited for it are told; whoever asks next asks the service.
        self._forget(task_id, watch)
        if poll.cancelled():
            return False
        poll.result()
        return True

    def _forget(self, task_id: str, watch: "_Watch") -> None:
        watch.end()
        if self._watches.get(task_id) is watch:
            del self._watches[task_id]

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
                self._tell(trouble)
                backoff = backoff or Backoff(self._retry)
                await asyncio.sleep(backoff.pause_after(trouble))
                continue
            backoff = None
            if says_ready(answer):
                return
            if clock() - asked_at < _QUICK_S:
                await asyncio.sleep(answer.retry_after() + random.uniform(0, _QUICK_S))

    def _tell(self, trouble: PassingTroubleError) -> None:
        """Log one line for an outage, not one for each wait."""
        before, self._trouble_at = self._trouble_at, asyncio.get_running_loop().time()
        if self._trouble_at - before > _OUTAGE_S:
            logger.warning("waits go on, for %g s each, but %s", self._retry.retry_for, trouble)


class _Watch:
    """One task that is looked at, and its poll where somebody waits for it."""

    def __init__(self) -> None:
        self.poll: asyncio.Task[None] | None = None
        self.was_pending = False
        """Whether somebody was told so: who looks now looks again."""
        self._lookers = 0
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def is_told(self) -> bool:
        """Whether the poll has its answer."""
        return self.poll is not None and self.poll.done()

    def begin(self, poll: "asyncio.Task[None]") -> None:
        self.poll = poll
        poll.add_done_callback(_retrieve)

    def enter(self) -> None:
        self._lookers += 1
        self._stop_expiry()

    def leave(self) -> bool:
        """Whether nobody looks any more."""
        self._lookers -= 1
        return self._lookers == 0

    def expire_after(self, seconds: float, forget: Callable[[], None]) -> None:
        self._stop_expiry()
        self._expiry = asyncio.get_running_loop().call_later(seconds, forget)

    def end(self) -> "asyncio.Task[None] | None":
        self._stop_expiry()
        if self.poll is not None:
            self.poll.cancel()
        return self.poll

    def _stop_expiry(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None


def _retrieve(task: "asyncio.Task[None]") -> None:
    """Take note of the error, so that asyncio does not complain where nobody looks on."""
    if not task.cancelled():
        task.exception()
