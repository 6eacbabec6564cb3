"""A taskiq application: two tasks, and a client that waits for them.

Start a worker with `taskiq worker app:broker`, and then the client with `python app.py`.
"""

import asyncio
import time
from typing import Any

from taskiq import TaskiqDepends
from taskiq.depends.progress_tracker import ProgressTracker
from taskiq_redis import ListQueueBroker

from taskiq_resultd import ResultdResultBackend

results = ResultdResultBackend("http://127.0.0.1:8080")
# Without `socket_timeout=None` newer versions of redis-py end an idle worker.
broker = ListQueueBroker("redis://127.0.0.1:6379", socket_timeout=None).with_result_backend(results)


@broker.task
async def add_up(
    numbers: list[int],
    tracker: ProgressTracker[Any] = TaskiqDepends(),  # noqa: B008
) -> dict[str, float]:
    """Add numbers up, and say on the way how many are done."""
    for done in range(1, len(numbers) + 1):
        await asyncio.sleep(0.25)
        await tracker.set_progress("RUNNING", {"done": done, "of": len(numbers)})
    return {"sum": sum(numbers), "ended_at": time.time()}


@broker.task
def parse(text: str) -> int:
    """Fail where the text is no number."""
    return int(text)


async def main() -> None:
    """Start both tasks and show what became of them."""
    await broker.startup()
    sums = await add_up.kicker().with_task_id("sum-1").kiq([1, 2, 3])
    parsed = await parse.kicker().with_task_id("parse-1").kiq("six")

    result: Any = await sums.wait_result(timeout=30)
    value = result.return_value
    late = (time.time() - value["ended_at"]) * 1000
    print(f"sum-1    {value['sum']:.0f}, known {late:.0f} ms after the task had ended")
    progress = await sums.get_progress()
    print(f"         its progress: {progress.state} {progress.meta}" if progress else "no progress")
    failed = await parsed.wait_result(timeout=30)
    print(f"parse-1  {failed.error!r}")
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
