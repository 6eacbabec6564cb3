"""One contestant's rounds: this process waits as a taskiq client, another one is the worker.

Times are of CLOCK_MONOTONIC, which on Linux is one clock for all processes of a machine.
"""

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from taskiq import AsyncTaskiqTask

from .contestants import Contestant, make_backend
from .schedule import Planned

_PACKAGE = Path(__file__).resolve().parents[1]
_LEAD_S = 0.2
_ANSWER_BYTES = 2**20
_GIVE_UP_S = 120.0


class Client:
    """The client, its connections kept over the rounds, and its worker."""

    def __init__(self, contestant: Contestant, worker: Process) -> None:
        self.contestant = contestant
        self.backend = make_backend(contestant.kind, contestant.url)
        self._worker = worker

    async def run(self, label: str, plan: list[Planned]) -> list[float]:
        """Wait for each task of a round; give the milliseconds from ``set_result`` to each return.

        :raises RuntimeError: where the machine was so busy that a wait began after its outcome.
        """
        start_ns = time.monotonic_ns() + round(_LEAD_S * 1e9)
        ids = [f"{self.contestant.key}-{label}-{number}" for number in range(len(plan))]
        due = [start_ns + round(wait.done * 1e9) for wait in plan]
        self._send(json.dumps(list(zip(ids, due, strict=True))))
        begin = [start_ns + round(wait.begins * 1e9) for wait in plan]
        waited = await asyncio.gather(*map(self._wait, ids, begin))
        stored_ns = await self._receive()
        late = [i for i, (began, _) in zip(ids, waited, strict=True) if began >= stored_ns[i]]
        if late:
            raise RuntimeError(f"waits began after their outcomes: {late}: the machine is too busy")
        return [
            (ended - stored_ns[task_id]) / 1e6
            for task_id, (_, ended) in zip(ids, waited, strict=True)
        ]

    async def look(self, tasks: int) -> float:
        """Look at so many pending tasks, one after the other; give the milliseconds."""
        ids = [f"{self.contestant.key}-look-{number}" for number in range(tasks)]
        began_ns = time.monotonic_ns()
        for task_id in ids:
            if await AsyncTaskiqTask[str](task_id, self.backend).is_ready():
                raise RuntimeError(f"{task_id} is ready")
        return (time.monotonic_ns() - began_ns) / 1e6

    async def _wait(self, task_id: str, begin_ns: int) -> tuple[int, int]:
        """Give when the wait began and when it returned."""
        await asyncio.sleep((begin_ns - time.monotonic_ns()) / 1e9)
        task = AsyncTaskiqTask[str](task_id, self.backend)
        began_ns = time.monotonic_ns()
        result = await task.wait_result(timeout=_GIVE_UP_S)
        ended_ns = time.monotonic_ns()
        if result.return_value != task_id:
            raise RuntimeError(f"{task_id} got the outcome {result.return_value!r}")
        return began_ns, ended_ns

    def _send(self, line: str) -> None:
        assert self._worker.stdin is not None
        self._worker.stdin.write(f"{line}\n".encode())

    async def _receive(self) -> dict[str, int]:
        assert self._worker.stdout is not None
        line = await self._worker.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker of {self.contestant.name} ended: see its error above")
        stored: dict[str, int] = json.loads(line)
        return stored


@asynccontextmanager
async def client_of(contestant: Contestant) -> AsyncIterator[Client]:
    """Give the client with a worker beside it; both end with the block."""
    command = (sys.executable, "-m", "bench.worker", contestant.kind, contestant.url)
    worker = await asyncio.create_subprocess_exec(
        *command, cwd=_PACKAGE, stdin=PIPE, stdout=PIPE, limit=_ANSWER_BYTES
    )
    client = Client(contestant, worker)
    try:
        yield client
    finally:
        await client.backend.shutdown()
        assert worker.stdin is not None
        worker.stdin.close()
        await worker.wait()
