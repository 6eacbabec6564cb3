"""The worker's side, in a process of its own: stores outcomes when they are due.

It reads a line of JSON for each round, ``[[id, nanoseconds of CLOCK_MONOTONIC], …]``, and answers
with when it began to store each, ``{id: nanoseconds}``. It ends when its input does.
"""

import asyncio
import json
import sys
import time
from typing import Any, cast

from taskiq import AsyncResultBackend, TaskiqResult

from .contestants import Kind, make_backend


async def store(backend: AsyncResultBackend[Any], task_id: str, due_ns: int) -> int:
    """Store one outcome when it is due; give the time just before."""
    result = TaskiqResult(is_err=False, return_value=task_id, execution_time=0.5)
    await asyncio.sleep((due_ns - time.monotonic_ns()) / 1e9)
    began_ns = time.monotonic_ns()
    await backend.set_result(task_id, result)
    return began_ns


async def serve(kind: Kind, url: str) -> None:
    """Take rounds until the input ends."""
    backend = make_backend(kind, url)
    while line := await asyncio.to_thread(sys.stdin.readline):
        due = dict(json.loads(line))
        began = await asyncio.gather(*(store(backend, *one) for one in due.items()))
        print(json.dumps(dict(zip(due, began, strict=True))), flush=True)
    await backend.shutdown()


if __name__ == "__main__":
    asyncio.run(serve(cast(Kind, sys.argv[1]), sys.argv[2]))
