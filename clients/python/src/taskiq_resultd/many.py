"""Waiting for many tasks with one request: resultd's batch wait."""

import asyncio
import json
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .answers import Answer
from .ids import encode_task_id
from .serializers import JSON
from .transport import Request, Transport

MOST_IDS = 10_000
"""Ids that resultd takes in one request."""
_WAIT_S = 30.0
_QUICK_S = 0.5


@dataclass(frozen=True)
class ManyReady:
    """Which of the tasks have a result, in the order in which they were asked for."""

    ready: list[str]
    pending: list[str]
    is_complete: bool
    """Whether as many are ready as were waited for; False where the time was up before."""


class ManyWait:
    """One wait for many tasks."""

    def __init__(self, task_ids: Iterable[str], count: int | None) -> None:
        """Wait for all of the ids, or for ``count`` of them. An id that is there twice is one.

        :raises ValueError: for a ``count`` that can never be reached, or a part of too many ids.
        """
        self._task_ids = list(dict.fromkeys(task_ids))
        self._pending = self._task_ids
        self._left = len(self._pending) if count is None else count
        if not 0 <= self._left <= len(self._pending):
            raise ValueError(f"count is {count}, and there are {len(self._pending)} tasks")
        if self._left < len(self._pending) and len(self._pending) > MOST_IDS:
            raise ValueError(f"part of more than {MOST_IDS} tasks cannot be waited for at once")

    async def run(self, transport: Transport, timeout: float) -> ManyReady:
        """Ask until enough are ready or ``timeout`` seconds have passed; below 0: without end."""
        deadline = None if timeout < 0 else time.monotonic() + timeout
        while self._left > 0:
            left = _WAIT_S if deadline is None else max(0.0, deadline - time.monotonic())
            asked_at = time.monotonic()
            asked = self._pending[:MOST_IDS]
            request = wait_request(asked, min(self._left, len(asked)), min(left, _WAIT_S))
            found = ready_among(asked, await transport.ask(request))
            self._pending = [task_id for task_id in self._pending if task_id not in found]
            self._left -= len(found)
            if self._left > 0 and deadline is not None and time.monotonic() >= deadline:
                break
            if self._left > 0 and time.monotonic() - asked_at < min(left, _QUICK_S):
                await asyncio.sleep(random.uniform(0, _QUICK_S))  # a service that shuts down
        pending = set(self._pending)
        return ManyReady(
            ready=[task_id for task_id in self._task_ids if task_id not in pending],
            pending=self._pending,
            is_complete=self._left <= 0,
        )


def wait_request(task_ids: Sequence[str], count: int, seconds: float) -> Request:
    """Make the request that waits for so many of the tasks."""
    body = {
        "task_ids": [encode_task_id(task_id) for task_id in task_ids],
        "mode": {"count": count},
        "wait": f"{round(seconds * 1000)}ms",
        "include": "status",
    }
    content = json.dumps(body).encode()
    headers = {"Content-Type": JSON}
    return Request("POST", "/v1/batch/wait", headers=headers, body=content, waits=seconds)


def ready_among(task_ids: Iterable[str], answer: Answer) -> set[str]:
    """Give those of the tasks that the answer says are ready."""
    document = answer.json() if answer.status == 200 else None
    entries = document.get("ready") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise answer.unexpected()
    ready = {_task_id(entry, answer) for entry in entries}
    return {task_id for task_id in task_ids if encode_task_id(task_id) in ready}


def _task_id(entry: Any, answer: Answer) -> str:
    task_id = entry.get("task_id") if isinstance(entry, dict) else None
    if not isinstance(task_id, str):
        raise answer.unexpected()
    return task_id
