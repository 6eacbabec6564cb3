"""The application that the tests run a `taskiq worker` for."""

import asyncio
import os
from pathlib import Path
from typing import Any

from taskiq import TaskiqDepends, TaskiqMessage, TaskiqMiddleware, TaskiqResult
from taskiq.depends.progress_tracker import ProgressTracker
from taskiq_redis import ListQueueBroker

from taskiq_resultd import ResultdResultBackend


class LogsOfTasks(TaskiqMiddleware):
    def post_execute(self, message: TaskiqMessage, result: TaskiqResult[Any]) -> None:
        result.log = f"{message.task_name} ran\n"


# A time-out on the socket, which redis-py has by default, would end the worker when it is idle.
broker = ListQueueBroker(os.environ["TEST_REDIS_URL"], socket_timeout=None).with_result_backend(
    ResultdResultBackend(os.environ["TEST_SERVICE_URL"])
)
broker.add_middlewares(LogsOfTasks())


@broker.task(queue="sums")
def add(one: int, other: int) -> int:
    return one + other


@broker.task
async def add_when_told(
    one: int,
    other: int,
    gate: str,
    tracker: ProgressTracker[Any] = TaskiqDepends(),  # noqa: B008
) -> int:
    """Say that it runs, and end when there is a file at ``gate``."""
    await tracker.set_progress("STARTED", one)
    while not Path(gate).exists():
        await asyncio.sleep(0.05)
    return one + other


@broker.task
def fail(text: str) -> None:
    try:
        int(text)
    except ValueError as error:
        raise LookupError("no such number", text) from error


@broker.task
async def report(steps: int, tracker: ProgressTracker[Any] = TaskiqDepends()) -> str:  # noqa: B008
    for step in range(steps):
        await tracker.set_progress("RUNNING", {"step": step})
    return "done"


@broker.task
def make_odd() -> Any:
    return {"lock": object()}
